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
    search_text       TEXT    NOT NULL,
    created_at        TEXT    NOT NULL,
    updated_at        TEXT    NOT NULL,
    version           INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE UNIQUE INDEX customers_unique_phone ON customers (phone) WHERE status <> 'archived';
CREATE UNIQUE INDEX customers_unique_email ON customers (email_key) WHERE status <> 'archived' AND email_key IS NOT NULL;
CREATE UNIQUE INDEX customers_unique_inn ON customers (inn) WHERE status <> 'archived' AND inn IS NOT NULL;
CREATE UNIQUE INDEX customers_unique_document ON customers (document_type, COALESCE(passport_series, ''), passport_number)
    WHERE status <> 'archived' AND passport_number IS NOT NULL;
CREATE INDEX customers_created_at ON customers (created_at, id);
CREATE INDEX customers_last_name ON customers (last_name, id);
CREATE INDEX customers_status ON customers (status, id);
CREATE INDEX customers_customer_type ON customers (customer_type, id);
CREATE INDEX customers_document_type ON customers (document_type, id);
CREATE INDEX customers_passport_number ON customers (passport_number);

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
