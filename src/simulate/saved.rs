//! Saving the story of a run that breaks something, made as small as a budget of runs allows.
//!
//! Always true: what is saved was replayed before, and whether it broke the same is said.

use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

use assurance::story::{Progress, minimise};
use assurance::{Story, replay};

/// A story that is saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Where.
    pub file: PathBuf,
    /// Whether it breaks what the run broke.
    pub same: bool,
}

/// Makes a story small, with so many runs at most, and saves it in a folder under its seed. `look`
/// is shown how far it is.
pub fn save(
    story: &Story,
    folder: &Path,
    budget: usize,
    look: impl FnMut(Progress),
) -> Result<Saved, String> {
    let small = quietly(|| minimise(story, budget, look));
    let told = small.as_ref().unwrap_or(story).to_string();
    let file = folder.join(format!("{}.story", story.setting.seed));
    let why = |at: &Path, why: std::io::Error| format!("{}: {why}", at.display());
    fs::create_dir_all(folder).map_err(|it| why(folder, it))?;
    fs::write(&file, &told).map_err(|it| why(&file, it))?;
    let read = Story::read(&file.display().to_string(), &told)?;
    let same = quietly(|| replay(&read))
        .violation
        .is_some_and(|violation| Some(violation.broken.invariant.to_string()) == story.expect);
    Ok(Saved { file, same })
}

/// Does something without a word for each machine that panics on the way: the runs of a story that
/// ends in a panic all do.
fn quietly<T>(what: impl FnOnce() -> T) -> T {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let done = what();
    panic::set_hook(hook);
    done
}
