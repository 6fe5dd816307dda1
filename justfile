# The commands for development; `just` alone lists them.

_list:
    @just --list --unsorted

# Serve on 127.0.0.1:8000 with an embedded database
run *arguments:
    cargo run --release -- {{ arguments }}

# Run every test
test *arguments:
    cargo test --workspace {{ arguments }}

# Check formatting and lints
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- --deny warnings

# Generate openapi/openapi.json from the code
openapi:
    cargo run -q -- openapi > openapi/openapi.json

# Fill the database with sample subscribers, contracts and payments
seed *arguments:
    cargo run --release -- seed {{ arguments }}

# Measure speed
bench *arguments:
    bench/run.sh {{ arguments }}

# Run all checks that must pass before a change is merged
ci:
    .ci/run
