-- Tariffs and their dated versions: a charge names the version it was made by, so old prices never change.

CREATE TABLE tariffs (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    name            TEXT    NOT NULL,
    name_key        TEXT    NOT NULL UNIQUE,
    description     TEXT    NOT NULL DEFAULT '',
    tariff_type     TEXT    NOT NULL,
    extra_options   TEXT    NOT NULL DEFAULT '{}',
    priority        INTEGER NOT NULL DEFAULT 0,
    is_active       INTEGER NOT NULL DEFAULT 1,
    contracts_count INTEGER NOT NULL DEFAULT 0,
    search_text     TEXT    NOT NULL,
    created_at      TEXT    NOT NULL,
    updated_at      TEXT    NOT NULL,
    version         INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX tariffs_priority ON tariffs (priority, id);
CREATE INDEX tariffs_name ON tariffs (name, id);
CREATE INDEX tariffs_is_active ON tariffs (is_active, id);
CREATE INDEX tariffs_tariff_type ON tariffs (tariff_type, id);

CREATE TABLE tariff_versions (
    id                   INTEGER PRIMARY KEY AUTOINCREMENT,
    tariff_id            INTEGER NOT NULL REFERENCES tariffs (id) ON DELETE CASCADE,
    effective_from       TEXT    NOT NULL,
    monthly_fee          INTEGER NOT NULL CHECK (monthly_fee >= 0),
    minutes_included     INTEGER,
    sms_included         INTEGER,
    data_gb_included     INTEGER,
    minute_overage_cost  INTEGER NOT NULL,
    sms_overage_cost     INTEGER NOT NULL,
    data_gb_overage_cost INTEGER NOT NULL,
    created_at           TEXT    NOT NULL,
    UNIQUE (tariff_id, effective_from)
) STRICT;
CREATE INDEX tariff_versions_monthly_fee ON tariff_versions (monthly_fee);

CREATE VIRTUAL TABLE tariffs_search USING fts5 (search_text, content = 'tariffs', content_rowid = 'id', tokenize = 'trigram');
CREATE TRIGGER tariffs_search_insert AFTER INSERT ON tariffs BEGIN
    INSERT INTO tariffs_search (rowid, search_text) VALUES (new.id, new.search_text);
END;
CREATE TRIGGER tariffs_search_update AFTER UPDATE OF search_text ON tariffs WHEN old.search_text IS NOT new.search_text BEGIN
    INSERT INTO tariffs_search (tariffs_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
    INSERT INTO tariffs_search (rowid, search_text) VALUES (new.id, new.search_text);
END;
CREATE TRIGGER tariffs_search_delete AFTER DELETE ON tariffs BEGIN
    INSERT INTO tariffs_search (tariffs_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
END;
