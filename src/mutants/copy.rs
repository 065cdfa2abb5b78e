//! The copy of the course that mutants are put into.
//!
//! It lies below the course's target directory and is kept from run to run with a target directory
//! of its own, so that only what a mutant changed is built again. A file is written only if its
//! text differs: what cargo sees as unchanged is unchanged.
//!
//! Always true: before a mutant enters, the copy is the course, and every exercise is the solution;
//! a mutant of a heart enters by the exercise door, as a learner's file would.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::mutant::Mutant;

/// A copy of the course.
#[derive(Debug)]
pub struct Copy {
    course: PathBuf,
    root: PathBuf,
    target: PathBuf,
    /// Held while the copy is used.
    lock: File,
}

impl Drop for Copy {
    /// A process that is being started may hold the file for a moment longer, but not what is unlocked.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

impl Copy {
    /// Makes the copy, or brings the last one up to date.
    pub fn of(course: &Path) -> Result<Copy, String> {
        let scratch = course.join("target").join("mutants");
        let told = |why: io::Error| format!("{}: {why}", scratch.display());
        let root = scratch.join("workspace");
        fs::create_dir_all(&root).map_err(told)?;
        let lock = File::create(scratch.join("lock")).map_err(told)?;
        lock.try_lock().map_err(|_| {
            format!("mutants are being tried in {} already: wait until they are", scratch.display())
        })?;
        let copy =
            Copy { course: course.to_path_buf(), root, target: scratch.join("target"), lock };
        copy.refresh().map_err(told)?;
        Ok(copy)
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where what is built of it is.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Puts a mutant in.
    pub fn put_in(&self, mutant: &Mutant) -> Result<(), String> {
        let told = |why: io::Error| format!("{}: {why}", mutant.file);
        let text = fs::read_to_string(self.course.join(&mutant.file)).map_err(told)?;
        write_if_new(&self.place(mutant), mutant.applied_to(&text)?.as_bytes()).map_err(told)
    }

    /// Takes a mutant out again.
    pub fn take_out(&self, mutant: &Mutant) -> Result<(), String> {
        let told = |why: io::Error| format!("{}: {why}", mutant.file);
        let text = fs::read(self.course.join(&mutant.file)).map_err(told)?;
        write_if_new(&self.place(mutant), &text).map_err(told)
    }

    /// The file that a mutant enters by.
    fn place(&self, mutant: &Mutant) -> PathBuf {
        match mutant.file.strip_prefix("solutions/") {
            Some(heart) => self.root.join("exercises").join(heart),
            None => self.root.join(&mutant.file),
        }
    }

    /// The chapters' crates, and whether each has a heart that a learner's can replace.
    pub fn chapters(&self) -> io::Result<Vec<(String, bool)>> {
        let hearts: BTreeSet<String> = names(&self.root.join("solutions"))?
            .iter()
            .filter_map(|file| Some(file.split_once('-')?.0.to_string()))
            .collect();
        let chapter = |folder: &String| {
            let (number, name) = folder.split_once('-')?;
            Some((name.to_string(), hearts.contains(number)))
        };
        Ok(names(&self.root.join("chapters"))?.iter().filter_map(chapter).collect())
    }

    /// Makes the copy what the course is.
    fn refresh(&self) -> io::Result<()> {
        mirror(&self.course, &self.root, &["exercises"])?;
        mirror(&self.course.join("solutions"), &self.root.join("exercises"), &[])
    }
}

/// The names in a folder, in order, but for those that are hidden and the built ones.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && !name.starts_with("target") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Makes `to` hold what `from` holds, but for some names.
fn mirror(from: &Path, to: &Path, without: &[&str]) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let wanted = names(from)?;
    for name in names(to)?.iter().filter(|name| !without.contains(&name.as_str())) {
        let path = to.join(name);
        match wanted.contains(name) {
            true => {}
            false if path.is_dir() => fs::remove_dir_all(path)?,
            false => fs::remove_file(path)?,
        }
    }
    for name in wanted.iter().filter(|name| !without.contains(&name.as_str())) {
        let (source, path) = (from.join(name), to.join(name));
        match source.is_dir() {
            true => mirror(&source, &path, &[])?,
            false => write_if_new(&path, &fs::read(source)?)?,
        }
    }
    Ok(())
}

/// Writes a file unless it says so already.
fn write_if_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::read(path).is_ok_and(|old| old == bytes) {
        true => Ok(()),
        false => fs::write(path, bytes),
    }
}
