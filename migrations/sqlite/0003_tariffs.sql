-- Tariffs, their dated versions, and options: a charge names the version it was made by, so old prices never change.

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
CREATE INDEX tariffs_contracts_count ON tariffs (contracts_count, id);
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
    created_by           TEXT    NOT NULL,
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

-- Options on top of a tariff. Their fee is not dated: a period notes what it costs when it begins.
CREATE TABLE options (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    code        TEXT    NOT NULL,
    code_key    TEXT    NOT NULL UNIQUE,
    name        TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    amount      INTEGER CHECK (amount > 0),
    monthly_fee INTEGER NOT NULL CHECK (monthly_fee >= 0),
    is_active   INTEGER NOT NULL DEFAULT 1,
    search_text TEXT    NOT NULL,
    created_at  TEXT    NOT NULL,
    updated_at  TEXT    NOT NULL,
    version     INTEGER NOT NULL DEFAULT 1,
    CHECK ((kind = 'service') = (amount IS NULL))
) STRICT;
CREATE INDEX options_code ON options (code, id);
CREATE INDEX options_name ON options (name, id);
CREATE INDEX options_monthly_fee ON options (monthly_fee, id);
CREATE INDEX options_kind ON options (kind, id);
CREATE INDEX options_is_active ON options (is_active, id);

-- the tariffs that an option goes with
CREATE TABLE option_tariffs (
    option_id INTEGER NOT NULL REFERENCES options (id) ON DELETE CASCADE,
    tariff_id INTEGER NOT NULL REFERENCES tariffs (id) ON DELETE CASCADE,
    PRIMARY KEY (option_id, tariff_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX option_tariffs_tariff ON option_tariffs (tariff_id, option_id);

-- options that no contract has together; each pair stands here both ways round
CREATE TABLE option_exclusions (
    option_id   INTEGER NOT NULL REFERENCES options (id) ON DELETE CASCADE,
    excluded_id INTEGER NOT NULL REFERENCES options (id) ON DELETE CASCADE,
    PRIMARY KEY (option_id, excluded_id),
    CHECK (option_id <> excluded_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX option_exclusions_excluded ON option_exclusions (excluded_id);

CREATE VIRTUAL TABLE options_search USING fts5 (search_text, content = 'options', content_rowid = 'id', tokenize = 'trigram');
CREATE TRIGGER options_search_insert AFTER INSERT ON options BEGIN
    INSERT INTO options_search (rowid, search_text) VALUES (new.id, new.search_text);
END;
CREATE TRIGGER options_search_update AFTER UPDATE OF search_text ON options WHEN old.search_text IS NOT new.search_text BEGIN
    INSERT INTO options_search (options_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
    INSERT INTO options_search (rowid, search_text) VALUES (new.id, new.search_text);
END;
CREATE TRIGGER options_search_delete AFTER DELETE ON options BEGIN
    INSERT INTO options_search (options_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
END;
