-- Subscribers: persons and organizations.

CREATE TABLE customers (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_type     TEXT    NOT NULL,
    status            TEXT    NOT NULL,
    last_name         TEXT    NOT NULL DEFAULT '',
    first_name        TEXT    NOT NULL DEFAULT '',
    patronymic        TEXT,
    birth_date        TEXT,
    document_type     TEXT,
    passport_series   TEXT,
    passport_number   TEXT,
    inn               TEXT,
    organization_name TEXT,
    organization_code TEXT,
    address           TEXT,
    phone             TEXT    NOT NULL,
    email             TEXT,
    email_key         TEXT,
    notes             TEXT,
    -- why it is suspended or blocked
    status_reason     TEXT,
    -- where an archived one stood before, and, after a merge, who has all that was its own
    archived_from     TEXT,
    merged_into       INTEGER REFERENCES customers (id),
    search_text       TEXT    NOT NULL,
    -- the words of the name in alphabetical order, and those of the address: what likely duplicates are found by
    name_key          TEXT    NOT NULL,
    address_key       TEXT    NOT NULL,
    created_at        TEXT    NOT NULL,
    updated_at        TEXT    NOT NULL,
    version           INTEGER NOT NULL DEFAULT 1,
    CHECK (archived_from IS NULL OR status = 'archived'),
    CHECK (merged_into IS NULL OR status = 'archived')
) STRICT;
CREATE UNIQUE INDEX customers_unique_phone ON customers (phone) WHERE status <> 'archived';
CREATE UNIQUE INDEX customers_unique_email ON customers (email_key) WHERE status <> 'archived' AND email_key IS NOT NULL;
CREATE UNIQUE INDEX customers_unique_inn ON customers (inn) WHERE status <> 'archived' AND inn IS NOT NULL;
CREATE UNIQUE INDEX customers_unique_document ON customers (document_type, COALESCE(passport_series, ''), passport_number)
    WHERE status <> 'archived' AND passport_number IS NOT NULL;
CREATE INDEX customers_created_at ON customers (created_at, id);
CREATE INDEX customers_last_name ON customers (last_name, id);
CREATE INDEX customers_status ON customers (status, id);
-- filters give their rows in the list's usual order
CREATE INDEX customers_status_created ON customers (status, created_at, id);
CREATE INDEX customers_customer_type ON customers (customer_type, created_at, id);
CREATE INDEX customers_document_type ON customers (document_type, created_at, id);
CREATE INDEX customers_passport_number ON customers (passport_number);
CREATE INDEX customers_merged_into ON customers (merged_into) WHERE merged_into IS NOT NULL;
-- for statistics
CREATE INDEX customers_status_and_type ON customers (status, customer_type);
-- for likely duplicates; those who left are few, and are looked for beside the unique indexes
CREATE INDEX customers_name_key ON customers (name_key, id);
CREATE INDEX customers_birth_date ON customers (birth_date, name_key) WHERE birth_date IS NOT NULL;
CREATE INDEX customers_address_key ON customers (address_key, id) WHERE address_key <> '';
CREATE INDEX customers_organization_code ON customers (organization_code) WHERE organization_code IS NOT NULL;
CREATE INDEX customers_archived_phone ON customers (phone) WHERE status = 'archived';
CREATE INDEX customers_archived_email ON customers (email_key) WHERE status = 'archived' AND email_key IS NOT NULL;
CREATE INDEX customers_archived_inn ON customers (inn) WHERE status = 'archived' AND inn IS NOT NULL;

CREATE VIRTUAL TABLE customers_search USING fts5 (search_text, content = 'customers', content_rowid = 'id', tokenize = 'trigram');
CREATE TRIGGER customers_search_insert AFTER INSERT ON customers BEGIN
    INSERT INTO customers_search (rowid, search_text) VALUES (new.id, new.search_text);
END;
CREATE TRIGGER customers_search_update AFTER UPDATE OF search_text ON customers WHEN old.search_text IS NOT new.search_text BEGIN
    INSERT INTO customers_search (customers_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
    INSERT INTO customers_search (rowid, search_text) VALUES (new.id, new.search_text);
END;
CREATE TRIGGER customers_search_delete AFTER DELETE ON customers BEGIN
    INSERT INTO customers_search (customers_search, rowid, search_text) VALUES ('delete', old.id, old.search_text);
END;

-- by city: personal data, and therefore apart from what everybody may search
CREATE VIRTUAL TABLE customers_address_search USING fts5 (address_key, content = 'customers', content_rowid = 'id', tokenize = 'trigram');
CREATE TRIGGER customers_address_search_insert AFTER INSERT ON customers BEGIN
    INSERT INTO customers_address_search (rowid, address_key) VALUES (new.id, new.address_key);
END;
CREATE TRIGGER customers_address_search_update AFTER UPDATE OF address_key ON customers WHEN old.address_key IS NOT new.address_key BEGIN
    INSERT INTO customers_address_search (customers_address_search, rowid, address_key) VALUES ('delete', old.id, old.address_key);
    INSERT INTO customers_address_search (rowid, address_key) VALUES (new.id, new.address_key);
END;
CREATE TRIGGER customers_address_search_delete AFTER DELETE ON customers BEGIN
    INSERT INTO customers_address_search (customers_address_search, rowid, address_key) VALUES ('delete', old.id, old.address_key);
END;
