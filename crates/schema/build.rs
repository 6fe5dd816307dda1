//! Rebuilds the crate for a new migration: the macro that reads the migration folders does not tell cargo about them.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
