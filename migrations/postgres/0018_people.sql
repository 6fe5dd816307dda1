-- People: further fields and contacts, documents compared without case, blanks and alphabets, names in the order of a dictionary, numbers
-- reserved for somebody, and one letter in search texts for those that people swap.

ALTER TABLE customers ADD COLUMN citizenship TEXT;
ALTER TABLE customers ADD COLUMN issued_on DATE;
ALTER TABLE customers ADD COLUMN issued_by TEXT;
ALTER TABLE customers ADD COLUMN issuer_code TEXT;
ALTER TABLE customers ADD COLUMN valid_until DATE;
ALTER TABLE customers ADD COLUMN kpp TEXT;
-- JSON arrays
ALTER TABLE customers ADD COLUMN further_phones TEXT NOT NULL DEFAULT '[]';
ALTER TABLE customers ADD COLUMN further_emails TEXT NOT NULL DEFAULT '[]';

-- series and number in one text, in upper case; documents had Latin letters and digits only
ALTER TABLE customers ADD COLUMN document_key TEXT;
-- the id of a row whose document an older row has in another case or split in another way: both stay until they are merged
ALTER TABLE customers ADD COLUMN document_twin BIGINT NOT NULL DEFAULT 0;
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
ALTER TABLE customers ADD COLUMN last_name_order TEXT COLLATE "C" NOT NULL DEFAULT '';
DROP INDEX customers_last_name;
CREATE INDEX customers_last_name ON customers (last_name_order, id);

-- the job "order keys" fills these keys
ALTER TABLE tariffs ADD COLUMN name_order TEXT COLLATE "C" NOT NULL DEFAULT '';
DROP INDEX tariffs_name;
CREATE INDEX tariffs_name ON tariffs (name_order, id);
ALTER TABLE options ADD COLUMN name_order TEXT COLLATE "C" NOT NULL DEFAULT '';
DROP INDEX options_name;
CREATE INDEX options_name ON options (name_order, id);
ALTER TABLE users ADD COLUMN full_name_order TEXT COLLATE "C" NOT NULL DEFAULT '';
DROP INDEX users_full_name;
CREATE INDEX users_full_name ON users (full_name_order, id);

ALTER TABLE numbers ADD COLUMN reserved_for BIGINT REFERENCES customers (id);
CREATE INDEX numbers_reserved_for ON numbers (reserved_for, created_at, id) WHERE reserved_for IS NOT NULL;

-- of these, the order by their bytes is the same on both engines
ALTER TABLE users ALTER COLUMN username TYPE TEXT COLLATE "C";
ALTER TABLE roles ALTER COLUMN name TYPE TEXT COLLATE "C";
ALTER TABLE options ALTER COLUMN code TYPE TEXT COLLATE "C";

-- letters that people swap become one, and those that cannot be seen go, as in `searchable`. Payments stay: a booked row is never changed
CREATE TEMPORARY TABLE letters AS SELECT
    'ёєқҡҟөүұўңҥіїғґәһҳ‘’‛ʼʻʽʹ`´′«»“”„‟″‐‑‒–—―−﹘﹣－àáâãäåçèéêëìíîïñòóôõöùúûüýÿāăąćĉċčďēĕėęěĝğġģĥĩīĭįĵķĺļľńņňōŏőŕŗřśŝşšţťũūŭůűųŵŷźżžıłø' AS swapped,
    'еекккоуууннииггахх''''''''''''''''''''"""""""----------aaaaaaceeeeiiiinooooouuuuyyaaaccccdeeeeegggghiiiijklllnnnooorrrssssttuuuuuuwyzzzilo' AS plain,
    U&'\00AD\061C\180E\200B\200C\200D\200E\200F\2060\FEFF\0300\0301\0302\0303\0304\0306\0307\0308\030A\030C\0327\0328' AS hidden;
UPDATE contracts SET search_text =
    translate(replace(replace(search_text, U&'\0438\0306', 'й'), U&'\0435\0308', 'е'), letters.swapped || letters.hidden, letters.plain)
    FROM letters WHERE translate(search_text, letters.swapped || letters.hidden, letters.plain) <> search_text;
UPDATE tickets SET search_text =
    translate(replace(replace(search_text, U&'\0438\0306', 'й'), U&'\0435\0308', 'е'), letters.swapped || letters.hidden, letters.plain)
    FROM letters WHERE translate(search_text, letters.swapped || letters.hidden, letters.plain) <> search_text;
UPDATE tariffs SET search_text =
    translate(replace(replace(search_text, U&'\0438\0306', 'й'), U&'\0435\0308', 'е'), letters.swapped || letters.hidden, letters.plain)
    FROM letters WHERE translate(search_text, letters.swapped || letters.hidden, letters.plain) <> search_text;
UPDATE options SET search_text =
    translate(replace(replace(search_text, U&'\0438\0306', 'й'), U&'\0435\0308', 'е'), letters.swapped || letters.hidden, letters.plain)
    FROM letters WHERE translate(search_text, letters.swapped || letters.hidden, letters.plain) <> search_text;
UPDATE users SET search_text =
    translate(replace(replace(search_text, U&'\0438\0306', 'й'), U&'\0435\0308', 'е'), letters.swapped || letters.hidden, letters.plain)
    FROM letters WHERE translate(search_text, letters.swapped || letters.hidden, letters.plain) <> search_text;
UPDATE roles SET search_text =
    translate(replace(replace(search_text, U&'\0438\0306', 'й'), U&'\0435\0308', 'е'), letters.swapped || letters.hidden, letters.plain)
    FROM letters WHERE translate(search_text, letters.swapped || letters.hidden, letters.plain) <> search_text;
DROP TABLE letters;
