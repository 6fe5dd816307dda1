-- Keys by credential, the token in the audit trail, repeated refreshes, addresses that users sign in from, reads on their way to the trail.

-- what the caller was permitted when the answer was stored; NULL in rows of earlier versions, which are replayed only to whoever may do all
ALTER TABLE idempotency_keys ADD COLUMN permissions TEXT;
UPDATE idempotency_keys SET permissions = '' WHERE scope = 'anonymous';
-- the keys of a script token were its owner's; a repeat after the upgrade must still find what the first request did
INSERT INTO idempotency_keys (scope, key, request, status, headers, body, created_at)
    SELECT 'token:' || CAST(api_tokens.id AS TEXT), kept.key, kept.request, kept.status, kept.headers, kept.body, kept.created_at
    FROM idempotency_keys AS kept JOIN api_tokens ON kept.scope = 'user:' || CAST(api_tokens.user_id AS TEXT)
    WHERE api_tokens.revoked_at IS NULL;

-- the script token with which a user acted; part of the row's hash where it is set
ALTER TABLE audit ADD COLUMN token_id INTEGER;
ALTER TABLE audit ADD COLUMN token TEXT;
CREATE INDEX audit_token ON audit (token_id, seq) WHERE token_id IS NOT NULL;

-- what the last rotation replaced and issued, so that a repeat within seconds gets the same pair
ALTER TABLE sessions ADD COLUMN previous_jti TEXT;
ALTER TABLE sessions ADD COLUMN access_jti TEXT;
ALTER TABLE sessions ADD COLUMN rotated_at TEXT;

-- addresses from which a user has signed in; each has its own count of wrong passwords and its own lock, apart from that of strangers
CREATE TABLE known_addresses (
    user_id         INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    address         TEXT    NOT NULL,
    last_used_at    TEXT    NOT NULL,
    failed_sign_ins INTEGER NOT NULL DEFAULT 0,
    locked_until    TEXT,
    PRIMARY KEY (user_id, address)
) STRICT;
INSERT INTO known_addresses (user_id, address, last_used_at)
    SELECT user_id, address, MAX(created_at) FROM sessions WHERE address IS NOT NULL GROUP BY user_id, address;
CREATE INDEX known_addresses_last_used_at ON known_addresses (last_used_at);

-- reads of personal data, written before the answer is sent; a job moves them into the chain of the audit trail
CREATE TABLE audit_reads (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         TEXT    NOT NULL,
    actor_id   INTEGER,
    actor      TEXT    NOT NULL,
    token_id   INTEGER,
    token      TEXT,
    address    TEXT,
    request_id TEXT    NOT NULL,
    entity     TEXT    NOT NULL,
    ids        TEXT    NOT NULL
) STRICT;
