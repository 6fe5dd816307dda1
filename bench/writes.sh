#!/usr/bin/env bash
# Measures how many changes per second many clients make through the program on PostgreSQL, beside pgbench with as many clients:
#
#   payments        POST /payments with Idempotency-Key, each client on other contracts, beside tables made for nothing else: a narrow
#                   account, a payment with four indexes, an audit with three, an event
#   registrations   POST /customers with names and birth dates as `seed` makes them, beside the same rows in copies of the tables
#   namesakes       the same when everybody has one name and one birth date
#   tickets         POST /tickets, beside the same rows in copies of the tables
#   swaps           POST /contracts/{id}/replace-sim, beside the same rows in copies of the tables
#
# Each is measured without and with a commit that takes 5 ms longer (commit_delay), and payments also with two instances and twice as
# many clients. All measurements take turns in one execution. The output has medians, ratios, refusals, the WAL of a payment, and what
# payments wait for. Compare the ratios, not the absolute figures, between machines.
#
# The copies have the rows and indexes of the originals, but no foreign keys, and what is written to them has no hash chain and leads to no
# messages. The WAL of the program includes the messages that payments lead to; all WAL includes what others write on the same server.
# Where the extension pg_walinspect can be installed, WAL is also told without the images of pages that follow a checkpoint.
#
# Needs wrk, pgbench, psql and curl, and a superuser of a PostgreSQL server. From PostgreSQL 15 a user suffices who may create databases and
# has GRANT SET ON PARAMETER commit_delay and the role pg_checkpoint. commit_delay is set for the database of this bench only.
# Environment variables:
#   BENCH_POSTGRES_URL    URL without a database name; default postgres://postgres@127.0.0.1:5432
#   CUSTOMERS=20000 ROUNDS=5 SECONDS_EACH=5 CLIENTS=32
#   MEASURES              what to measure; default everything above
#   MOST_PER_SECOND=4000  for how many registrations and swaps a second to prepare; a measurement that needs more is marked
#   CRM                   the program; default target/release/telecom-crm, which is built first unless SKIP_BUILD is set
#   PORT=18084            the port of the first instance; the second has the next one
set -euo pipefail
cd "$(dirname "$0")/.."

server=${BENCH_POSTGRES_URL:-postgres://postgres@127.0.0.1:5432}
customers=${CUSTOMERS:-20000} rounds=${ROUNDS:-5} seconds=${SECONDS_EACH:-5} clients=${CLIENTS:-32} port=${PORT:-18084}
read -ra measures <<<"${MEASURES:-payments registrations namesakes tickets swaps}"
prepared=$((seconds * ${MOST_PER_SECOND:-4000})) threads=$((clients < 2 ? 1 : 2)) delay=5000 cards=1000000000
database=crm_bench_writes url=$server/crm_bench_writes password='tram 17 to the lighthouse'

fail() { echo "bench: $*" >&2; exit 1; }
for tool in wrk pgbench psql curl; do
    command -v "$tool" >/dev/null || fail "$tool is missing"
done
for measure in "${measures[@]}"; do
    [[ $measure =~ ^(payments|registrations|namesakes|tickets|swaps)$ ]] || fail "there is no measure $measure"
done
[ -n "${SKIP_BUILD:-}${CRM:-}" ] || cargo build --release --quiet --package server
crm=$(realpath "${CRM:-target/release/telecom-crm}") script=$PWD/bench/writes.lua
[ -x "$crm" ] || fail "there is no program $crm"
work=$(mktemp -d)
instances=()
cd "$work"

on_server() { psql -X -v ON_ERROR_STOP=1 -qAt "$server/postgres" -c "$1"; }
sql() { psql -X -v ON_ERROR_STOP=1 -qAt "$url" "$@"; }
api() { curl -sS --fail-with-body -H 'Content-Type: application/json' "$@"; }
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
ratio() { awk "BEGIN {if ($2 > 0) printf \"%.2f\", $1 / $2; else print \"-\"}"; }
whole() { printf '%.0f' "$1"; }
measured() { [[ " ${measures[*]} " == *" $1 "* ]]; }

export DATABASE_URL=$url ADMIN_PASSWORD=$password JWT_SECRET=a-secret-for-the-benchmark-and-nothing-else COUNTRY=ru
export SIGN_INS_PER_MINUTE=1000 ACCESS_TOKEN_MINUTES=1440

# Starts one more instance.
start() {
    local at=$((port + ${#instances[@]}))
    ! curl -s -o /dev/null "http://127.0.0.1:$at/" || fail "port $at is taken; set PORT"
    BIND=127.0.0.1:$at "$crm" serve >>out 2>>"log.$at" &
    instances+=($!)
    for _ in $(seq 100); do
        curl -sf "http://127.0.0.1:$at/health/ready" >/dev/null && return
        kill -0 "${instances[-1]}" 2>/dev/null || break
        sleep 0.1
    done
    tail -5 "log.$at" >&2
    fail "the program does not start on port $at"
}
stop() {
    [ "${#instances[@]}" -gt 0 ] || return 0
    kill "${instances[@]}" 2>/dev/null || true
    wait "${instances[@]}" 2>/dev/null || true
    instances=()
}
clean_up() {
    stop
    # shellcheck disable=SC2046 # one argument for each id
    kill $(jobs -p) 2>/dev/null || true
    # the settings of the database go with it
    on_server "DROP DATABASE IF EXISTS $database WITH (FORCE)" 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
# Waits for the messages about the last changes, which would otherwise be written during the next measurement.
settle() {
    for _ in $(seq 600); do
        [ "$(sql -c 'SELECT last_event_id >= (SELECT COALESCE(MAX(id), 0) FROM events) FROM event_relay')" != t ] || return 0
        sleep 0.1
    done
    echo "bench: messages are more than a minute late and may disturb the next measurement" >&2
}
# Sets how many microseconds a commit waits before it writes, for connections made from now on.
set_delay() {
    local value="SET commit_delay = $1" siblings="SET commit_siblings = 0"
    [ "$1" != 0 ] || { value="RESET commit_delay" siblings="RESET commit_siblings"; }
    sql -c "ALTER DATABASE $database $value" -c "ALTER DATABASE $database $siblings" ||
        fail "commit_delay cannot be set; it requires a superuser, or GRANT SET ON PARAMETER commit_delay"
    [ "$1" = 0 ] || [ "$(sql -c 'SHOW commit_delay')" = "$1" ] || fail "commit_delay was set and does not apply"
}

on_server "DROP DATABASE IF EXISTS $database WITH (FORCE)" 2>/dev/null
# lower() must know Cyrillic
on_server "CREATE DATABASE $database TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"
# before the long part, whether it is permitted
set_delay $delay
set_delay 0
echo "seeding $customers subscribers"
inspects=$(sql -c "SELECT COUNT(*) FROM pg_available_extensions WHERE name = 'pg_walinspect'")
if [ "$inspects" = 1 ]; then sql -c 'CREATE EXTENSION pg_walinspect' 2>/dev/null || inspects=0; fi
"$crm" seed --customers "$customers" >seeding 2>&1 || { cat seeding >&2; fail "seeding failed"; }

# as many as one execution registers at most, so that nobody comes twice
people=$((rounds * 2 * prepared + 1))
sql <<SQL
CREATE SCHEMA bare;

-- as seed draws people: each name for itself, any day of 26 000, an address that hardly anybody shares
CREATE TABLE bare.people AS
WITH names AS (
    SELECT patronymic LIKE '%на' AS is_woman, array_agg(DISTINCT last_name) AS lasts, array_agg(DISTINCT first_name) AS firsts,
        array_agg(DISTINCT patronymic) AS fathers
    FROM customers WHERE customer_type = 'individual' AND patronymic IS NOT NULL GROUP BY 1
), drawn AS MATERIALIZED (
    SELECT n, lasts[ceil(random() * cardinality(lasts))] AS last_name, firsts[ceil(random() * cardinality(firsts))] AS first_name,
        CASE WHEN random() < 0.92 THEN fathers[ceil(random() * cardinality(fathers))] END AS patronymic,
        current_date - 18 * 366 - floor(random() * 26000)::int AS birth_date,
        random() < 0.6 AS has_email, random() < 0.7 AS has_inn, random() < 0.9 AS has_address,
        ceil(random() * 140)::text AS house, ceil(random() * 220)::text AS flat
    FROM generate_series(0, $people::bigint - 1) AS n JOIN names ON is_woman = (n % 100 < 52)
), homes AS (
    SELECT row_number() OVER (ORDER BY random()) - 1 AS home, address, address_key FROM customers
    WHERE customer_type = 'individual' AND address IS NOT NULL
)
SELECT n, last_name, first_name, patronymic, birth_date, has_email, has_inn,
    CASE WHEN has_address THEN regexp_replace(address, 'д\. \d+, кв\. \d+\$', 'д. ' || house || ', кв. ' || flat) END AS address,
    CASE WHEN has_address THEN regexp_replace(address_key, '\d+ \d+\$', house || ' ' || flat) ELSE '' END AS address_key,
    replace(lower(last_name), 'ё', 'е') || chr(9) || lower(last_name) AS last_name_order,
    (SELECT string_agg(word, ' ' ORDER BY word COLLATE "C") FROM
        unnest(string_to_array(replace(lower(concat_ws(' ', last_name, first_name, patronymic)), 'ё', 'е'), ' ')) AS word) AS name_key,
    chr(10) || replace(lower(concat_ws(chr(10), last_name, first_name, patronymic)), 'ё', 'е') AS searched
FROM drawn JOIN homes ON home = n % (SELECT COUNT(*) FROM homes);
ALTER TABLE bare.people ADD PRIMARY KEY (n);

CREATE VIEW bare.namesakes AS
SELECT n, 'Иванов' AS last_name, 'Иван' AS first_name, 'Иванович' AS patronymic, DATE '1990-01-01' AS birth_date, has_email, has_inn,
    address, address_key, 'иванов' || chr(9) || 'иванов' AS last_name_order, 'иван иванов иванович' AS name_key,
    concat_ws(chr(10), '', 'иванов', 'иван', 'иванович') AS searched
FROM bare.people;

-- with the check digits that the program demands
CREATE FUNCTION bare.inn(ten text) RETURNS text LANGUAGE sql IMMUTABLE AS \$\$
    WITH eleven AS (
        SELECT ten || SUM(substr(ten, i, 1)::int * (ARRAY[7, 2, 4, 10, 3, 5, 9, 4, 6, 8])[i]) % 11 % 10 AS text FROM generate_series(1, 10) AS i
    )
    SELECT text || (SELECT SUM(substr(text, i, 1)::int * (ARRAY[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8])[i]) % 11 % 10
        FROM generate_series(1, 11) AS i) FROM eleven
\$\$;

CREATE TABLE bare.complaints AS
SELECT row_number() OVER () - 1 AS n, * FROM (SELECT DISTINCT category, subject, description, priority, priority_rank FROM tickets) AS texts;

-- contracts that are paid for and whose cards are swapped, without gaps
CREATE TABLE bare.lines AS SELECT row_number() OVER (ORDER BY random()) - 1 AS n, id AS contract_id FROM contracts WHERE status = 'active';
ALTER TABLE bare.lines ADD PRIMARY KEY (n);

-- copies of the tables that the program writes to
DO \$\$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['customers', 'tickets', 'ticket_journal', 'contracts', 'sims', 'sim_bindings', 'audit', 'events'] LOOP
        EXECUTE format('CREATE TABLE bare.%1\$I (LIKE public.%1\$I INCLUDING ALL)', name);
        EXECUTE format('INSERT INTO bare.%1\$I SELECT * FROM public.%1\$I', name);
        CONTINUE WHEN name = 'audit';
        EXECUTE format('SELECT setval(pg_get_serial_sequence(''bare.%1\$I'', ''id''), COALESCE(MAX(id), 0) + 1) FROM bare.%1\$I', name);
    END LOOP;
END
\$\$;
CREATE SEQUENCE bare.audit_seq START 1000000000;
CREATE SEQUENCE bare.person;
CREATE SEQUENCE bare.ticket_number;
CREATE SEQUENCE bare.next_card;

-- tables for payments and nothing else; the key that makes a repeat safe is part of the payment
CREATE TABLE bare.account (id bigint PRIMARY KEY, balance bigint NOT NULL, version bigint NOT NULL DEFAULT 1);
INSERT INTO bare.account SELECT n, balance FROM bare.lines JOIN contracts ON contracts.id = contract_id;
CREATE TABLE bare.payment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account_id bigint NOT NULL, amount bigint NOT NULL, balance_after bigint NOT NULL,
    method text NOT NULL, key text NOT NULL UNIQUE, actor text NOT NULL, created_at timestamptz NOT NULL
);
CREATE INDEX ON bare.payment (account_id, created_at, id);
CREATE INDEX ON bare.payment (created_at, id);
CREATE TABLE bare.payment_audit (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL, actor_id bigint, actor text NOT NULL, address text,
    request_id text NOT NULL, action text NOT NULL, entity text NOT NULL, entity_id bigint NOT NULL, after text, hash text NOT NULL
);
CREATE INDEX ON bare.payment_audit (entity, entity_id, seq);
CREATE INDEX ON bare.payment_audit (actor_id, seq);
CREATE TABLE bare.payment_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL, entity_id bigint NOT NULL, account_id bigint NOT NULL,
    data text NOT NULL, created_at timestamptz NOT NULL
);

-- what the program itself records and tells of one change of each measure: pgbench writes the same
CREATE TABLE bare.recorded AS SELECT '' AS measure, FALSE AS is_closed, * FROM audit LIMIT 0;
CREATE TABLE bare.told AS SELECT '' AS measure, FALSE AS is_closed, * FROM events LIMIT 0;
SQL
lines=$(sql -c 'SELECT COUNT(*) FROM bare.lines') complaints=$(sql -c 'SELECT COUNT(*) FROM bare.complaints')
[ "$lines" -ge $((clients * 4)) ] || fail "$lines active contracts are too few for $clients clients; raise CUSTOMERS"

# --- what is sent to the program: on each line a path, a tab and a body ---

payment_requests() {
    sql -c "SELECT '/api/v1/payments' || chr(9) || jsonb_build_object('contract_id', contract_id, 'payment_method', 'cash',
        'amount', CAST(1 + random() * 999 AS numeric(10, 2))::text) FROM bare.lines ORDER BY random()"
}
declare -A registered=([people]=0 [namesakes]=0)
registration_requests() { # how many, people or namesakes, the two digits that all their numbers begin with
    sql -c "SELECT '/api/v1/customers' || chr(9) || jsonb_strip_nulls(jsonb_build_object('customer_type', 'individual',
        'last_name', last_name, 'first_name', first_name, 'patronymic', patronymic, 'birth_date', birth_date, 'address', address,
        'phone', '+79$3' || lpad(m::text, 7, '0'), 'document_type', 'passport',
        'passport_series', '$3' || lpad((m / 1000000)::text, 2, '0'), 'passport_number', lpad((m % 1000000)::text, 6, '0'),
        'inn', CASE WHEN has_inn THEN bare.inn('$3' || lpad(m::text, 8, '0')) END,
        'email', CASE WHEN has_email THEN 'bench$3' || m || '@example.com' END))
        FROM generate_series(${registered[$2]}, ${registered[$2]} + $1 - 1) AS m JOIN bare.$2 ON n = m % $people"
    registered[$2]=$((registered[$2] + $1))
}
ticket_requests() {
    sql -c "SELECT '/api/v1/tickets' || chr(9) || jsonb_build_object('customer_id', id, 'category', category, 'subject', subject,
        'description', description, 'priority', priority) FROM customers JOIN bare.complaints ON n = id % $complaints
        WHERE id <= $customers AND merged_into IS NULL ORDER BY random()"
}
# Each swap takes a free card, and a contract comes again only after all others.
swap_requests() { # how many
    new_cards sims "$1 + (SELECT COUNT(*) FROM sims WHERE id > $cards AND status <> 'free')"
    sql -c "SELECT '/api/v1/contracts/' || contract_id || '/replace-sim' || chr(9) || jsonb_build_object('sim_id', id, 'reason', 'замена на eSIM')
        FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM sims WHERE status = 'free' AND number_id IS NULL) AS cards
        JOIN bare.lines ON n = place % $lines ORDER BY place"
}
# Makes free cards, numbered after $cards, until there are so many.
new_cards() { # table, how many
    sql -c "INSERT INTO $1 (id, iccid, imsi, kind, status, search_text, created_at, updated_at)
        SELECT $cards + n, iccid, imsi, 'physical', 'free', concat_ws(chr(10), '', iccid, imsi), now(), now()
        FROM (SELECT n, '8970199' || lpad(n::text, 12, '0') AS iccid, '25099' || lpad(n::text, 10, '0') AS imsi
            FROM generate_series((SELECT COUNT(*) FROM $1 WHERE id > $cards) + 1, $2) AS n) AS numbered"
}
requests() { # measure, how many at least, unless they may be repeated
    case $1 in
        payments) payment_requests ;;
        registrations) registration_requests "$2" people 99 ;;
        namesakes) registration_requests "$2" namesakes 98 ;;
        tickets) ticket_requests ;;
        swaps) swap_requests "$2" ;;
    esac
}

# --- what pgbench writes ---

# Writes the lines of audit and the events. JSON stands in tables: pgbench would take its colons for the beginnings of variables.
record() { # measure, the id of what each line is about
    cat <<SQL
INSERT INTO bare.audit (seq, at, actor_id, actor, address, request_id, action, entity, entity_id, before, after, hash)
    SELECT nextval('bare.audit_seq'), now(), actor_id, actor, address, request_id, action, entity, ($2)::text, before, after, hash
    FROM bare.recorded WHERE measure = '$1';
INSERT INTO bare.events (kind, entity, entity_id, contract_id, customer_id, data, created_at)
    SELECT kind, entity, $2, contract_id, customer_id, data, now() FROM bare.told WHERE measure = '$1';
END;
SQL
}
cat >payments.sql <<'SQL'
\set account :client_id + :clients * random(0, :lines / :clients - 1)
\set amount random(100, 100000)
\set key random(1, 4611686018427387904)
BEGIN;
UPDATE bare.account SET balance = balance + :amount, version = version + 1 WHERE id = :account RETURNING balance \gset
INSERT INTO bare.payment (account_id, amount, balance_after, method, key, actor, created_at)
    VALUES (:account, :amount, :balance, 'cash', :key, 'bench', now()) RETURNING id AS payment \gset
INSERT INTO bare.payment_audit (at, actor_id, actor, address, request_id, action, entity, entity_id, after, hash)
    SELECT now(), actor_id, actor, address, request_id, action, entity, :payment::bigint, after, hash
    FROM bare.recorded WHERE measure = 'payments';
INSERT INTO bare.payment_event (kind, entity_id, account_id, data, created_at)
    SELECT kind, :payment::bigint, :account::bigint, data, now() FROM bare.told WHERE measure = 'payments' AND kind = 'payment.received';
END;
SQL
registration() { # measure, people or namesakes
    cat <<SQL
BEGIN;
INSERT INTO bare.customers (customer_type, status, last_name, first_name, patronymic, birth_date, document_type, passport_series,
        passport_number, document_key, inn, address, phone, email, email_key, search_text, name_key, address_key, last_name_order,
        created_at, updated_at)
    SELECT 'individual', 'active', last_name, first_name, patronymic, birth_date, 'passport', left(document, 4), right(document, 6), document,
        CASE WHEN has_inn THEN document || '00' END, address, phone, email, email, concat_ws(chr(10), searched, email, phone), name_key,
        address_key, last_name_order, now(), now()
    FROM (SELECT m, '97' || lpad(m::text, 8, '0') AS document, '+7997' || lpad(m::text, 7, '0') AS phone
        FROM (SELECT nextval('bare.person') AS m) AS next) AS numbers
    JOIN bare.$2 ON n = m % :people
    CROSS JOIN LATERAL (SELECT CASE WHEN has_email THEN 'bench97' || m || '@example.com' END AS email) AS mail
    RETURNING id AS customer \gset
$(record "$1" :customer::bigint)
SQL
}
registration registrations people >registrations.sql
registration namesakes namesakes >namesakes.sql
cat >tickets.sql <<SQL
\set customer random(1, :customers)
\set complaint random(0, :complaints - 1)
BEGIN;
INSERT INTO bare.tickets (number, customer_id, category, subject, description, status, priority, priority_rank, created_by, due_at,
        search_text, created_at, updated_at)
    SELECT number, :customer::bigint, category, subject, description, 'new', priority, priority_rank, 2, now() + interval '8 hours',
        concat_ws(chr(10), '', lower(number), lower(subject), lower(description)), now(), now()
    FROM (SELECT 'T-' || lpad(to_hex(nextval('bare.ticket_number') * 2654435769 % 1073741824), 13, '0') AS number) AS numbers, bare.complaints
    WHERE n = :complaint RETURNING id AS ticket \gset
INSERT INTO bare.ticket_journal (ticket_id, at, actor_id, actor, action, to_status) VALUES (:ticket, now(), 2, 'bench', 'created', 'new');
$(record tickets :ticket::bigint)
SQL
cat >swaps.sql <<SQL
\set line :client_id + :clients * random(0, :lines / :clients - 1)
BEGIN;
SELECT contracts.id AS contract, customer_id AS customer, sims.id AS old, sims.iccid AS old_iccid, number_id AS number, msisdn
    FROM bare.lines JOIN bare.contracts ON contracts.id = lines.contract_id JOIN bare.sims ON sims.contract_id = contracts.id
    JOIN public.numbers ON numbers.id = number_id WHERE n = :line FOR UPDATE OF contracts, sims \gset
UPDATE bare.sims SET status = 'closed', contract_id = NULL, number_id = NULL, deactivated_at = now(), updated_at = now(),
    version = version + 1, search_text = concat_ws(chr(10), '', iccid, imsi) WHERE id = :old;
UPDATE bare.sim_bindings SET unbound_at = now(), unbound_why = 'замена на eSIM' WHERE sim_id = :old AND unbound_at IS NULL;
UPDATE bare.sims SET status = 'active', contract_id = :contract, number_id = :number, activated_at = now(), updated_at = now(),
    version = version + 1, search_text = concat_ws(chr(10), '', iccid, imsi, :msisdn::text)
    WHERE id = (SELECT $cards + nextval('bare.next_card')) RETURNING id AS new, iccid AS new_iccid \gset
INSERT INTO bare.sim_bindings (sim_id, number_id, contract_id, customer_id, bound_at, bound_why)
    VALUES (:new, :number, :contract, :customer, now(), 'replacement: замена на eSIM');
UPDATE bare.contracts SET sim_id = :new, search_text = replace(search_text, :old_iccid, :new_iccid), updated_at = now(),
    version = version + 1 WHERE id = :contract;
$(record swaps "CASE WHEN entity = 'contract' THEN :contract::bigint WHEN is_closed THEN :old::bigint ELSE :new::bigint END")
SQL

# --- measurements ---

with_wrk() { # measure, port, its first file, a text for its keys
    local set=(REQUESTS="$work/requests." FIRST="$3")
    [[ ! $1 =~ ^(payments|tickets)$ ]] || set+=(REPEAT=1)
    [ "$1" != payments ] || set+=(KEYS="$4")
    env "${set[@]}" wrk -t"$threads" -c"$clients" -d"${seconds}s" --timeout 30s -s "$script" "http://127.0.0.1:$2" >"wrk.$3" ||
        fail "wrk failed"
    sed -n 's/^counted //p' "wrk.$3" >"counted.$3"
}
# Notes a few times a second what the connections to the database do. The sleep of commit_delay has no name: it is a COMMIT without a wait.
watch_waits() { # file
    for _ in $(seq $((seconds * 4))); do
        echo "SELECT COALESCE(wait_event_type || ' ' || wait_event, 'no wait') || ' | ' || left(regexp_replace(query, '\s+', ' ', 'g'), 60)
            FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND state <> 'idle'
            AND pid <> pg_backend_pid();"
        sleep 0.25
    done | sql >>"$1"
}
position() { sql -c 'SELECT pg_current_wal_insert_lsn()'; }
count() { sql -c "SELECT COUNT(*) FROM $1"; }
# Appends the WAL since a position for each payment: all of it, and without the images of whole pages, which mostly tell how long ago the
# last checkpoint was.
weigh() { # position, how many payments, file
    sql -c "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$1') / GREATEST($2, 1)" >>"$3.all"
    [ "$inspects" = 1 ] || return 0
    # fails when a checkpoint has just removed the segment
    sql -c "SELECT SUM(record_size) / GREATEST($2, 1) FROM pg_get_wal_stats('$1', pg_current_wal_flush_lsn())" >>"$3.records" || true
}

# Measures the program: appends the rate, and the numbers of refusals and of requests, to files named after the measurement.
by_program() { # measure, name of the measurement
    local before='' rows=0 at=0 started=() watcher=
    rm -f requests.* counted.*
    requests "$1" "$prepared" >all
    split -d -a 2 -n "r/$((threads * ${#instances[@]}))" all requests.
    settle
    if [ "$1" = payments ]; then
        before=$(position) rows=$(count payments)
        watch_waits "$2.waits" & watcher=$!
    fi
    for _ in "${instances[@]}"; do
        with_wrk "$1" $((port + at)) $((at * threads)) "$2-$round-$at" & started+=($!)
        at=$((at + 1))
    done
    wait "${started[@]}"
    for ((at = 0; at < ${#instances[@]}; at++)); do cat "counted.$((at * threads))"; done |
        awk -v out="$2" '{requests += $1; refused += $2 + $3; ended += $4; rate += $5}
            END {print rate >>(out ".program"); print refused, requests + 0 >>(out ".refused"); if (ended) print ended >>(out ".ended")}'
    [ -z "$watcher" ] || {
        wait "$watcher"
        settle
        weigh "$before" $(($(count payments) - rows)) "$2.program"
    }
}
by_pgbench() { # measure, name of the measurement
    local before='' rows=0
    [ "$1" != swaps ] || new_cards bare.sims "$prepared + (SELECT last_value FROM bare.next_card)"
    settle
    [ "$1" != payments ] || { before=$(position) rows=$(count bare.payment); }
    pgbench -n -M prepared -c "$clients" -j "$threads" -T "$seconds" -f "$1.sql" -D clients="$clients" -D lines="$lines" -D people="$people" \
        -D customers="$customers" -D complaints="$complaints" "$url" >pgbench.out 2>pgbench.err ||
        { tail -5 pgbench.err >&2; fail "pgbench failed; if it found no free card, raise MOST_PER_SECOND"; }
    sed -n 's/^tps = \([0-9.]*\).*/\1/p' pgbench.out >>"$2.pgbench"
    [ "$1" != payments ] || weigh "$before" $(($(count bare.payment) - rows)) "$2.pgbench"
}

start
base=http://127.0.0.1:$port/api/v1
admin=$(api "$base/auth/login" -d "{\"username\":\"admin\",\"password\":\"$password\"}" | field access)
api -H "Authorization: Bearer $admin" "$base/users" \
    -d "{\"username\":\"bench\",\"full_name\":\"Bench\",\"role\":\"operator\",\"password\":\"$password\"}" >/dev/null
TOKEN=$(api "$base/auth/login" -d "{\"username\":\"bench\",\"password\":\"$password\"}" | field access)
export TOKEN
for measure in "${measures[@]}"; do
    requests "$measure" 1 >trial
    IFS=$'\t' read -r path body <trial
    seq=$(sql -c 'SELECT MAX(seq) FROM audit') event=$(sql -c 'SELECT COALESCE(MAX(id), 0) FROM events')
    api -H "Authorization: Bearer $TOKEN" "http://127.0.0.1:$port$path" -d "$body" >answer || fail "$path is refused: $(cat answer)"
    sql -c "INSERT INTO bare.recorded SELECT '$measure', COALESCE(after LIKE '%\"closed\"%', FALSE), * FROM audit
            WHERE seq > $seq AND actor = 'bench'" \
        -c "INSERT INTO bare.told SELECT '$measure', data LIKE '%\"closed\"%', * FROM events WHERE id > $event"
done
stop
sql -c 'SET client_min_messages = error' -c 'VACUUM ANALYZE' -c CHECKPOINT

for round in $(seq "$rounds"); do
    for extra in 0 $delay; do
        set_delay "$extra"
        start
        for measure in "${measures[@]}"; do
            by_program "$measure" "$measure.$extra"
            by_pgbench "$measure" "$measure.$extra"
            p=$(tail -1 "$measure.$extra.program") b=$(tail -1 "$measure.$extra.pgbench")
            echo "round $round, commit_delay $extra, $measure: program $(whole "$p")/s, pgbench $(whole "$b")/s"
        done
        if measured payments && [ "$extra" != 0 ]; then
            start
            by_program payments "two.$extra"
            echo "round $round, commit_delay $extra, payments: two instances $(whole "$(tail -1 "two.$extra.program")")/s"
        fi
        stop
    done
done
set_delay 0
"$crm" verify >verified 2>&1 || { cat verified >&2; fail "the database violates its invariants after the measurements"; }

# --- figures ---

row() { printf '%-46s %10s %10s %7s  %s\n' "$@"; }
refusals() { # name of the measurement
    awk '{refused += $1; requests += $2; if ($1 > $2 / 100) marked = " MORE THAN 1 % REFUSED"}
        END {printf "%d of %d%s", refused, requests, marked}' "$1.refused"
    [ ! -e "$1.ended" ] || printf ' REQUESTS RAN OUT: raise MOST_PER_SECOND'
}
echo
row measure program/s pgbench/s ratio refused
for measure in "${measures[@]}"; do
    for extra in 0 $delay; do
        name=$measure.$extra
        p=$(median <"$name.program") b=$(median <"$name.pgbench")
        [ "$extra" = 0 ] && what=$measure || what="$measure, commit_delay $((extra / 1000)) ms"
        row "$what" "$(whole "$p")" "$(whole "$b")" "$(ratio "$p" "$b")" "$(refusals "$name")"
    done
done
if measured payments; then
    one=$(median <payments.$delay.program) two=$(median <two.$delay.program)
    row "payments, commit_delay $((delay / 1000)) ms, two instances" "$(whole "$two")" '' "$(ratio "$two" "$one")" \
        "$(refusals two.$delay); ratio to one"
    echo
    row 'bytes of WAL for each payment' program pgbench ratio ''
    for extra in 0 $delay; do
        for part in all records; do
            name=payments.$extra
            if [ ! -s "$name.program.$part" ] || [ ! -s "$name.pgbench.$part" ]; then continue; fi
            p=$(median <"$name.program.$part") b=$(median <"$name.pgbench.$part")
            [ $part = all ] && what= || what=', without images of pages'
            row "commit_delay $((extra / 1000)) ms$what" "$(whole "$p")" "$(whole "$b")" "$(ratio "$p" "$b")" ''
        done
    done
    for name in payments.0 payments.$delay two.$delay; do
        printf '\nwhat payments wait for (%s), of %s samples:\n' "$name" "$(wc -l <"$name.waits")"
        sort "$name.waits" | uniq -c | sort -rn | head -5
    done
fi
if grep -hoE 'route=[^ ]+ status=[45][0-9]+' log.* | sort | uniq -c | sort -rn >reasons; then
    printf '\nrefusals in the log:\n'
    head -10 reasons
fi
