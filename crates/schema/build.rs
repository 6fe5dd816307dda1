//! Has a new migration noticed: the macro that reads the folders does not tell cargo about them.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
