#!/usr/bin/env bash
# sqlx 0.8.6: a read-only SQLite connection with optimize_on_close fails to close, and is closed at some later time.
#
# Guess: optimize_on_close(true, …) on options that are shared by a writer and, with read_only(true), its readers does nothing for the readers.
# Seen: `PRAGMA optimize` finds that a table has grown, and writes; a reader may not: close() returns "attempt to write a readonly database"
# before it has told the connection's thread to end. A pool's close() swallows that error. The thread ends by itself, perhaps after the writer has
# been closed. SQLite writes the log back and deletes it when the last connection is closed, but not if that one is read-only: then `-wal` stays,
# and whoever copies the file of the database alone copies an old state.
# What follows: set optimize_on_close(false, None) for readers, and close the writer last.
# Needs cargo.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
cat >Cargo.toml <<'EOF'
[package]
name = "reader"
version = "0.0.0"
edition = "2021"

[dependencies]
sqlx = { version = "=0.8.6", default-features = false, features = ["runtime-tokio", "sqlite"] }
tokio = { version = "1", features = ["macros", "rt"] }
EOF
cat >src/main.rs <<'EOF'
use std::path::Path;

use sqlx::{query, query_scalar, sqlite::{SqliteConnectOptions, SqliteJournalMode}, ConnectOptions, Connection, SqliteConnection};

async fn grown(path: &str, optimize: bool) -> Result<(SqliteConnection, SqliteConnection), sqlx::Error> {
    let file = SqliteConnectOptions::new().filename(path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    let mut writer = file.clone().connect().await?;
    query("CREATE TABLE t (id INTEGER PRIMARY KEY, kind TEXT)").execute(&mut writer).await?;
    query("CREATE INDEX t_kind ON t (kind)").execute(&mut writer).await?;
    query("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO t SELECT i, i % 7 FROM n")
        .execute(&mut writer)
        .await?;
    let mut reader = file.read_only(true).optimize_on_close(optimize, 400).connect().await?;
    let _: i64 = query_scalar("SELECT COUNT(*) FROM t WHERE kind = '3'").fetch_one(&mut reader).await?;
    Ok((writer, reader))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), sqlx::Error> {
    let mut seen = Vec::new();
    for optimize in [true, false] {
        let (writer, reader) = grown(&format!("closed-{optimize}.db"), optimize).await?;
        let refusal = reader.close().await.err().map(|error| error.to_string());
        println!("optimize_on_close({optimize}) on a reader, close(): {refusal:?}");
        seen.push(refusal.is_some_and(|text| text.contains("readonly")));
        writer.close().await?;
    }
    for last_is_reader in [true, false] {
        let path = format!("last-{last_is_reader}.db");
        let (writer, reader) = grown(&path, false).await?;
        let (first, last) = if last_is_reader { (writer, reader) } else { (reader, writer) };
        first.close().await?;
        last.close().await?;
        let is_left = Path::new(&format!("{path}-wal")).exists();
        println!("the {} is closed last: the log {}", if last_is_reader { "reader" } else { "writer" }, if is_left { "is left" } else { "is gone" });
        seen.push(is_left);
    }
    if seen != [true, false, true, false] {
        println!("That is another behaviour.");
        std::process::exit(1);
    }
    Ok(())
}
EOF
cargo run --quiet
