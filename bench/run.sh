#!/usr/bin/env bash
# Measures in three ways how fast one of 50 000 subscribers is read from PostgreSQL: the statement alone (pgbench), a bare
# actix-web + sqlx handler, and the real endpoint with token, permission, ETag and log. The measurements alternate. The
# output has medians and ratios; compare the ratios between machines.
#
# Needs wrk, pgbench and psql, and a PostgreSQL server where databases can be created:
#   BENCH_POSTGRES_URL   URL without a database name; default postgres://postgres@127.0.0.1:5432
#   CUSTOMERS=50000 ROUNDS=5 SECONDS_EACH=8 CONNECTIONS=32
set -euo pipefail
cd "$(dirname "$0")/.."

server=${BENCH_POSTGRES_URL:-postgres://postgres@127.0.0.1:5432}
customers=${CUSTOMERS:-50000} rounds=${ROUNDS:-5} seconds=${SECONDS_EACH:-8} connections=${CONNECTIONS:-32}
database=crm_bench url=$server/crm_bench password='tram 17 to the lighthouse'
bare_port=18081 real_port=18082 work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT

for tool in wrk pgbench psql curl; do
    command -v "$tool" >/dev/null || { echo "bench: $tool is missing" >&2; exit 2; }
done
[ -n "${SKIP_BUILD:-}" ] || cargo build --release --quiet --package server --package bench

export DATABASE_URL=$url ADMIN_PASSWORD=$password JWT_SECRET=a-secret-for-the-benchmark-and-nothing-else BIND=127.0.0.1:$real_port
export SIGN_INS_PER_MINUTE=1000 ACCESS_TOKEN_MINUTES=1440
crm=$PWD/target/release/telecom-crm bare=$PWD/target/release/bare
cd "$work"
psql -qAt "$server/postgres" -c "SELECT 1 FROM pg_database WHERE datname = '$database'" | grep -q 1 || psql -q "$server/postgres" -c "CREATE DATABASE $database"
"$crm" migrate
held=$(psql -qAt "$url" -c "SELECT COUNT(*) FROM customers")
[ "$held" -ge "$customers" ] || "$crm" seed --customers "$customers"
psql -q "$url" -c "VACUUM ANALYZE" -c "CHECKPOINT"

"$bare" 127.0.0.1:$bare_port "$url" &
"$crm" serve >"$work/out" 2>"$work/log" &
real=$!
for _ in $(seq 100); do curl -sf "http://127.0.0.1:$real_port/health/ready" >/dev/null && break; sleep 0.1; done
idle=$(awk '/VmRSS/ {print $2}' "/proc/$real/status")

api() { curl -sS --fail-with-body -H 'Content-Type: application/json' "$@"; }
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
admin=$(api "http://127.0.0.1:$real_port/api/v1/auth/login" -d "{\"username\":\"admin\",\"password\":\"$password\"}" | field access)
# an employee reads masked subscribers
token=$(api "http://127.0.0.1:$real_port/api/v1/auth/login" -d "{\"username\":\"bench\",\"password\":\"$password\"}" 2>/dev/null | field access || true)
if [ -z "$token" ]; then
    api -H "Authorization: Bearer $admin" "http://127.0.0.1:$real_port/api/v1/users" \
        -d "{\"username\":\"bench\",\"full_name\":\"Bench\",\"role\":\"employee\",\"password\":\"$password\"}" >/dev/null
    token=$(api "http://127.0.0.1:$real_port/api/v1/auth/login" -d "{\"username\":\"bench\",\"password\":\"$password\"}" | field access)
fi

{ printf '\\set id random(1, %s)\n' "$customers"; "$bare" sql | sed 's/\$1/:id/'; } >"$work/select.sql"
cat >"$work/get.lua" <<LUA
local prefix, token = os.getenv("PREFIX"), os.getenv("TOKEN")
if token then wrk.headers["Authorization"] = "Bearer " .. token end
function request() return wrk.format("GET", prefix .. math.random($customers)) end
function done(summary)
    local bad = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
    io.write(string.format("rate %.0f errors %d\n", summary.requests / summary.duration * 1e6, bad))
end
LUA
with_wrk() { # prefix, port
    PREFIX=$1 wrk -t1 -c"$connections" -d"${seconds}s" -s "$work/get.lua" "http://127.0.0.1:$2" | awk '/^rate/ {if ($4 != 0) exit 1; print $2}'
}
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

for round in $(seq "$rounds"); do
    pgbench -n -M prepared -c 16 -j 1 -T "$seconds" -f "$work/select.sql" "$url" 2>/dev/null | sed -n 's/^tps = \([0-9]*\).*/\1/p' >>"$work/pgbench"
    with_wrk /customers/ $bare_port >>"$work/bare"
    TOKEN=$token with_wrk /api/v1/customers/ $real_port >>"$work/real"
    echo "round $round: pgbench $(tail -1 "$work/pgbench")/s, bare $(tail -1 "$work/bare")/s, real $(tail -1 "$work/real")/s"
done
p=$(median <"$work/pgbench") b=$(median <"$work/bare") r=$(median <"$work/real")
echo "median: pgbench $p/s, bare handler $b/s, real endpoint $r/s"
echo "real / bare = $(awk "BEGIN {printf \"%.2f\", $r / $b}"), bare / pgbench = $(awk "BEGIN {printf \"%.2f\", $b / $p}")"
echo "idle memory of the real server: $((idle / 1024)) MiB; after the load: $(($(awk '/VmRSS/ {print $2}' "/proc/$real/status") / 1024)) MiB"
