-- Tickets that open one address once, for browsers' EventSource, <img> and <a>, which send no header. Only the hash of a ticket is kept,
-- and the token that it stands for is encrypted.

CREATE TABLE one_time_tickets (
    hash       TEXT        PRIMARY KEY,
    path       TEXT        NOT NULL,
    user_id    BIGINT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token      BYTEA       NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX one_time_tickets_user ON one_time_tickets (user_id, expires_at);
CREATE INDEX one_time_tickets_expires_at ON one_time_tickets (expires_at);
