-- Phone numbers, SIM cards, and every binding there ever was.

CREATE TABLE numbers (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    msisdn            TEXT    NOT NULL UNIQUE,
    status            TEXT    NOT NULL,
    contract_id       INTEGER UNIQUE REFERENCES contracts (id) DEFERRABLE INITIALLY DEFERRED,
    reserved_until    TEXT,
    quarantined_until TEXT,
    search_text       TEXT    NOT NULL,
    created_at        TEXT    NOT NULL,
    updated_at        TEXT    NOT NULL,
    version           INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX numbers_status ON numbers (status, created_at, id);
-- what has run out: for the sweep, and for whoever asks before it ran
CREATE INDEX numbers_reserved_until ON numbers (reserved_until) WHERE status = 'reserved';
CREATE INDEX numbers_quarantined_until ON numbers (quarantined_until) WHERE status = 'quarantined';
CREATE INDEX numbers_created_at ON numbers (created_at, id);

CREATE TABLE sims (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    iccid          TEXT    NOT NULL UNIQUE,
    imsi           TEXT    NOT NULL UNIQUE,
    puk_code       TEXT,
    kind           TEXT    NOT NULL,
    status         TEXT    NOT NULL,
    number_id      INTEGER UNIQUE REFERENCES numbers (id),
    contract_id    INTEGER UNIQUE REFERENCES contracts (id) DEFERRABLE INITIALLY DEFERRED,
    activated_at   TEXT,
    deactivated_at TEXT,
    block_reason   TEXT,
    search_text    TEXT    NOT NULL,
    created_at     TEXT    NOT NULL,
    updated_at     TEXT    NOT NULL,
    version        INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX sims_status ON sims (status, created_at, id);
CREATE INDEX sims_kind ON sims (kind, created_at, id);
CREATE INDEX sims_with_number ON sims (status, created_at, id) WHERE number_id IS NOT NULL;
CREATE INDEX sims_without_number ON sims (status, created_at, id) WHERE number_id IS NULL;
CREATE INDEX sims_created_at ON sims (created_at, id);

CREATE TABLE sim_bindings (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    sim_id       INTEGER NOT NULL REFERENCES sims (id),
    number_id    INTEGER NOT NULL REFERENCES numbers (id),
    contract_id  INTEGER NOT NULL REFERENCES contracts (id),
    customer_id  INTEGER NOT NULL REFERENCES customers (id),
    bound_at     TEXT    NOT NULL,
    unbound_at   TEXT,
    bound_why    TEXT    NOT NULL,
    unbound_why  TEXT
) STRICT;
CREATE INDEX sim_bindings_sim ON sim_bindings (sim_id, bound_at, id);
CREATE INDEX sim_bindings_number ON sim_bindings (number_id, bound_at, id);
CREATE INDEX sim_bindings_contract ON sim_bindings (contract_id, id);
CREATE INDEX sim_bindings_customer ON sim_bindings (customer_id, id);

CREATE VIRTUAL TABLE numbers_search USING fts5 (search_text, content = 'numbers', content_rowid = 'id', tokenize = 'trigram');
CREATE TRIGGER numbers_search_insert AFTER INSERT ON numbers BEGIN
    INSERT INTO numbers_search (rowid, search_text) VALUES (new.id, new.search_text);
END;
CREATE TRIGGER numbers_search_update AFTER UPDATE OF search_text ON numbers WHEN old.search_text IS NOT new.search_text BEGIN
    INSERT INTO numbers_search (numbers_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
    INSERT INTO numbers_search (rowid, search_text) VALUES (new.id, new.search_text);
END;
CREATE TRIGGER numbers_search_delete AFTER DELETE ON numbers BEGIN
    INSERT INTO numbers_search (numbers_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
END;

CREATE VIRTUAL TABLE sims_search USING fts5 (search_text, content = 'sims', content_rowid = 'id', tokenize = 'trigram');
CREATE TRIGGER sims_search_insert AFTER INSERT ON sims BEGIN
    INSERT INTO sims_search (rowid, search_text) VALUES (new.id, new.search_text);
END;
CREATE TRIGGER sims_search_update AFTER UPDATE OF search_text ON sims WHEN old.search_text IS NOT new.search_text BEGIN
    INSERT INTO sims_search (sims_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
    INSERT INTO sims_search (rowid, search_text) VALUES (new.id, new.search_text);
END;
CREATE TRIGGER sims_search_delete AFTER DELETE ON sims BEGIN
    INSERT INTO sims_search (sims_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
END;
