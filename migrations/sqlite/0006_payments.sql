-- The ledger: successful rows are never changed or removed; and the periods that were charged.

CREATE TABLE payments (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    contract_id      INTEGER NOT NULL REFERENCES contracts (id),
    transaction_type TEXT    NOT NULL,
    amount           INTEGER NOT NULL,
    status           TEXT    NOT NULL,
    payment_method   TEXT    NOT NULL,
    transaction_id   TEXT    UNIQUE,
    description      TEXT,
    created_at       TEXT    NOT NULL,
    processed_at     TEXT,
    processed_by     TEXT,
    balance_after    INTEGER,
    refund_of        INTEGER REFERENCES payments (id),
    period_start     TEXT,
    period_end       TEXT,
    version          INTEGER NOT NULL DEFAULT 1,
    -- a correction goes either way, everything else has its sign in its type
    CHECK (transaction_type = 'correction' OR amount > 0),
    CHECK (status <> 'success' OR (balance_after IS NOT NULL AND processed_at IS NOT NULL))
) STRICT;
CREATE INDEX payments_contract ON payments (contract_id, id);
CREATE INDEX payments_created_at ON payments (created_at, id);
CREATE INDEX payments_status ON payments (status, id);
CREATE INDEX payments_transaction_type ON payments (transaction_type, id);
CREATE INDEX payments_payment_method ON payments (payment_method, id);
CREATE INDEX payments_amount ON payments (amount, id);
CREATE INDEX payments_refund_of ON payments (refund_of) WHERE refund_of IS NOT NULL;

CREATE TRIGGER payments_success_is_final BEFORE UPDATE ON payments WHEN old.status = 'success' BEGIN
    SELECT RAISE(ABORT, 'a successful transaction is never changed');
END;
CREATE TRIGGER payments_success_stays BEFORE DELETE ON payments WHEN old.status = 'success' BEGIN
    SELECT RAISE(ABORT, 'a successful transaction is never deleted');
END;

-- [period_start, period_end): a prepaid period is charged when it begins, a postpaid one when it ends
CREATE TABLE contract_periods (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    contract_id       INTEGER NOT NULL REFERENCES contracts (id),
    period_start      TEXT    NOT NULL,
    period_end        TEXT    NOT NULL,
    tariff_version_id INTEGER NOT NULL REFERENCES tariff_versions (id),
    fee               INTEGER CHECK (fee >= 0),
    payment_id        INTEGER UNIQUE REFERENCES payments (id),
    charged_at        TEXT,
    ended_on          TEXT,
    CHECK (period_start < period_end),
    UNIQUE (contract_id, period_start)
) STRICT;
CREATE INDEX contract_periods_end ON contract_periods (contract_id, period_end);
