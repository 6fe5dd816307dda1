-- Settlement files of gateways, terminals and banks: rows that repeat an earlier one, and rows that cannot be read.

ALTER TABLE reconciliations ADD COLUMN repeated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reconciliations ADD COLUMN unreadable INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reconciliation_rows ADD COLUMN problem TEXT;
ALTER TABLE reconciliation_rows ADD COLUMN text TEXT;

-- what came in by terminals and by bank on the days of a file
CREATE INDEX payments_by_others_processed_at ON payments (payment_method, processed_at, id)
    WHERE status = 'success' AND payment_method IN ('terminal', 'bank_transfer');
