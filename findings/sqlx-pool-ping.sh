#!/usr/bin/env bash
# sqlx's pool makes a round trip to the server each time that a connection comes back.
#
# What one would guess: with test_before_acquire(false) the pool sends nothing of its own; N statements are N round trips.
# What was seen: the pool pings each connection when it is given back, whatever test_before_acquire says, so that N statements on
# connections from the pool are 2 N round trips; with test_before_acquire(true), which is the default, they are 3 N.
# The ping is a lone Sync message. On a connection outside a pool there is none.
# Versions: sqlx 0.8.6 and 0.9.0, PostgreSQL 15.
#
# Needs: cargo, a C linker and the binaries of a PostgreSQL server (in PATH or where Debian puts them). Exits with 1 when the
# behaviour is another one, and with 2 when something is missing.
set -euo pipefail

PATH=$PATH$(printf ':%s' /usr/lib/postgresql/*/bin)
for tool in cargo initdb pg_ctl; do
    command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 2; }
done

# a scratch server; it refuses to run as root
work=$(mktemp -d)
as_user() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=nobody --regid=nogroup --clear-groups -- "$@"; else "$@"; fi; }
stop_postgres() { [ ! -f "$work/postgres/data/postmaster.pid" ] || as_user pg_ctl -D "$work/postgres/data" -m immediate -s stop || true; }
trap 'stop_postgres; rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir "$work/postgres"
if [ "$(id -u)" = 0 ]; then chown nobody:nogroup "$work/postgres"; fi
port=$((20000 + RANDOM % 10000))
cd "$work/postgres"
as_user initdb -D data -U finding -A trust --no-sync >/dev/null
as_user pg_ctl -D data -l log -s -w -o "-h 127.0.0.1 -p $port -k $work/postgres -c fsync=off" start

# the same program with either version
program() { # version
    mkdir -p "$work/$1/src"
    cat >"$work/$1/Cargo.toml" <<TOML
[package]
name = "finding"
version = "0.0.0"
edition = "2024"

[dependencies]
sqlx = { version = "=$1", default-features = false, features = ["postgres", "runtime-tokio"] }
tokio = { version = "1", features = ["io-util", "macros", "net", "rt", "time"] }

[workspace]
TOML
    cat >"$work/$1/src/main.rs" <<'RUST'
use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use sqlx::{Connection, PgConnection, postgres::PgPoolOptions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};

/// Sync messages from the client: each is answered by ReadyForQuery, so each is a round trip.
static ROUND_TRIPS: AtomicUsize = AtomicUsize::new(0);

/// Passes one connection on, and counts what the client sends.
async fn pass_on(client: TcpStream, port: u16) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    // the first message has no type
    let mut kind = None;
    loop {
        if let Some(kind) = kind {
            to_server.write_u8(kind).await?;
        }
        let length = from_client.read_u32().await?;
        let mut body = vec![0; length as usize - 4];
        from_client.read_exact(&mut body).await?;
        to_server.write_u32(length).await?;
        to_server.write_all(&body).await?;
        if kind == Some(b'S') {
            ROUND_TRIPS.fetch_add(1, SeqCst);
        }
        kind = Some(from_client.read_u8().await?);
    }
}

/// Round trips of 100 statements, after one that prepares the statement.
async fn measure(url: &str, test_before_acquire: Option<bool>) -> usize {
    const STATEMENT: &str = "SELECT $1::int";
    let Some(test) = test_before_acquire else {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query(STATEMENT).bind(0).execute(&mut connection).await.unwrap();
        let before = ROUND_TRIPS.load(SeqCst);
        for number in 0..100 {
            sqlx::query(STATEMENT).bind(number).execute(&mut connection).await.unwrap();
        }
        return ROUND_TRIPS.load(SeqCst) - before;
    };
    let pool = PgPoolOptions::new().max_connections(1).test_before_acquire(test).connect(url).await.unwrap();
    sqlx::query(STATEMENT).bind(0).execute(&pool).await.unwrap();
    // what the pool does on return, it does on its own
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = ROUND_TRIPS.load(SeqCst);
    for number in 0..100 {
        sqlx::query(STATEMENT).bind(number).execute(&pool).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    ROUND_TRIPS.load(SeqCst) - before
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let port: u16 = std::env::args().nth(1).unwrap().parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://finding@{}/postgres?sslmode=disable", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass_on(client, port));
        }
    });
    println!("{} {} {}", measure(&url, None).await, measure(&url, Some(false)).await, measure(&url, Some(true)).await);
}
RUST
    CARGO_TARGET_DIR=$work/target cargo build --quiet --release --manifest-path "$work/$1/Cargo.toml"
    "$work/target/release/finding" "$port"
}

as_user postgres --version
as_expected=yes
for version in 0.8.6 0.9.0; do
    read -r alone untested tested < <(program "$version")
    echo "sqlx $version: round trips of 100 statements: $alone on a connection alone, $untested from a pool with" \
        "test_before_acquire(false), $tested with test_before_acquire(true)"
    [ "$alone $untested $tested" = '100 200 300' ] || as_expected=no
done
[ "$as_expected" = yes ] || { echo 'the behaviour has changed' >&2; exit 1; }
echo 'as expected: one round trip more for each connection that is given back'
