-- Why a charge is what it is: the discount of its period, for how many days it was made, and by which run. Unknown for earlier periods.

ALTER TABLE contract_periods ADD COLUMN discount_percent INTEGER CHECK (discount_percent BETWEEN 0 AND 10000);
ALTER TABLE contract_periods ADD COLUMN charged_days INTEGER CHECK (charged_days >= 0);
ALTER TABLE contract_periods ADD COLUMN billing_run_id INTEGER REFERENCES billing_runs (id);
