-- Contracts, what holds them, and their options.

CREATE TABLE contracts (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    number            TEXT    NOT NULL UNIQUE,
    customer_id       INTEGER NOT NULL REFERENCES customers (id),
    tariff_id         INTEGER NOT NULL REFERENCES tariffs (id),
    next_tariff_id    INTEGER REFERENCES tariffs (id),
    sim_id            INTEGER REFERENCES sims (id),
    status            TEXT    NOT NULL,
    signed_date       TEXT    NOT NULL,
    activation_date   TEXT,
    termination_date  TEXT,
    balance           INTEGER NOT NULL DEFAULT 0,
    credit_limit      INTEGER NOT NULL DEFAULT 0 CHECK (credit_limit >= 0),
    total_charged     INTEGER NOT NULL DEFAULT 0,
    discount_percent  INTEGER NOT NULL DEFAULT 0 CHECK (discount_percent BETWEEN 0 AND 10000),
    next_billing_date TEXT,
    billing_day       INTEGER CHECK (billing_day BETWEEN 1 AND 31),
    notes             TEXT,
    search_text       TEXT    NOT NULL,
    created_at        TEXT    NOT NULL,
    updated_at        TEXT    NOT NULL,
    version           INTEGER NOT NULL DEFAULT 1
) STRICT;
-- a SIM may stand in many drafts and in many histories, and in one living contract
CREATE UNIQUE INDEX contracts_unique_sim ON contracts (sim_id) WHERE status IN ('active', 'suspended');
CREATE INDEX contracts_sim ON contracts (sim_id);
CREATE INDEX contracts_customer ON contracts (customer_id, created_at, id);
CREATE INDEX contracts_customer_active ON contracts (customer_id) WHERE status = 'active';
CREATE INDEX contracts_tariff ON contracts (tariff_id, created_at, id);
CREATE INDEX contracts_tariff_suspended ON contracts (tariff_id) WHERE status = 'suspended';
CREATE INDEX contracts_next_tariff ON contracts (next_tariff_id) WHERE next_tariff_id IS NOT NULL;
CREATE INDEX contracts_status ON contracts (status, created_at, id);
CREATE INDEX contracts_created_at ON contracts (created_at, id);
CREATE INDEX contracts_signed_date ON contracts (signed_date, id);
CREATE INDEX contracts_activation_date ON contracts (activation_date);
CREATE INDEX contracts_termination_date ON contracts (termination_date);
CREATE INDEX contracts_balance ON contracts (balance, id);
CREATE INDEX contracts_next_billing_date ON contracts (next_billing_date, id);

CREATE TABLE contract_holds (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    contract_id INTEGER NOT NULL REFERENCES contracts (id) ON DELETE CASCADE,
    reason      TEXT    NOT NULL,
    note        TEXT,
    placed_at   TEXT    NOT NULL,
    placed_by   TEXT    NOT NULL,
    lifted_at   TEXT,
    lifted_by   TEXT
) STRICT;
CREATE UNIQUE INDEX contract_holds_present ON contract_holds (contract_id, reason) WHERE lifted_at IS NULL;
CREATE INDEX contract_holds_reason ON contract_holds (reason, contract_id) WHERE lifted_at IS NULL;

-- A contract's options. Usually both flags are on; one that waits for the next period, or ends with this one, has one of them.
CREATE TABLE contract_options (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    contract_id INTEGER NOT NULL REFERENCES contracts (id) ON DELETE CASCADE,
    option_id   INTEGER NOT NULL REFERENCES options (id),
    is_in_force INTEGER NOT NULL,
    is_in_next  INTEGER NOT NULL,
    added_at    TEXT    NOT NULL,
    added_by    TEXT    NOT NULL,
    removed_at  TEXT   ,
    removed_by  TEXT   
) STRICT;
CREATE UNIQUE INDEX contract_options_present ON contract_options (contract_id, option_id) WHERE removed_at IS NULL;
CREATE INDEX contract_options_option ON contract_options (option_id, contract_id);

CREATE VIRTUAL TABLE contracts_search USING fts5 (search_text, content = 'contracts', content_rowid = 'id', tokenize = 'trigram');
CREATE TRIGGER contracts_search_insert AFTER INSERT ON contracts BEGIN
    INSERT INTO contracts_search (rowid, search_text) VALUES (new.id, new.search_text);
END;
CREATE TRIGGER contracts_search_update AFTER UPDATE OF search_text ON contracts WHEN old.search_text IS NOT new.search_text BEGIN
    INSERT INTO contracts_search (contracts_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
    INSERT INTO contracts_search (rowid, search_text) VALUES (new.id, new.search_text);
END;
CREATE TRIGGER contracts_search_delete AFTER DELETE ON contracts BEGIN
    INSERT INTO contracts_search (contracts_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
END;
