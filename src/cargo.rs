//! Test programs: finding the one that cargo built, and running it for so long and no longer.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// A test program that cargo built.
#[derive(Clone, Debug)]
pub(crate) struct TestProgram {
    /// The program.
    pub(crate) program: PathBuf,
    /// The folder in which its tests expect to run.
    pub(crate) folder: PathBuf,
}

impl TestProgram {
    /// The test program of a target, if what cargo said, as objects of JSON, names it.
    pub(crate) fn named(said: &str, target: &str) -> Option<TestProgram> {
        said.lines().find_map(|line| {
            let artifact: serde_json::Value = serde_json::from_str(line).ok()?;
            let named = artifact["target"]["name"] == target && artifact["profile"]["test"] == true;
            let program = named.then(|| artifact["executable"].as_str()).flatten()?;
            let folder = Path::new(artifact["manifest_path"].as_str()?).parent()?;
            Some(TestProgram { program: program.into(), folder: folder.into() })
        })
    }
}

/// Waits for a program; one that takes too long is killed, and nothing is known of it.
pub(crate) fn wait(command: &mut Command, end: Instant) -> Option<ExitStatus> {
    let mut child = command.spawn().expect("a program that was just built starts");
    while Instant::now() < end {
        if let Some(status) = child.try_wait().expect("a child of ours can be waited for") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().and_then(|()| child.wait().map(drop)).expect("a child of ours can be killed");
    None
}
