-- Tickets: merging, canned answers, mail from subscribers, and times that never go back; the order of messages to one recipient.

-- clocks that differed, or were set back, left steps that are earlier than those before them
UPDATE ticket_journal SET at = (SELECT MAX(earlier.at) FROM ticket_journal AS earlier
    WHERE earlier.ticket_id = ticket_journal.ticket_id AND earlier.id <= ticket_journal.id)
WHERE EXISTS (SELECT 1 FROM ticket_journal AS earlier
    WHERE earlier.ticket_id = ticket_journal.ticket_id AND earlier.id < ticket_journal.id AND earlier.at > ticket_journal.at);
UPDATE tickets SET first_response_at = created_at WHERE first_response_at < created_at;
UPDATE tickets SET assigned_at = created_at WHERE assigned_at < created_at;
UPDATE tickets SET stopped_at = created_at WHERE stopped_at < created_at;
UPDATE tickets SET resolved_at = created_at WHERE resolved_at < created_at;
UPDATE tickets SET closed_at = MAX(created_at, COALESCE(resolved_at, created_at))
WHERE closed_at < created_at OR closed_at < resolved_at;

-- a merged duplicate is closed and names the ticket that goes on
ALTER TABLE tickets ADD COLUMN merged_into INTEGER REFERENCES tickets (id);
CREATE INDEX tickets_merged_into ON tickets (merged_into) WHERE merged_into IS NOT NULL;

ALTER TABLE ticket_comments ADD COLUMN is_from_customer INTEGER NOT NULL DEFAULT 0;

CREATE TABLE canned_answers (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    title       TEXT    NOT NULL,
    title_key   TEXT    NOT NULL UNIQUE,
    title_order TEXT    NOT NULL,
    category    TEXT,
    text        TEXT    NOT NULL,
    search_text TEXT    NOT NULL,
    created_at  TEXT    NOT NULL,
    updated_at  TEXT    NOT NULL,
    version     INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX canned_answers_title ON canned_answers (title_order, id);
CREATE INDEX canned_answers_created_at ON canned_answers (created_at, id);
CREATE INDEX canned_answers_updated_at ON canned_answers (updated_at, id);
CREATE INDEX canned_answers_category ON canned_answers (category, title_order, id);

-- what became of each mail: a repeat is recognized by its key, a loop by the number of mails from one sender
CREATE TABLE inbound_mails (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    mail_key    TEXT    NOT NULL UNIQUE,
    message_id  TEXT,
    sender      TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    reason      TEXT,
    ticket_id   INTEGER REFERENCES tickets (id) ON DELETE SET NULL,
    comment_id  INTEGER,
    attached    INTEGER NOT NULL,
    left_out    TEXT    NOT NULL,
    received_at TEXT    NOT NULL
) STRICT;
CREATE INDEX inbound_mails_sender ON inbound_mails (sender, received_at);
CREATE INDEX inbound_mails_received_at ON inbound_mails (received_at);
CREATE INDEX inbound_mails_ticket ON inbound_mails (ticket_id) WHERE ticket_id IS NOT NULL;

-- claims of one channel follow each other
CREATE TABLE message_queues (
    channel TEXT NOT NULL PRIMARY KEY
) STRICT;
INSERT INTO message_queues (channel) VALUES ('email'), ('sms');

-- the number of the ticket that a message is about, by which replies are recognized
ALTER TABLE notifications ADD COLUMN thread TEXT;
CREATE INDEX notifications_lane ON notifications (channel, recipient, id) WHERE status = 'pending';
