//! What a learner has done, kept in `.ensemble/progress.json` in the course.
//!
//! Always true: it is kept by the names of exercises, so that it survives other numbers; and the
//! file is replaced as a whole, so that it survives a crash.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What is known of one exercise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// All checks held once.
    #[serde(default)]
    pub done: bool,
    /// How many hints were read.
    #[serde(default)]
    pub hints: usize,
    /// The solution was read before all checks held.
    #[serde(default)]
    pub gave_up: bool,
}

/// What a learner has done.
#[derive(Clone, Debug)]
pub struct Progress {
    file: PathBuf,
    entries: BTreeMap<String, Entry>,
}

impl Progress {
    /// Reads it. What is not there has not been done.
    ///
    /// # Errors
    /// The file is there and cannot be understood; the text says what to do.
    pub fn read(course: &Path) -> Result<Progress, String> {
        let file = course.join(".ensemble").join("progress.json");
        let Ok(text) = fs::read_to_string(&file) else {
            return Ok(Progress { file, entries: BTreeMap::new() });
        };
        let entries = serde_json::from_str(&text).map_err(|why| {
            format!("{}: {why}; mend it, or remove it to begin again", file.display())
        })?;
        Ok(Progress { file, entries })
    }

    /// What is known of an exercise.
    pub fn of(&self, name: &str) -> Entry {
        self.entries.get(name).cloned().unwrap_or_default()
    }

    /// Keeps what is known of an exercise now.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&mut self, name: &str, entry: Entry) -> Result<(), String> {
        if self.of(name) == entry {
            return Ok(());
        }
        self.entries.insert(name.to_string(), entry);
        let told = |why: std::io::Error| format!("{}: {why}", self.file.display());
        let folder = self.file.parent().expect("it lies in a folder");
        fs::create_dir_all(folder).map_err(told)?;
        let text = serde_json::to_string_pretty(&self.entries).expect("it is plain data");
        let new = self.file.with_extension("new");
        fs::write(&new, text + "\n").map_err(told)?;
        fs::rename(&new, &self.file).map_err(told)
    }
}
