//! The `ensemble` command.
fn main() {}
