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
    ledger_number    INTEGER CHECK (ledger_number > 0),
    refund_of        INTEGER REFERENCES payments (id),
    failure_reason   TEXT,
    period_start     TEXT,
    period_end       TEXT,
    search_text      TEXT    NOT NULL DEFAULT '',
    version          INTEGER NOT NULL DEFAULT 1,
    -- a correction goes either way, everything else has its sign in its type
    CHECK (transaction_type = 'correction' OR amount > 0),
    CHECK (transaction_type <> 'correction' OR amount <> 0),
    -- that a payment was given back is told by its refunds
    CHECK (status IN ('pending', 'processing', 'success', 'failed', 'cancelled')),
    CHECK ((status = 'success') = (balance_after IS NOT NULL) AND (status = 'success') = (ledger_number IS NOT NULL)),
    CHECK (status <> 'success' OR processed_at IS NOT NULL),
    CHECK ((refund_of IS NOT NULL) = (transaction_type = 'refund')),
    -- the place in the contract's ledger
    UNIQUE (contract_id, ledger_number)
) STRICT;
CREATE INDEX payments_contract ON payments (contract_id, created_at, id);
CREATE INDEX payments_created_at ON payments (created_at, id);
CREATE INDEX payments_processed_at ON payments (processed_at) WHERE status = 'success';
CREATE INDEX payments_status ON payments (status, created_at, id);
CREATE INDEX payments_transaction_type ON payments (transaction_type, created_at, id);
CREATE INDEX payments_payment_method ON payments (payment_method, created_at, id);
CREATE INDEX payments_amount ON payments (amount, id);
CREATE INDEX payments_refund_of ON payments (refund_of) WHERE refund_of IS NOT NULL;

-- payments that were given back whole; a note beside the ledger, whose rows stay as they are
CREATE TABLE refunded_payments (
    payment_id  INTEGER PRIMARY KEY REFERENCES payments (id),
    refunded_at TEXT    NOT NULL
) STRICT;

CREATE TRIGGER payments_success_is_final BEFORE UPDATE ON payments WHEN old.status = 'success' BEGIN
    SELECT RAISE(ABORT, 'a successful transaction is never changed');
END;
CREATE TRIGGER payments_success_stays BEFORE DELETE ON payments WHEN old.status = 'success' BEGIN
    SELECT RAISE(ABORT, 'a successful transaction is never deleted');
END;
-- REPLACE removes the rows in its way without asking the trigger above
CREATE TRIGGER payments_success_is_not_replaced BEFORE INSERT ON payments
    WHEN EXISTS (SELECT 1 FROM payments WHERE id = new.id AND status = 'success')
        OR EXISTS (SELECT 1 FROM payments WHERE transaction_id = new.transaction_id AND status = 'success')
        OR EXISTS (SELECT 1 FROM payments WHERE contract_id = new.contract_id AND ledger_number = new.ledger_number) BEGIN
    SELECT RAISE(ABORT, 'a successful transaction is never replaced');
END;
CREATE TRIGGER payments_success_is_not_displaced BEFORE UPDATE OF id, contract_id, transaction_id, ledger_number ON payments
    WHEN EXISTS (SELECT 1 FROM payments WHERE id = new.id AND id <> old.id AND status = 'success')
        OR EXISTS (SELECT 1 FROM payments WHERE transaction_id = new.transaction_id AND id <> old.id AND status = 'success')
        OR EXISTS (SELECT 1 FROM payments WHERE contract_id = new.contract_id AND ledger_number = new.ledger_number AND id <> old.id) BEGIN
    SELECT RAISE(ABORT, 'a successful transaction is never replaced');
END;

-- charges have no words to look for
CREATE VIRTUAL TABLE payments_search USING fts5 (search_text, content = 'payments', content_rowid = 'id', tokenize = 'trigram');
CREATE TRIGGER payments_search_insert AFTER INSERT ON payments WHEN new.search_text <> '' BEGIN
    INSERT INTO payments_search (rowid, search_text) VALUES (new.id, new.search_text);
END;
CREATE TRIGGER payments_search_update AFTER UPDATE OF search_text ON payments WHEN old.search_text IS NOT new.search_text BEGIN
    INSERT INTO payments_search (payments_search, rowid, search_text) SELECT 'delete', old.id, old.search_text WHERE old.search_text <> '';
    INSERT INTO payments_search (rowid, search_text) SELECT new.id, new.search_text WHERE new.search_text <> '';
END;
CREATE TRIGGER payments_search_delete AFTER DELETE ON payments WHEN old.search_text <> '' BEGIN
    INSERT INTO payments_search (payments_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
END;

-- [period_start, period_end): a prepaid period is charged when it begins, a postpaid one when it ends.
-- What a whole one costs (tariff and options less discount) is noted when it begins. A change of tariff or options in between
-- ends it on that day (ended_on) and begins another for the rest: of that, whole_days is the length of the whole.
CREATE TABLE contract_periods (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    contract_id       INTEGER NOT NULL REFERENCES contracts (id),
    period_start      TEXT    NOT NULL,
    period_end        TEXT    NOT NULL,
    tariff_version_id INTEGER NOT NULL REFERENCES tariff_versions (id),
    option_fees       TEXT    NOT NULL DEFAULT '',
    whole_fee         INTEGER NOT NULL CHECK (whole_fee >= 0),
    whole_days        INTEGER NOT NULL CHECK (whole_days > 0),
    fee               INTEGER CHECK (fee >= 0),
    credited          INTEGER NOT NULL DEFAULT 0 CHECK (credited >= 0),
    payment_id        INTEGER UNIQUE REFERENCES payments (id),
    charged_at        TEXT,
    ended_on          TEXT,
    CHECK (period_start < period_end),
    UNIQUE (contract_id, period_start)
) STRICT;
CREATE INDEX contract_periods_end ON contract_periods (contract_id, period_end);
CREATE INDEX contract_periods_tariff_version ON contract_periods (tariff_version_id, charged_at, fee, credited);

-- which charge a correction gives back because a change cut its period
CREATE TABLE charge_credits (
    credit_id INTEGER PRIMARY KEY REFERENCES payments (id),
    charge_id INTEGER NOT NULL UNIQUE REFERENCES payments (id)
) STRICT;
