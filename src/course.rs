//! Where the course lies: the workspace whose chapters the command line works on.
//!
//! It is the nearest folder above the current one whose manifest says that it is a course, or else
//! the one that this program was built from.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// What the course's manifest has in it.
const MARK: &str = "[workspace.metadata.ensemble]";

/// The root of the course.
pub fn root() -> Result<PathBuf, String> {
    let here = env::current_dir().map_err(|why| format!("the current folder: {why}"))?;
    let built = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().chain([built]).find(|folder| is_course(folder)).map(Path::to_path_buf).ok_or(
        format!(
            "there is no course in {} or above it, nor is the one that this program was built \
             from where it was; go to a folder of the course",
            here.display()
        ),
    )
}

fn is_course(folder: &Path) -> bool {
    fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|manifest| manifest.contains(MARK))
}
