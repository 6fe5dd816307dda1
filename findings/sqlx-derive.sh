#!/usr/bin/env bash
# The feature "derive" of sqlx has both drivers and the TLS library built for the compiler too, and its macros work without it.
#
# What one would guess: a feature that only derives FromRow costs a small procedural macro.
# What was seen: sqlx hands its features "postgres", "sqlite" and "tls-…" on to sqlx-macros as soon as "derive" is on, so the host
# build of the macros contains libsqlite3-sys and aws-lc-sys. With sqlx-macros as a dependency of its own, with "derive" alone, it
# contains neither, and #[derive(FromRow)] compiles as before.
# Version: sqlx 0.8.6.
#
# Needs: cargo and a C linker. Exits with 1 when the behaviour is another one, and with 2 when something is missing.
set -euo pipefail
command -v cargo >/dev/null || { echo "cargo is missing" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

program() { # name, dependencies; the source on standard input
    mkdir -p "$work/$1/src"
    printf '[package]\nname = "finding"\nversion = "0.0.0"\nedition = "2024"\n\n[dependencies]\n%s\n' "$2" >"$work/$1/Cargo.toml"
    cat >"$work/$1/src/main.rs"
}
built_for_the_compiler() { # name
    cargo tree --quiet --manifest-path "$work/$1/Cargo.toml" --package sqlx-macros-core --edges normal --prefix none |
        awk '{print $1}' | sort -u | grep -Ex 'libsqlite3-sys|aws-lc-sys' | tr '\n' ' '
}

drivers='"runtime-tokio", "tls-rustls-aws-lc-rs", "postgres", "sqlite"'
program whole "sqlx = { version = \"=0.8.6\", default-features = false, features = [$drivers, \"derive\"] }" <<<'fn main() {}'
program apart "sqlx = { version = \"=0.8.6\", default-features = false, features = [$drivers] }
sqlx-macros = { version = \"=0.8.6\", default-features = false, features = [\"derive\"] }" <<<'fn main() {}'
whole=$(built_for_the_compiler whole)
apart=$(built_for_the_compiler apart || true)
echo "built for the compiler with sqlx/derive: ${whole:-neither}"
echo "built for the compiler with sqlx-macros/derive: ${apart:-neither}"

bare='sqlx = { version = "=0.8.6", default-features = false }
sqlx-macros = { version = "=0.8.6", default-features = false, features = ["derive"] }'
program plain "$bare" <<'RUST'
#[derive(sqlx_macros::FromRow)]
struct Line {
    id: i64,
}
fn main() {
    println!("{}", Line { id: 1 }.id);
}
RUST
export CARGO_TARGET_DIR=$work/target
plain=no
cargo check --quiet --manifest-path "$work/plain/Cargo.toml" && plain=yes
echo "a derive by sqlx-macros alone compiles: $plain"
[[ $whole == 'aws-lc-sys libsqlite3-sys ' && -z $apart && $plain == yes ]]
