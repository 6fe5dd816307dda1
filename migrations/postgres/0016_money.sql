-- When the payer paid, who made a payment final, and when contracts were on hold: days under a hold are not charged.

ALTER TABLE payments ADD COLUMN paid_at TIMESTAMPTZ;
CREATE INDEX payments_processed_by ON payments (processed_by, created_at, id);
CREATE INDEX contract_holds_contract ON contract_holds (contract_id, placed_at);

-- what was charged is net of what was credited automatically
UPDATE contracts SET total_charged = total_charged - (SELECT SUM(payments.amount) FROM charge_credits
    JOIN payments ON payments.id = charge_credits.credit_id WHERE payments.contract_id = contracts.id)
WHERE id IN (SELECT payments.contract_id FROM charge_credits JOIN payments ON payments.id = charge_credits.credit_id);
