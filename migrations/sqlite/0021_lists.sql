-- Lists by the time of the last change, and figures that read no more of the ledger than the days asked for.

CREATE INDEX customers_updated_at ON customers (updated_at, id);
CREATE INDEX sims_updated_at ON sims (updated_at, id);
CREATE INDEX numbers_updated_at ON numbers (updated_at, id);
CREATE INDEX contracts_updated_at ON contracts (updated_at, id);
CREATE INDEX tickets_updated_at ON tickets (updated_at, id);

-- until now a transaction was last changed when it became final, or else when it was created
ALTER TABLE payments ADD COLUMN updated_at TEXT NOT NULL DEFAULT '';
DROP TRIGGER payments_success_is_final;
UPDATE payments SET updated_at = COALESCE(processed_at, created_at);
CREATE TRIGGER payments_success_is_final BEFORE UPDATE ON payments WHEN old.status = 'success' BEGIN
    SELECT RAISE(ABORT, 'a successful transaction is never changed');
END;
CREATE INDEX payments_updated_at ON payments (updated_at, id);

ALTER TABLE notifications ADD COLUMN updated_at TEXT NOT NULL DEFAULT '';
UPDATE notifications SET updated_at = COALESCE(read_at, sent_at, created_at);
CREATE INDEX notifications_updated_at ON notifications (updated_at, id);
ALTER TABLE gateway_refunds ADD COLUMN updated_at TEXT NOT NULL DEFAULT '';
UPDATE gateway_refunds SET updated_at = COALESCE(finished_at, created_at);
CREATE INDEX gateway_refunds_updated_at ON gateway_refunds (updated_at, id);
ALTER TABLE billing_runs ADD COLUMN updated_at TEXT NOT NULL DEFAULT '';
UPDATE billing_runs SET updated_at = COALESCE(finished_at, started_at);
CREATE INDEX billing_runs_updated_at ON billing_runs (updated_at, id);

-- the columns that statistics read, so that they need the index only
DROP INDEX payments_processed_at;
CREATE INDEX payments_processed_at ON payments (processed_at, status, transaction_type, payment_method, amount, period_start);

-- whether a subscriber has an active contract
CREATE INDEX contracts_active_customer ON contracts (customer_id) WHERE status = 'active';
