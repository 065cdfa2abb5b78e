//! The `ensemble` command.

use std::process::ExitCode;

/// A write is a few small pieces of memory that one thread takes and another gives back, which the
/// system's allocator does at about half the speed (measured with `ensemble bench`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ensemble::cli::run()
}
