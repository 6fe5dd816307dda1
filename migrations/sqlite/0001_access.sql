-- Who may do what: roles, users, sessions, script tokens; the audit trail; stored answers of idempotent requests.

CREATE TABLE roles (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL UNIQUE,
    title       TEXT    NOT NULL,
    description TEXT    NOT NULL DEFAULT '',
    is_builtin  INTEGER NOT NULL DEFAULT 0,
    search_text TEXT    NOT NULL,
    created_at  TEXT    NOT NULL,
    updated_at  TEXT    NOT NULL,
    version     INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE role_permissions (
    role_id    INTEGER NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    permission TEXT    NOT NULL,
    PRIMARY KEY (role_id, permission)
) STRICT;

CREATE TABLE users (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    username            TEXT    NOT NULL,
    username_key        TEXT    NOT NULL UNIQUE,
    full_name           TEXT    NOT NULL,
    email               TEXT,
    phone               TEXT,
    role_id             INTEGER NOT NULL REFERENCES roles (id),
    password_hash       TEXT    NOT NULL,
    is_active           INTEGER NOT NULL DEFAULT 1,
    valid_from          TEXT,
    valid_until         TEXT,
    blocked_at          TEXT,
    blocked_until       TEXT,
    block_reason        TEXT,
    failed_sign_ins     INTEGER NOT NULL DEFAULT 0,
    locked_until        TEXT,
    last_login_at       TEXT,
    password_changed_at TEXT    NOT NULL,
    search_text         TEXT    NOT NULL,
    created_at          TEXT    NOT NULL,
    updated_at          TEXT    NOT NULL,
    version             INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX users_role ON users (role_id, id);
CREATE INDEX users_created_at ON users (created_at, id);
CREATE INDEX users_full_name ON users (full_name, id);
CREATE INDEX users_is_active ON users (is_active, id);
CREATE INDEX users_username ON users (username, id);

-- single grants (granted = 1) and denials (granted = 0) on top of the role
CREATE TABLE user_permissions (
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    permission TEXT    NOT NULL,
    granted    INTEGER NOT NULL,
    PRIMARY KEY (user_id, permission)
) STRICT;

-- the id is drawn at random, so that a token of another database's session cannot match one here
CREATE TABLE sessions (
    id           INTEGER PRIMARY KEY,
    user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    refresh_jti  TEXT    NOT NULL,
    address      TEXT,
    user_agent   TEXT,
    created_at   TEXT    NOT NULL,
    last_used_at TEXT    NOT NULL,
    expires_at   TEXT    NOT NULL,
    revoked_at   TEXT,
    revoked_why  TEXT
) STRICT;
CREATE INDEX sessions_user ON sessions (user_id, created_at, id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE api_tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT    NOT NULL,
    token_hash   TEXT    NOT NULL UNIQUE,
    permissions  TEXT    NOT NULL,
    expires_at   TEXT,
    last_used_at TEXT,
    revoked_at   TEXT,
    created_at   TEXT    NOT NULL
) STRICT;
CREATE INDEX api_tokens_user ON api_tokens (user_id, created_at, id);

-- raised by every change of who may do what; what an instance remembers counts only while this stands still
CREATE TABLE access_epoch (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    value INTEGER NOT NULL
) STRICT;
INSERT INTO access_epoch (id, value) VALUES (1, 1);

CREATE TABLE audit (
    seq        INTEGER PRIMARY KEY,
    at         TEXT    NOT NULL,
    actor_id   INTEGER,
    actor      TEXT    NOT NULL,
    address    TEXT,
    request_id TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    entity     TEXT    NOT NULL,
    entity_id  TEXT    NOT NULL,
    before     TEXT,
    after      TEXT,
    hash       TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_at ON audit (at, seq);
CREATE INDEX audit_actor ON audit (actor_id, seq);
CREATE INDEX audit_actor_name ON audit (actor, seq);
CREATE INDEX audit_entity ON audit (entity, entity_id, seq);
CREATE INDEX audit_entity_id ON audit (entity_id, seq);
CREATE INDEX audit_action ON audit (action, seq);

CREATE TABLE audit_head (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    seq  INTEGER NOT NULL,
    hash TEXT    NOT NULL
) STRICT;
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '');

CREATE TABLE idempotency_keys (
    scope      TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    request    TEXT    NOT NULL,
    status     INTEGER,
    headers    TEXT,
    body       BLOB,
    created_at TEXT    NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
