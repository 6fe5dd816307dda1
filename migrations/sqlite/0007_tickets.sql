-- Support tickets with their journal, comments and attached files.

CREATE TABLE tickets (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    number            TEXT    NOT NULL UNIQUE,
    customer_id       INTEGER NOT NULL REFERENCES customers (id),
    contract_id       INTEGER REFERENCES contracts (id),
    category          TEXT    NOT NULL,
    subject           TEXT    NOT NULL,
    description       TEXT    NOT NULL,
    status            TEXT    NOT NULL,
    priority          TEXT    NOT NULL,
    priority_rank     INTEGER NOT NULL,
    assigned_to       INTEGER REFERENCES users (id),
    created_by        INTEGER REFERENCES users (id),
    assigned_at       TEXT,
    first_response_at TEXT,
    due_at            TEXT    NOT NULL,
    resolved_at       TEXT,
    closed_at         TEXT,
    resolution        TEXT,
    stopped_at         TEXT,
    stopped_for        INTEGER NOT NULL DEFAULT 0,
    response_seconds   INTEGER,
    resolution_seconds INTEGER,
    search_text       TEXT    NOT NULL,
    created_at        TEXT    NOT NULL,
    updated_at        TEXT    NOT NULL,
    version           INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX tickets_customer ON tickets (customer_id, created_at, id);
CREATE INDEX tickets_contract ON tickets (contract_id, created_at, id);
CREATE INDEX tickets_status ON tickets (status, created_at, id);
CREATE INDEX tickets_category ON tickets (category, created_at, id);
CREATE INDEX tickets_priority ON tickets (priority_rank, id);
CREATE INDEX tickets_priority_created_at ON tickets (priority_rank, created_at, id);
CREATE INDEX tickets_assigned_to ON tickets (assigned_to, due_at, id);
CREATE INDEX tickets_assigned_to_created_at ON tickets (assigned_to, created_at, id);
CREATE INDEX tickets_assigned_to_priority ON tickets (assigned_to, priority_rank, id);
CREATE INDEX tickets_created_at ON tickets (created_at, id);
CREATE INDEX tickets_due_at ON tickets (due_at, id);
-- what is open is little beside what is over: the queues are read from these alone
CREATE INDEX tickets_open_due_at ON tickets (due_at, id) WHERE status NOT IN ('resolved', 'closed');
CREATE INDEX tickets_open_assigned_to ON tickets (assigned_to, due_at, id) WHERE status NOT IN ('resolved', 'closed');

CREATE TABLE ticket_journal (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id   INTEGER NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    at          TEXT    NOT NULL,
    actor_id    INTEGER REFERENCES users (id),
    actor       TEXT    NOT NULL,
    action      TEXT    NOT NULL,
    from_status TEXT,
    to_status   TEXT    NOT NULL,
    note        TEXT
) STRICT;
CREATE INDEX ticket_journal_ticket ON ticket_journal (ticket_id, at, id);

CREATE TABLE ticket_comments (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id   INTEGER NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    author_id   INTEGER REFERENCES users (id),
    author      TEXT NOT NULL,
    is_internal INTEGER NOT NULL,
    text        TEXT NOT NULL,
    created_at  TEXT NOT NULL
) STRICT;
CREATE INDEX ticket_comments_ticket ON ticket_comments (ticket_id, created_at, id);

-- the files themselves lie in the store of files, each under its key
CREATE TABLE ticket_attachments (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id   INTEGER NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    file_key    TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    media_type  TEXT NOT NULL,
    size        INTEGER NOT NULL,
    sha256      TEXT NOT NULL,
    uploaded_by INTEGER REFERENCES users (id),
    uploader    TEXT NOT NULL,
    created_at  TEXT NOT NULL
) STRICT;
CREATE INDEX ticket_attachments_ticket ON ticket_attachments (ticket_id, created_at, id);

-- files that no attachment names, or not yet: written down before the file is, so that none is ever lost sight of
CREATE TABLE leftover_files (
    file_key TEXT NOT NULL PRIMARY KEY,
    since    TEXT NOT NULL
) STRICT;
CREATE INDEX leftover_files_since ON leftover_files (since);

CREATE VIRTUAL TABLE tickets_search USING fts5 (search_text, content = 'tickets', content_rowid = 'id', tokenize = 'trigram');
CREATE TRIGGER tickets_search_insert AFTER INSERT ON tickets BEGIN
    INSERT INTO tickets_search (rowid, search_text) VALUES (new.id, new.search_text);
END;
CREATE TRIGGER tickets_search_update AFTER UPDATE OF search_text ON tickets WHEN old.search_text IS NOT new.search_text BEGIN
    INSERT INTO tickets_search (tickets_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
    INSERT INTO tickets_search (rowid, search_text) VALUES (new.id, new.search_text);
END;
CREATE TRIGGER tickets_search_delete AFTER DELETE ON tickets BEGIN
    INSERT INTO tickets_search (tickets_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
END;
