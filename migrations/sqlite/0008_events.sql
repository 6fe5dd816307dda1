-- What happened that others want to hear of, written with the change itself. The ids grow in the order of the commits.
-- Without foreign keys: an event outlives what it tells of.

CREATE TABLE events (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        TEXT NOT NULL,
    entity      TEXT NOT NULL,
    entity_id   INTEGER NOT NULL,
    contract_id INTEGER,
    customer_id INTEGER,
    data        TEXT NOT NULL,
    created_at  TEXT NOT NULL
) STRICT;
