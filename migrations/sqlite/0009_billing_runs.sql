-- Billing runs, how far they have come, and the contracts that could not be charged in one.

CREATE TABLE billing_runs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    billing_date  TEXT    NOT NULL,
    dry_run       INTEGER NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('running', 'finished', 'failed')),
    scheduled_for TEXT    UNIQUE,
    started_by    TEXT    NOT NULL,
    started_at    TEXT    NOT NULL,
    finished_at   TEXT,
    -- until then somebody is taken to be at work on it
    lease_until   TEXT    NOT NULL,
    due_count     INTEGER,
    done_count    INTEGER NOT NULL DEFAULT 0,
    charged_count INTEGER NOT NULL DEFAULT 0,
    skipped_count INTEGER NOT NULL DEFAULT 0,
    debt_count    INTEGER NOT NULL DEFAULT 0,
    failed_count  INTEGER NOT NULL DEFAULT 0,
    charges_count INTEGER NOT NULL DEFAULT 0,
    sum_charged   INTEGER NOT NULL DEFAULT 0,
    failure       TEXT,
    -- how far a dry run has come, which leaves what is due as it is
    place_queue   TEXT    NOT NULL DEFAULT 'active',
    place_date    TEXT    NOT NULL DEFAULT '0001-01-01',
    place_id      INTEGER NOT NULL DEFAULT 0,
    version       INTEGER NOT NULL DEFAULT 1,
    CHECK ((state = 'running') = (finished_at IS NULL)),
    CHECK (scheduled_for IS NULL OR NOT dry_run)
) STRICT;
-- whoever starts another for the same day works on the one that runs
CREATE UNIQUE INDEX billing_runs_running ON billing_runs (billing_date, dry_run) WHERE state = 'running';
CREATE INDEX billing_runs_started_at ON billing_runs (started_at, id);
CREATE INDEX billing_runs_billing_date ON billing_runs (billing_date, id);
CREATE INDEX billing_runs_state ON billing_runs (state, started_at, id);
CREATE INDEX billing_runs_dry_run ON billing_runs (dry_run, started_at, id);

CREATE TABLE billing_run_failures (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id      INTEGER NOT NULL REFERENCES billing_runs (id),
    contract_id INTEGER NOT NULL REFERENCES contracts (id),
    code        TEXT    NOT NULL,
    arguments   TEXT    NOT NULL,
    failed_at   TEXT    NOT NULL,
    UNIQUE (run_id, contract_id)
) STRICT;
CREATE INDEX billing_run_failures_contract ON billing_run_failures (contract_id);

-- what a run looks for: contracts whose next period is due, and ended periods that were not charged yet
CREATE INDEX contracts_due ON contracts (next_billing_date, id) WHERE status = 'active';
CREATE INDEX contract_periods_uncharged ON contract_periods (period_end, contract_id) WHERE charged_at IS NULL AND ended_on IS NULL;
