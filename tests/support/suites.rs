//! The suites in `tests/clients/`, and what must be installed for them.

use std::path::Path;
use std::process::{Command, Stdio};

/// Where a suite is.
pub(crate) fn script(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name);
    path.to_string_lossy().into_owned()
}

/// Whether a program is there and, with these arguments, ends well. What it says is not shown.
pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
