-- What the amounts, days and phone numbers of this database mean: one row, written when the database is made.

CREATE TABLE settings_of_record (
    id          BIGINT PRIMARY KEY CHECK (id = 1),
    country     TEXT NOT NULL,
    currency    TEXT NOT NULL,
    time_zone   TEXT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL
);
