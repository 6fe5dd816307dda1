-- Lists by the time of the last change, and figures that read no more of the ledger than the days asked for.

CREATE INDEX customers_updated_at ON customers (updated_at, id);
CREATE INDEX sims_updated_at ON sims (updated_at, id);
CREATE INDEX numbers_updated_at ON numbers (updated_at, id);
CREATE INDEX contracts_updated_at ON contracts (updated_at, id);
CREATE INDEX tickets_updated_at ON tickets (updated_at, id);

-- until now a transaction was last changed when it became final, or else when it was created; a generated column is filled
-- without an update, which the ledger would refuse
ALTER TABLE payments ADD COLUMN updated_at TIMESTAMPTZ GENERATED ALWAYS AS (COALESCE(processed_at, created_at)) STORED;
ALTER TABLE payments ALTER COLUMN updated_at DROP EXPRESSION;
ALTER TABLE payments ALTER COLUMN updated_at SET NOT NULL;
CREATE INDEX payments_updated_at ON payments (updated_at, id);

ALTER TABLE notifications ADD COLUMN updated_at TIMESTAMPTZ GENERATED ALWAYS AS (COALESCE(read_at, sent_at, created_at)) STORED;
ALTER TABLE notifications ALTER COLUMN updated_at DROP EXPRESSION;
ALTER TABLE notifications ALTER COLUMN updated_at SET NOT NULL;
CREATE INDEX notifications_updated_at ON notifications (updated_at, id);
ALTER TABLE gateway_refunds ADD COLUMN updated_at TIMESTAMPTZ GENERATED ALWAYS AS (COALESCE(finished_at, created_at)) STORED;
ALTER TABLE gateway_refunds ALTER COLUMN updated_at DROP EXPRESSION;
ALTER TABLE gateway_refunds ALTER COLUMN updated_at SET NOT NULL;
CREATE INDEX gateway_refunds_updated_at ON gateway_refunds (updated_at, id);
ALTER TABLE billing_runs ADD COLUMN updated_at TIMESTAMPTZ GENERATED ALWAYS AS (COALESCE(finished_at, started_at)) STORED;
ALTER TABLE billing_runs ALTER COLUMN updated_at DROP EXPRESSION;
ALTER TABLE billing_runs ALTER COLUMN updated_at SET NOT NULL;
CREATE INDEX billing_runs_updated_at ON billing_runs (updated_at, id);

-- the columns that statistics read, so that they need the index only
DROP INDEX payments_processed_at;
CREATE INDEX payments_processed_at ON payments (processed_at, status, transaction_type, payment_method, amount, period_start);

-- whether a subscriber has an active contract
CREATE INDEX contracts_active_customer ON contracts (customer_id) WHERE status = 'active';
