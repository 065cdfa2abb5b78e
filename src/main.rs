//! The `ensemble` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ensemble::cli::run()
}
