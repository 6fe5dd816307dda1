#!/usr/bin/env bash
# sqlx 0.9.0 leaves Nagle's algorithm on for TCP connections to PostgreSQL.
#
# What one would guess: a client library that waits for an answer to each statement switches TCP_NODELAY on, as libpq does and as
# sqlx itself does up to 0.8.6; a new version keeps it.
# What was seen: with 0.9.0 the option is off. Over TLS a statement of more than 16 KiB is more than one record, and each record is a
# write of its own. The kernel holds the last one back until the server's kernel acknowledges those before, which that delays by
# some 40 ms: each such statement takes more than 40 ms instead of less than 1.
# Versions: sqlx 0.8.6 and 0.9.0, over the loopback interface of Linux, PostgreSQL 15.
#
# Needs: cargo, a C compiler, openssl and the binaries of a PostgreSQL server (in PATH or where Debian puts them). Exits with 1 when
# the behaviour is another one, and with 2 when something is missing.
set -euo pipefail

PATH=$PATH$(printf ':%s' /usr/lib/postgresql/*/bin)
for tool in cargo openssl initdb pg_ctl; do
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
as_user openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 2 -subj /CN=localhost \
    -keyout data/server.key -out data/server.crt 2>/dev/null
as_user chmod 600 data/server.key
as_user pg_ctl -D data -l log -s -w -o "-h 127.0.0.1 -p $port -c ssl=on -k $work/postgres -c fsync=off" start

# the same program with either version
program() { # version
    mkdir -p "$work/$1/src"
    cat >"$work/$1/Cargo.toml" <<TOML
[package]
name = "finding"
version = "0.0.0"
edition = "2024"

[dependencies]
socket2 = "=0.6.1"
sqlx = { version = "=$1", default-features = false, features = ["postgres", "runtime-tokio", "tls-rustls-ring-webpki"] }
tokio = { version = "1", features = ["macros", "rt"] }

[workspace]
TOML
    cat >"$work/$1/src/main.rs" <<'RUST'
use std::{fs, os::fd::BorrowedFd, time::Instant};

use socket2::SockRef;
use sqlx::{Connection, PgConnection};

/// TCP_NODELAY of the one socket of this process that is connected to the port.
fn no_delay(port: u16) -> Option<bool> {
    fs::read_dir("/proc/self/fd").ok()?.flatten().find_map(|entry| {
        let is_socket = fs::read_link(entry.path()).ok()?.to_string_lossy().starts_with("socket:");
        let number = entry.file_name().to_str()?.parse().ok().filter(|_| is_socket)?;
        // the socket stays open: the connection that owns it outlives this function
        let socket = unsafe { BorrowedFd::borrow_raw(number) };
        let socket = SockRef::from(&socket);
        let peer = socket.peer_addr().ok()?.as_socket()?;
        if peer.port() == port { socket.tcp_nodelay().ok() } else { None }
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let port: u16 = std::env::args().nth(1).unwrap().parse().unwrap();
    let mut connection = PgConnection::connect(&format!("postgres://finding@127.0.0.1:{port}/postgres?sslmode=require")).await.unwrap();
    print!("{}", if no_delay(port).unwrap() { "on" } else { "off" });
    for bytes in [100, 40_000] {
        let value = "x".repeat(bytes);
        let mut milliseconds = Vec::new();
        for _ in 0..25 {
            let began = Instant::now();
            sqlx::query("SELECT length($1)").bind(&value).execute(&mut connection).await.unwrap();
            milliseconds.push(began.elapsed().as_secs_f64() * 1000.0);
        }
        milliseconds.sort_by(f64::total_cmp);
        print!(" {:.2}", milliseconds[milliseconds.len() / 2]);
    }
    println!();
}
RUST
    CARGO_TARGET_DIR=$work/target cargo build --quiet --release --manifest-path "$work/$1/Cargo.toml"
    "$work/target/release/finding" "$port"
}

as_user postgres --version
as_expected=yes
for version in 0.8.6 0.9.0; do
    read -r option short long < <(program "$version")
    echo "sqlx $version: TCP_NODELAY $option; median of 25 statements with a value of 100 bytes $short ms, of 40 000 bytes $long ms"
    case $version in
        0.8.6) [ "$option" = on ] && awk "BEGIN {exit !($long < 20)}" || as_expected=no ;;
        0.9.0) [ "$option" = off ] && awk "BEGIN {exit !($long > 35)}" || as_expected=no ;;
    esac
done
[ "$as_expected" = yes ] || { echo 'the behaviour has changed' >&2; exit 1; }
echo 'as expected: 0.9.0 leaves the option off, and a long statement waits for a delayed acknowledgement'
