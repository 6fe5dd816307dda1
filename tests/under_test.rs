//! The program, built where the tests can find it.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::cli::main()
}
