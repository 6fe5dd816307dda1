-- People: further fields and contacts, documents compared without case, blanks and alphabets, names in the order of a dictionary, numbers
-- reserved for somebody, and one letter in search texts for those that people swap.

ALTER TABLE customers ADD COLUMN citizenship TEXT;
ALTER TABLE customers ADD COLUMN issued_on TEXT;
ALTER TABLE customers ADD COLUMN issued_by TEXT;
ALTER TABLE customers ADD COLUMN issuer_code TEXT;
ALTER TABLE customers ADD COLUMN valid_until TEXT;
ALTER TABLE customers ADD COLUMN kpp TEXT;
-- JSON arrays
ALTER TABLE customers ADD COLUMN further_phones TEXT NOT NULL DEFAULT '[]';
ALTER TABLE customers ADD COLUMN further_emails TEXT NOT NULL DEFAULT '[]';

-- series and number in one text, in upper case; documents had Latin letters and digits only
ALTER TABLE customers ADD COLUMN document_key TEXT;
-- the id of a row whose document an older row has in another case or split in another way: both stay until they are merged
ALTER TABLE customers ADD COLUMN document_twin INTEGER NOT NULL DEFAULT 0;
DROP INDEX customers_unique_document;
UPDATE customers SET passport_series = upper(passport_series), passport_number = upper(passport_number),
    document_key = upper(COALESCE(passport_series, '') || passport_number)
    WHERE passport_number IS NOT NULL;
CREATE INDEX customers_document_key ON customers (document_key) WHERE document_key IS NOT NULL;
UPDATE customers SET document_twin = id WHERE status <> 'archived' AND document_key IS NOT NULL AND EXISTS (
    SELECT 1 FROM customers AS older WHERE older.document_key = customers.document_key AND older.document_type = customers.document_type
        AND older.status <> 'archived' AND older.id < customers.id);
CREATE UNIQUE INDEX customers_unique_document ON customers (document_type, document_key, document_twin)
    WHERE status <> 'archived' AND document_key IS NOT NULL;

-- the job "forms of subscribers" fills these keys, and renews the other keys of the same rows
ALTER TABLE customers ADD COLUMN last_name_order TEXT NOT NULL DEFAULT '';
DROP INDEX customers_last_name;
CREATE INDEX customers_last_name ON customers (last_name_order, id);

-- the job "order keys" fills these keys
ALTER TABLE tariffs ADD COLUMN name_order TEXT NOT NULL DEFAULT '';
DROP INDEX tariffs_name;
CREATE INDEX tariffs_name ON tariffs (name_order, id);
ALTER TABLE options ADD COLUMN name_order TEXT NOT NULL DEFAULT '';
DROP INDEX options_name;
CREATE INDEX options_name ON options (name_order, id);
ALTER TABLE users ADD COLUMN full_name_order TEXT NOT NULL DEFAULT '';
DROP INDEX users_full_name;
CREATE INDEX users_full_name ON users (full_name_order, id);

ALTER TABLE numbers ADD COLUMN reserved_for INTEGER REFERENCES customers (id);
CREATE INDEX numbers_reserved_for ON numbers (reserved_for, created_at, id) WHERE reserved_for IS NOT NULL;

-- letters that people swap become one, and those that cannot be seen go, as in `searchable`. Payments stay: a booked row is never changed
CREATE TEMPORARY TABLE letters AS SELECT
    'ёєқҡҟөүұўңҥіїғґәһҳ‘’‛ʼʻʽʹ`´′«»“”„‟″‐‑‒–—―−﹘﹣－àáâãäåçèéêëìíîïñòóôõöùúûüýÿāăąćĉċčďēĕėęěĝğġģĥĩīĭįĵķĺļľńņňōŏőŕŗřśŝşšţťũūŭůűųŵŷźżžıłø' AS swapped,
    'еекккоуууннииггахх''''''''''''''''''''"""""""----------aaaaaaceeeeiiiinooooouuuuyyaaaccccdeeeeegggghiiiijklllnnnooorrrssssttuuuuuuwyzzzilo' AS plain,
    char(173, 1564, 6158, 8203, 8204, 8205, 8206, 8207, 8288, 65279, 768, 769, 770, 771, 772, 774, 775, 776, 778, 780, 807, 808) AS hidden;
UPDATE contracts SET search_text = (
    WITH RECURSIVE folded (step, text) AS (
        SELECT 0, replace(replace(contracts.search_text, 'и' || char(774), 'й'), 'е' || char(776), 'е')
        UNION ALL SELECT step + 1, replace(text, substr(swapped || hidden, step + 1, 1), substr(plain, step + 1, 1)) FROM folded, letters
            WHERE step < length(swapped || hidden))
    SELECT text FROM folded ORDER BY step DESC LIMIT 1)
    WHERE search_text GLOB (SELECT '*[' || swapped || hidden || ']*' FROM letters);
UPDATE tickets SET search_text = (
    WITH RECURSIVE folded (step, text) AS (
        SELECT 0, replace(replace(tickets.search_text, 'и' || char(774), 'й'), 'е' || char(776), 'е')
        UNION ALL SELECT step + 1, replace(text, substr(swapped || hidden, step + 1, 1), substr(plain, step + 1, 1)) FROM folded, letters
            WHERE step < length(swapped || hidden))
    SELECT text FROM folded ORDER BY step DESC LIMIT 1)
    WHERE search_text GLOB (SELECT '*[' || swapped || hidden || ']*' FROM letters);
UPDATE tariffs SET search_text = (
    WITH RECURSIVE folded (step, text) AS (
        SELECT 0, replace(replace(tariffs.search_text, 'и' || char(774), 'й'), 'е' || char(776), 'е')
        UNION ALL SELECT step + 1, replace(text, substr(swapped || hidden, step + 1, 1), substr(plain, step + 1, 1)) FROM folded, letters
            WHERE step < length(swapped || hidden))
    SELECT text FROM folded ORDER BY step DESC LIMIT 1)
    WHERE search_text GLOB (SELECT '*[' || swapped || hidden || ']*' FROM letters);
UPDATE options SET search_text = (
    WITH RECURSIVE folded (step, text) AS (
        SELECT 0, replace(replace(options.search_text, 'и' || char(774), 'й'), 'е' || char(776), 'е')
        UNION ALL SELECT step + 1, replace(text, substr(swapped || hidden, step + 1, 1), substr(plain, step + 1, 1)) FROM folded, letters
            WHERE step < length(swapped || hidden))
    SELECT text FROM folded ORDER BY step DESC LIMIT 1)
    WHERE search_text GLOB (SELECT '*[' || swapped || hidden || ']*' FROM letters);
UPDATE users SET search_text = (
    WITH RECURSIVE folded (step, text) AS (
        SELECT 0, replace(replace(users.search_text, 'и' || char(774), 'й'), 'е' || char(776), 'е')
        UNION ALL SELECT step + 1, replace(text, substr(swapped || hidden, step + 1, 1), substr(plain, step + 1, 1)) FROM folded, letters
            WHERE step < length(swapped || hidden))
    SELECT text FROM folded ORDER BY step DESC LIMIT 1)
    WHERE search_text GLOB (SELECT '*[' || swapped || hidden || ']*' FROM letters);
UPDATE roles SET search_text = (
    WITH RECURSIVE folded (step, text) AS (
        SELECT 0, replace(replace(roles.search_text, 'и' || char(774), 'й'), 'е' || char(776), 'е')
        UNION ALL SELECT step + 1, replace(text, substr(swapped || hidden, step + 1, 1), substr(plain, step + 1, 1)) FROM folded, letters
            WHERE step < length(swapped || hidden))
    SELECT text FROM folded ORDER BY step DESC LIMIT 1)
    WHERE search_text GLOB (SELECT '*[' || swapped || hidden || ']*' FROM letters);
DROP TABLE letters;
