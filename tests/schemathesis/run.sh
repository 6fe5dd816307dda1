#!/usr/bin/env bash
# Checks the running API against its OpenAPI document with Schemathesis, on a fresh database.
#
#   tests/schemathesis/run.sh sqlite
#   tests/schemathesis/run.sh postgres            # TEST_POSTGRES_URL, by default the local server
#   tests/schemathesis/run.sh sqlite --include-path /api/v1/sims     # further arguments are for `schemathesis run`
#
# Needs curl and python3, for postgres also psql, and cargo unless PROGRAM names a built program. SEED, MAX_EXAMPLES
# and PORT can be set. It fails if a check fails, if the server logs an error, and if `telecom-crm verify` finds a
# violation afterwards. The server's log remains in target/schemathesis.
set -euo pipefail

engine=${1:-}
[[ $engine == sqlite || $engine == postgres ]] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
shift

version=4.32.5
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
port=${PORT:-$((18000 + RANDOM % 2000))}
postgres=${TEST_POSTGRES_URL:-postgres://$(id -un)@localhost/postgres?host=/var/run/postgresql}
work=$(mktemp -d)
database=schemathesis_$$
log=target/schemathesis/$engine.log
server=

finish() {
    local status=$?
    trap - EXIT
    if [[ -n $server ]]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    if [[ $engine == postgres ]]; then psql -q "$postgres" -c "DROP DATABASE IF EXISTS $database WITH (FORCE)" || true; fi
    if ((status != 0)) && [[ -f $log ]]; then
        echo "--- the end of the server's log, $log" >&2
        grep -v ' access: ' "$log" | tail -n 20 >&2 || true
    fi
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

mkdir -p target/schemathesis
rm -f "$log"
tools=target/schemathesis/venv-$version
# the other engine's run may be at it
exec 9>target/schemathesis/lock
flock 9
if [[ ! -x $tools/bin/schemathesis ]]; then
    rm -rf "$tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"
fi
flock --unlock 9
exec 9>&-

program=${PROGRAM:-}
if [[ -z $program ]]; then
    cargo build --quiet --package server
    program=${CARGO_TARGET_DIR:-target}/debug/telecom-crm
fi

case $engine in
    sqlite) export DATABASE_URL=sqlite://$work/crm.db ;;
    postgres)
        psql -q "$postgres" -c "CREATE DATABASE $database"
        # another database of this server and user
        DATABASE_URL=$(sed -E "s#^([a-z]+://[^/]*/)[^?]*#\1$database#" <<<"$postgres")
        export DATABASE_URL
        ;;
esac
export BIND=127.0.0.1:$port COUNTRY=ru LOG_LEVEL=info LOG_FORMAT=text SHUTDOWN_SECONDS=5
JWT_SECRET=$(head -c 48 /dev/urandom | base64 -w 0)
export JWT_SECRET
# the credentials of the document's examples, so that those return 200
export ADMIN_USERNAME=admin ADMIN_PASSWORD='correct horse battery staple'
# the sandbox gateway and terminals, so that the operations behind their keys can be checked
export GATEWAYS=sandbox GATEWAY_SANDBOX_SECRET='the key of the sandbox while it is tried' TERMINAL_KEY='the key of the terminals while they are tried'
export ACCESS_TOKEN_MINUTES=1440 SIGN_INS_PER_MINUTE=1000000

"$program" seed --customers 60 >"$work/seed.log" 2>&1 || { cat "$work/seed.log" >&2; exit 1; }
"$program" serve >/dev/null 2>"$log" &
server=$!
for _ in $(seq 100); do
    if curl --silent --fail --output /dev/null "http://$BIND/health/ready"; then break; fi
    kill -0 "$server" 2>/dev/null || { echo "the server did not start" >&2; exit 1; }
    sleep 0.2
done

status=0
BASE_URL=http://$BIND SCHEMATHESIS_HOOKS=$here/hooks.py "$tools/bin/schemathesis" --config-file "$here/schemathesis.toml" \
    run "http://$BIND/api/v1/openapi.json" --url "http://$BIND" --seed "${SEED:-20260101}" --max-examples "${MAX_EXAMPLES:-30}" \
    --no-color "$@" || status=$?

kill "$server"
wait "$server" || true
server=
if grep ' ERROR ' "$log"; then
    echo "the server logged errors" >&2
    status=1
fi
"$program" verify || status=1
exit "$status"
