-- Credit for a time against a promised payment: what counts now stands with the contract, what was promised in a table of its own.

ALTER TABLE contracts ADD COLUMN promised_credit INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contracts ADD COLUMN is_promise_broken INTEGER NOT NULL DEFAULT 0;

CREATE TABLE promised_payments (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    contract_id INTEGER NOT NULL REFERENCES contracts (id),
    amount      INTEGER NOT NULL CHECK (amount > 0),
    fee         INTEGER NOT NULL CHECK (fee >= 0),
    status      TEXT NOT NULL CHECK (status IN ('active', 'kept', 'broken', 'ended')),
    granted_at  TEXT NOT NULL,
    granted_by  TEXT NOT NULL,
    due_at      TEXT NOT NULL,
    ended_at    TEXT,
    CHECK ((status = 'active') = (ended_at IS NULL))
) STRICT;
CREATE UNIQUE INDEX promised_payments_active ON promised_payments (contract_id) WHERE status = 'active';
CREATE INDEX promised_payments_due ON promised_payments (due_at, id) WHERE status = 'active';
CREATE INDEX promised_payments_contract ON promised_payments (contract_id, granted_at, id);
