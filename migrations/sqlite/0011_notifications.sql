-- What becomes of events: messages to subscribers and staff, deliveries to integrators, and how far they have been told.

-- one row: the last event that was told of, and the last one that is no longer kept
CREATE TABLE event_relay (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    last_event_id INTEGER NOT NULL,
    forgotten_id  INTEGER NOT NULL
) STRICT;
-- what happened before there were messages is told to nobody
INSERT INTO event_relay (id, last_event_id, forgotten_id) SELECT 1, COALESCE(MAX(id), 0), 0 FROM events;
CREATE INDEX events_kind ON events (kind, id);

CREATE TABLE notifications (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    kind            TEXT    NOT NULL,
    channel         TEXT    NOT NULL CHECK (channel IN ('email', 'sms', 'in_app')),
    status          TEXT    NOT NULL CHECK (status IN ('pending', 'sent', 'failed', 'logged')),
    event_id        INTEGER NOT NULL,
    contract_id     INTEGER,
    customer_id     INTEGER,
    user_id         INTEGER REFERENCES users (id) ON DELETE CASCADE,
    recipient       TEXT    NOT NULL,
    subject         TEXT    NOT NULL,
    text            TEXT    NOT NULL,
    message_id      TEXT    NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TEXT,
    last_error      TEXT,
    created_at      TEXT    NOT NULL,
    sent_at         TEXT,
    read_at         TEXT,
    version         INTEGER NOT NULL DEFAULT 1,
    CHECK ((status = 'pending') = (next_attempt_at IS NOT NULL)),
    CHECK ((channel = 'in_app') = (user_id IS NOT NULL))
) STRICT;
CREATE INDEX notifications_created_at ON notifications (created_at, id);
CREATE INDEX notifications_kind ON notifications (kind, created_at, id);
CREATE INDEX notifications_channel ON notifications (channel, created_at, id);
CREATE INDEX notifications_status ON notifications (status, created_at, id);
CREATE INDEX notifications_contract ON notifications (contract_id, created_at, id);
CREATE INDEX notifications_customer ON notifications (customer_id, created_at, id);
CREATE INDEX notifications_inbox ON notifications (user_id, created_at, id) WHERE user_id IS NOT NULL;
CREATE INDEX notifications_unread ON notifications (user_id, created_at, id) WHERE user_id IS NOT NULL AND read_at IS NULL;
CREATE INDEX notifications_due ON notifications (channel, next_attempt_at, id) WHERE status = 'pending';

-- texts that an administrator changed; without one, or where it is NULL again, the built-in text counts
CREATE TABLE notification_templates (
    kind       TEXT    NOT NULL,
    channel    TEXT    NOT NULL,
    language   TEXT    NOT NULL,
    subject    TEXT,
    text       TEXT,
    updated_at TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    PRIMARY KEY (kind, channel, language)
) STRICT;

-- a deleted endpoint stays, hidden, until its deliveries are removed
CREATE TABLE webhook_endpoints (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    url             TEXT    NOT NULL,
    kinds           TEXT    NOT NULL,
    description     TEXT,
    is_active       INTEGER NOT NULL,
    is_deleted      INTEGER NOT NULL DEFAULT 0,
    secret          BLOB    NOT NULL,
    previous_secret BLOB,
    previous_until  TEXT,
    created_at      TEXT    NOT NULL,
    updated_at      TEXT    NOT NULL,
    version         INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX webhook_endpoints_created_at ON webhook_endpoints (created_at, id);

CREATE TABLE webhook_deliveries (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint_id     INTEGER NOT NULL REFERENCES webhook_endpoints (id),
    event_id        INTEGER,
    kind            TEXT    NOT NULL,
    message_id      TEXT    NOT NULL,
    body            TEXT    NOT NULL,
    status          TEXT    NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts        INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TEXT,
    last_status     INTEGER,
    last_error      TEXT,
    created_at      TEXT    NOT NULL,
    delivered_at    TEXT,
    CHECK ((status = 'pending') = (next_attempt_at IS NOT NULL))
) STRICT;
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (endpoint_id, created_at, id);
CREATE INDEX webhook_deliveries_status ON webhook_deliveries (endpoint_id, status, created_at, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_attempt_at, id) WHERE status = 'pending';
