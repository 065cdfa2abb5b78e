//! The shelf: a learner's files beside the solutions that they were made from.
//!
//! Always true: only the regions of the exercise that is named are changed; what else a learner
//! wrote stays.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::marks::{self, Region};

/// The files of a course.
#[derive(Clone, Debug)]
pub struct Shelf {
    course: PathBuf,
}

impl Shelf {
    /// That of a course.
    pub fn of(course: &Path) -> Shelf {
        Shelf { course: course.to_path_buf() }
    }

    /// The file that a learner writes.
    pub fn mine(&self, heart: &str) -> PathBuf {
        self.course.join("exercises").join(heart)
    }

    fn solution(&self, heart: &str) -> PathBuf {
        self.course.join("solutions").join(heart)
    }

    /// The names of all hearts that have an exercise in them, in order.
    ///
    /// # Errors
    /// A file cannot be read, or its marks are wrong; the text names it.
    pub fn hearts(&self) -> Result<Vec<String>, String> {
        let folder = self.course.join("solutions");
        let told = |why: io::Error| format!("{}: {why}", folder.display());
        let mut hearts = Vec::new();
        for entry in fs::read_dir(&folder).map_err(told)? {
            let name = entry.map_err(told)?.file_name().to_string_lossy().into_owned();
            if !self.regions(&self.solution(&name))?.is_empty() {
                hearts.push(name);
            }
        }
        hearts.sort();
        Ok(hearts)
    }

    /// The exercises that a heart has regions of.
    ///
    /// # Errors
    /// The solution cannot be read, or its marks are wrong.
    pub fn exercises(&self, heart: &str) -> Result<BTreeSet<String>, String> {
        let regions = self.regions(&self.solution(heart))?;
        Ok(regions.into_iter().map(|region| region.exercise).collect())
    }

    /// What a learner begins with.
    ///
    /// # Errors
    /// The solution cannot be read, or its marks are wrong.
    pub fn starter(&self, heart: &str) -> Result<String, String> {
        let file = self.solution(heart);
        marks::starter(&read(&file)?).map_err(|why| format!("{}, {why}", file.display()))
    }

    /// Makes an exercise what it was at the beginning.
    ///
    /// # Errors
    /// A file cannot be read or written, or the learner's marks are gone; the text says what to do.
    pub fn begin_again(&self, heart: &str, exercise: &str) -> Result<(), String> {
        let starter = self.starter(heart)?;
        self.replace(heart, exercise, &starter)
    }

    /// Puts the solution into the learner's file.
    ///
    /// # Errors
    /// As [`begin_again`](Shelf::begin_again).
    pub fn show(&self, heart: &str, exercise: &str) -> Result<(), String> {
        let solution = read(&self.solution(heart))?;
        self.replace(heart, exercise, &solution)
    }

    /// What stands in the solution's regions of an exercise.
    ///
    /// # Errors
    /// The solution cannot be read.
    pub fn answer(&self, heart: &str, exercise: &str) -> Result<String, String> {
        let text = read(&self.solution(heart))?;
        let regions = marks::regions(&text).map_err(|why| format!("{heart}, {why}"))?;
        let lines: Vec<&str> = text.lines().collect();
        let of_it = regions.iter().filter(|region| region.exercise == exercise);
        let parts: Vec<String> =
            of_it.map(|region| lines[region.begin + 1..region.end].join("\n")).collect();
        Ok(parts.join("\n\n"))
    }

    /// The regions of an exercise in the learner's file.
    ///
    /// # Errors
    /// The file cannot be read, or its marks are wrong.
    pub fn places(&self, heart: &str, exercise: &str) -> Result<Vec<Region>, String> {
        let mut regions = self.regions(&self.mine(heart))?;
        regions.retain(|region| region.exercise == exercise);
        Ok(regions)
    }

    /// Whether an exercise still has a part that nobody has begun.
    ///
    /// # Errors
    /// The learner's file cannot be read.
    pub fn is_untouched(&self, heart: &str, exercise: &str) -> Result<bool, String> {
        let hole = format!("todo!(\"{exercise}: ");
        Ok(read(&self.mine(heart))?.contains(&hole))
    }

    fn replace(&self, heart: &str, exercise: &str, other: &str) -> Result<(), String> {
        let file = self.mine(heart);
        let text = marks::with(&read(&file)?, exercise, other).map_err(|why| {
            format!(
                "{}, {why}. The lines `// Exercise {exercise}: ...` and `// End of {exercise}.` \
                 say where it is; `ensemble reset {heart}` makes the whole file new",
                file.display()
            )
        })?;
        fs::write(&file, text).map_err(|why| format!("{}: {why}", file.display()))
    }

    fn regions(&self, file: &Path) -> Result<Vec<Region>, String> {
        marks::regions(&read(file)?).map_err(|why| format!("{}, {why}", file.display()))
    }
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|why| format!("{}: {why}", file.display()))
}
