-- Payments by gateways: their links, what gateways said, refunds through them, and settlement files compared with the ledger.

-- in the row itself, so that one index finds a gateway's payments in their order
ALTER TABLE payments ADD COLUMN gateway TEXT;
CREATE INDEX payments_gateway ON payments (gateway, created_at, id) WHERE gateway IS NOT NULL;
CREATE INDEX payments_gateway_processed_at ON payments (gateway, processed_at, id) WHERE gateway IS NOT NULL AND status = 'success';

-- what changes while a gateway has a payment in hand; the ledger's row does not
CREATE TABLE gateway_payments (
    payment_id         INTEGER PRIMARY KEY REFERENCES payments (id),
    gateway            TEXT    NOT NULL,
    gateway_payment_id TEXT,
    link               TEXT,
    return_url         TEXT    NOT NULL,
    created_at         TEXT    NOT NULL,
    expires_at         TEXT    NOT NULL,
    -- when the gateway is asked next; NULL once there is nothing left to ask
    next_poll_at       TEXT,
    -- why the payment waits for somebody's decision
    quarantine         TEXT,
    -- what is on its way back to the payer
    refund_requested   INTEGER NOT NULL DEFAULT 0 CHECK (refund_requested >= 0)
) STRICT;
CREATE INDEX gateway_payments_next_poll ON gateway_payments (gateway, next_poll_at) WHERE next_poll_at IS NOT NULL;
CREATE INDEX gateway_payments_quarantine ON gateway_payments (created_at, payment_id) WHERE quarantine IS NOT NULL;

-- Every event that a gateway sent with a good signature, once and forever.
CREATE TABLE gateway_events (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway            TEXT    NOT NULL,
    event_id           TEXT    NOT NULL,
    event_type         TEXT    NOT NULL,
    reference          TEXT    NOT NULL,
    payment_id         INTEGER REFERENCES payments (id),
    amount             INTEGER,
    currency           TEXT,
    reason             TEXT,
    gateway_refund_id  TEXT,
    outcome            TEXT    NOT NULL,
    received_at        TEXT    NOT NULL,
    UNIQUE (gateway, event_id)
) STRICT;
CREATE INDEX gateway_events_received_at ON gateway_events (received_at, id);
CREATE INDEX gateway_events_payment ON gateway_events (payment_id, received_at, id);
CREATE INDEX gateway_events_gateway ON gateway_events (gateway, received_at, id);
CREATE INDEX gateway_events_outcome ON gateway_events (outcome, received_at, id);

-- Refunds through gateways: requested, then done (a refund in the ledger) or failed.
CREATE TABLE gateway_refunds (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    payment_id        INTEGER NOT NULL REFERENCES payments (id),
    gateway           TEXT    NOT NULL,
    amount            INTEGER NOT NULL CHECK (amount > 0),
    reason            TEXT    NOT NULL,
    status            TEXT    NOT NULL,
    gateway_refund_id TEXT,
    failure_reason    TEXT,
    refund_id         INTEGER UNIQUE REFERENCES payments (id),
    requested_by      TEXT    NOT NULL,
    created_at        TEXT    NOT NULL,
    finished_at       TEXT,
    attempts          INTEGER NOT NULL DEFAULT 0,
    next_try_at       TEXT,
    -- when nobody has said by then what became of it, somebody has to find out
    asked_until       TEXT        NOT NULL,
    version           INTEGER NOT NULL DEFAULT 1,
    CHECK ((status = 'done') = (refund_id IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX gateway_refunds_gateway_refund ON gateway_refunds (gateway, gateway_refund_id) WHERE gateway_refund_id IS NOT NULL;
CREATE INDEX gateway_refunds_next_try ON gateway_refunds (gateway, next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX gateway_refunds_created_at ON gateway_refunds (created_at, id);
CREATE INDEX gateway_refunds_payment ON gateway_refunds (payment_id, created_at, id);
CREATE INDEX gateway_refunds_gateway ON gateway_refunds (gateway, created_at, id);
CREATE INDEX gateway_refunds_status ON gateway_refunds (status, created_at, id);

CREATE TABLE reconciliations (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway          TEXT    NOT NULL,
    from_date        TEXT    NOT NULL,
    to_date          TEXT    NOT NULL,
    file_sha256      TEXT    NOT NULL,
    file_rows        INTEGER NOT NULL,
    matched          INTEGER NOT NULL,
    missing_here     INTEGER NOT NULL,
    missing_there    INTEGER NOT NULL,
    different_amount INTEGER NOT NULL,
    created_by       TEXT    NOT NULL,
    created_at       TEXT    NOT NULL
) STRICT;
CREATE INDEX reconciliations_created_at ON reconciliations (created_at, id);
CREATE INDEX reconciliations_gateway ON reconciliations (gateway, created_at, id);

CREATE TABLE reconciliation_rows (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    reconciliation_id INTEGER NOT NULL REFERENCES reconciliations (id),
    kind              TEXT    NOT NULL,
    line              INTEGER,
    reference         TEXT    NOT NULL,
    payment_id        INTEGER REFERENCES payments (id),
    their_amount      INTEGER,
    their_currency    TEXT,
    our_amount        INTEGER,
    our_status        TEXT
) STRICT;
CREATE INDEX reconciliation_rows_all ON reconciliation_rows (reconciliation_id, id);
CREATE INDEX reconciliation_rows_kind ON reconciliation_rows (reconciliation_id, kind, id);
