#!/usr/bin/env bash
# sqlx 0.8.6 with statement_cache_capacity(0) still prepares its statements under names, and never closes them.
#
# Guess: without a cache a statement is prepared without a name, so that the connection may come from a pooler whose sessions last for one
# transaction (PgBouncer in transaction mode before prepared statements are passed through).
# Seen: each query leaves a named statement on the server, also the same text again, until the session ends; only `.persistent(false)` makes
# it nameless. So behind such a pooler the second client gets "prepared statement sqlx_s_1 already exists", and a long session's
# memory grows on the server.
# What follows: set `.persistent(false)` for each query there. sqlx's own migrator does not, so forget its statements with DEALLOCATE ALL.
# Needs cargo and a PostgreSQL server: POSTGRES_URL, by default the local one of this user.
set -euo pipefail

url=${POSTGRES_URL:-postgres://$(id -un)@localhost/postgres?host=/var/run/postgresql}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
cat >Cargo.toml <<'EOF'
[package]
name = "named"
version = "0.0.0"
edition = "2021"

[dependencies]
sqlx = { version = "=0.8.6", default-features = false, features = ["runtime-tokio", "postgres"] }
tokio = { version = "1", features = ["macros", "rt"] }
EOF
cat >src/main.rs <<'EOF'
use sqlx::{postgres::PgConnectOptions, query, query_scalar, ConnectOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), sqlx::Error> {
    let url = std::env::args().nth(1).expect("a URL");
    let mut left = Vec::new();
    for persistent in [true, false] {
        let options: PgConnectOptions = url.parse()?;
        let mut server = options.statement_cache_capacity(0).connect().await?;
        for _ in 0..3 {
            query("SELECT $1::BIGINT").bind(7_i64).persistent(persistent).execute(&mut server).await?;
        }
        let count: i64 = query_scalar("SELECT count(*) FROM pg_prepared_statements WHERE name <> '' AND statement LIKE 'SELECT $1%'")
            .persistent(false)
            .fetch_one(&mut server)
            .await?;
        println!("persistent({persistent}), three times the same text: {count} named statements are left");
        left.push(count);
    }
    if left != [3, 0] {
        println!("That is another behaviour.");
        std::process::exit(1);
    }
    Ok(())
}
EOF
cargo run --quiet -- "$url"
