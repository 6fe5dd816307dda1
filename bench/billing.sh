#!/usr/bin/env bash
# Measures billing runs on PostgreSQL: contracts per second of one run and of four concurrent runs over as many contracts,
# of the same writes in set-based SQL alone, and the peak memory of a run over many more contracts. All figures come from
# one execution. Compare the ratios, not the absolute figures, between machines.
#
# Needs psql, and a PostgreSQL user who may create databases and set session_replication_role:
#   BENCH_POSTGRES_URL   URL without a database name; default postgres://postgres@127.0.0.1:5432
#   CUSTOMERS=30000 MANY=130000     numbers of subscribers; most of them have a contract that is due
set -euo pipefail
cd "$(dirname "$0")/.."

server=${BENCH_POSTGRES_URL:-postgres://postgres@127.0.0.1:5432}
customers=${CUSTOMERS:-30000} many=${MANY:-130000}
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
[ -n "${SKIP_BUILD:-}" ] || cargo build --release --quiet --package server
export ADMIN_PASSWORD='tram 17 to the lighthouse' JWT_SECRET=a-secret-for-the-benchmark-and-nothing-else LOG_LEVEL=warn
crm=$PWD/target/release/telecom-crm
cd "$work"

on_server() { psql -v ON_ERROR_STOP=1 -qAt "$server/postgres" -c "$1"; }
sql() { psql -v ON_ERROR_STOP=1 -qAt "$DATABASE_URL" "$@"; }
day() { date -d "$1 days ago" +%F; }
now() { date +%s.%N; }
ratio() { awk "BEGIN {printf \"%.2f\", $1 / $2}"; }

# Creates a database in which every running contract has a period due 93, 62, 31 and 0 days ago and enough money to pay for
# it. All dates are moved into the past by the same number of days, so the data stays consistent.
prepare() { # name, customers
    export DATABASE_URL=$server/$1
    on_server "DROP DATABASE IF EXISTS $1 WITH (FORCE)" 2>/dev/null
    on_server "CREATE DATABASE $1 TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"
    "$crm" migrate
    "$crm" seed --customers "$2" >/dev/null 2>&1
    sql <<SQL
SET session_replication_role = replica;
UPDATE contract_periods SET period_start = period_start - 124, period_end = period_end - 124, ended_on = ended_on - 124;
UPDATE payments SET period_start = period_start - 124, period_end = period_end - 124 WHERE period_start IS NOT NULL;
UPDATE tariff_versions SET effective_from = effective_from - 124;
UPDATE contracts SET next_billing_date = next_billing_date - 124, billing_day = EXTRACT(DAY FROM next_billing_date - 124) WHERE next_billing_date IS NOT NULL;
UPDATE contracts SET credit_limit = 1000000000 WHERE status = 'active';
SQL
    settle_down
}
settle_down() { sql -c 'VACUUM ANALYZE' -c CHECKPOINT; }

# Starts concurrent runs for one day. Prints the seconds from the beginning to the end of the run (without the start of the
# program), the number of contracts charged, and the peak memory of one program in KiB.
run() { # days ago, how many
    local pids=() peak=0 high
    for _ in $(seq "$2"); do
        "$crm" billing run --date "$(day "$1")" >>"$work/out" 2>/dev/null & pids+=($!)
    done
    while jobs -pr | grep -qx "${pids[0]}"; do
        high=$(awk '/VmHWM/ {print $2}' "/proc/${pids[0]}/status" 2>/dev/null || true)
        [ -z "$high" ] || peak=$high
        sleep 0.02
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
    local seconds charged
    read -r seconds charged < <(sql -F ' ' -c "SELECT EXTRACT(EPOCH FROM finished_at - started_at), charged_count FROM billing_runs
        WHERE billing_date = '$(day "$1")' AND NOT dry_run AND state = 'finished' ORDER BY charged_count DESC LIMIT 1")
    echo "$seconds $charged $peak"
}

# Writes equal rows with a few SQL statements, each over all contracts, without the business rules and the hash chain.
by_sql() { # days ago
    sql >/dev/null <<SQL
BEGIN;
SELECT COUNT(*) FROM (SELECT 1 FROM contracts WHERE status = 'active' AND next_billing_date <= '$(day "$1")' FOR UPDATE) locked;
CREATE TEMP TABLE due ON COMMIT DROP AS
SELECT c.id, c.number, c.customer_id, c.balance, c.next_billing_date AS day, CAST(c.next_billing_date + INTERVAL '1 month' AS DATE) AS next,
    v.id AS version_id, GREATEST(1, (v.monthly_fee + o.fee) * (10000 - c.discount_percent) / 10000) AS fee, o.fees,
    nextval(pg_get_serial_sequence('payments', 'id')) AS payment_id,
    (SELECT COALESCE(MAX(ledger_number), 0) + 1 FROM payments WHERE contract_id = c.id) AS ledger_number, row_number() OVER () AS n
FROM contracts c
JOIN LATERAL (SELECT id, monthly_fee FROM tariff_versions WHERE tariff_id = c.tariff_id AND effective_from <= c.next_billing_date ORDER BY effective_from DESC LIMIT 1) v ON TRUE
CROSS JOIN LATERAL (SELECT COALESCE(SUM(options.monthly_fee), 0)::bigint AS fee, COALESCE(string_agg(options.id || ':' || options.monthly_fee, ','), '') AS fees
    FROM contract_options JOIN options ON options.id = contract_options.option_id WHERE contract_options.contract_id = c.id AND removed_at IS NULL AND is_in_next) o
WHERE c.status = 'active' AND c.next_billing_date <= '$(day "$1")';
INSERT INTO payments (id, contract_id, transaction_type, amount, status, payment_method, description, created_at, updated_at, processed_at, processed_by, balance_after, ledger_number, period_start, period_end)
SELECT payment_id, id, 'charge', fee, 'success', 'system', day || ' – ' || (next - 1), now(), now(), now(), 'billing run', balance - fee, ledger_number, day, next FROM due;
INSERT INTO contract_periods (contract_id, period_start, period_end, tariff_version_id, option_fees, whole_fee, whole_days, fee, payment_id, charged_at)
SELECT id, day, next, version_id, fees, fee, next - day, fee, payment_id, now() FROM due;
UPDATE contracts SET balance = contracts.balance - due.fee, total_charged = total_charged + due.fee, next_billing_date = due.next, updated_at = now(), version = version + 1
FROM due WHERE contracts.id = due.id;
WITH head AS (UPDATE audit_head SET seq = seq + (SELECT COUNT(*) FROM due) RETURNING seq)
INSERT INTO audit (seq, at, actor, request_id, action, entity, entity_id, after, hash)
SELECT head.seq - (SELECT COUNT(*) FROM due) + n, now(), 'billing run', 'billing run 1', 'payment.charged', 'payment', payment_id, after, encode(sha256(after::bytea), 'hex')
FROM head, due CROSS JOIN LATERAL (SELECT jsonb_build_object('id', payment_id, 'contract_id', id, 'transaction_type', 'charge', 'amount', fee / 100.0, 'status', 'success',
    'payment_method', 'system', 'transaction_id', NULL, 'description', day || ' - ' || (next - 1), 'created_at', now(), 'processed_at', now(), 'processed_by', 'billing run',
    'balance_after', (balance - fee) / 100.0, 'ledger_number', ledger_number, 'refunded_amount', '0.00', 'refund_of', NULL, 'failure_reason', NULL,
    'period_start', day, 'period_end', next, 'version', 1)::text AS after) a;
INSERT INTO events (kind, entity, entity_id, contract_id, customer_id, data, created_at)
SELECT 'period.charged', 'payment', payment_id, id, customer_id, jsonb_build_object('contract_number', number, 'transaction_type', 'charge', 'amount', fee / 100.0,
    'status', 'success', 'payment_method', 'system', 'balance_after', (balance - fee) / 100.0, 'refund_of', NULL, 'failure_reason', NULL, 'period_start', day, 'period_end', next)::text, now() FROM due;
COMMIT;
SQL
}

prepare crm_bench_billing "$customers"
read -r one_s one_n one_kib < <(run 93 1)
settle_down
read -r four_s four_n _ < <(run 62 4)
settle_down
[ "$(sql -c 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()')" = 0 ] || { echo "bench: deadlocks between the runs" >&2; exit 1; }
"$crm" verify >/dev/null || { echo "bench: the database violates its invariants after the runs" >&2; "$crm" verify >&2; exit 1; }
before=$(sql -c "SELECT COUNT(*) FROM payments") began=$(now)
by_sql 31
sql_s=$(awk "BEGIN {print $(now) - $began}") sql_n=$(($(sql -c "SELECT COUNT(*) FROM payments") - before))
on_server "DROP DATABASE crm_bench_billing WITH (FORCE)"

one=$(ratio "$one_n" "$one_s") four=$(ratio "$four_n" "$four_s") set=$(ratio "$sql_n" "$sql_s")
echo "one run:        $one_n contracts in ${one_s} s, $one a second, peak $((one_kib / 1024)) MiB"
echo "four at once:   $four_n contracts in ${four_s} s, $four a second"
echo "SQL alone:      $sql_n contracts in ${sql_s} s, $set a second"
echo "one / SQL = $(ratio "$one" "$set"), four / one = $(ratio "$four" "$one")"
[ "$many" -gt 0 ] || exit 0
prepare crm_bench_billing_many "$many"
read -r many_s many_n many_kib < <(run 93 1)
on_server "DROP DATABASE crm_bench_billing_many WITH (FORCE)"
echo "one run, many:  $many_n contracts in ${many_s} s, $(ratio "$many_n" "$many_s") a second, peak $((many_kib / 1024)) MiB"
echo "memory, many / one = $(ratio "$many_kib" "$one_kib"), pace, many / one = $(ratio "$(ratio "$many_n" "$many_s")" "$one")"
