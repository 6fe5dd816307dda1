# The few commands a developer types; `just` alone lists them.

_list:
    @just --list --unsorted

# Serve on 127.0.0.1:8000 with an embedded database
run *arguments:
    cargo run --release -- {{ arguments }}

# Every test
test *arguments:
    cargo test --workspace {{ arguments }}

# Formatting and lints
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- --deny warnings

# Write openapi/openapi.json anew from the code
openapi:
    cargo run -q -- openapi > openapi/openapi.json

# Fill the database with made-up subscribers, contracts and payments
seed *arguments:
    cargo run --release -- seed {{ arguments }}

# Measure speed
bench *arguments:
    bench/run.sh {{ arguments }}

# All that must pass before a change goes in
ci:
    .ci/run
