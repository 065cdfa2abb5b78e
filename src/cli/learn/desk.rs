//! The desk: a course, what its learner has done, and what they are told of it.

use std::path::{Path, PathBuf};

use crate::course;
use crate::exercises::{Catalogue, Exercise, Progress, Shelf, check, signatures, verdict};

/// What ends a command early: a mistake in the command line or in the course.
pub(super) type Done<T> = Result<T, String>;

/// A course, and what its learner has done.
pub(super) struct Desk {
    course: PathBuf,
    pub(super) catalogue: Catalogue,
    pub(super) progress: Progress,
    pub(super) shelf: Shelf,
}

impl Desk {
    pub(super) fn open() -> Done<Desk> {
        let course = course::root()?;
        let (catalogue, progress) = (Catalogue::read(&course)?, Progress::read(&course)?);
        let shelf = Shelf::of(&course);
        Ok(Desk { course, catalogue, progress, shelf })
    }

    /// The first that can be checked and is not done.
    fn next(&self) -> Option<&Exercise> {
        self.catalogue.checkable().find(|it| !self.progress.of(&it.entry.name).done)
    }

    /// The one that is named, or the next.
    pub(super) fn one(&self, which: Option<&str>) -> Done<Exercise> {
        let Some(word) = which else {
            let all_done = || "all exercises are done; name one".to_string();
            return self.next().cloned().ok_or_else(all_done);
        };
        match self.catalogue.meant(word)?.as_slice() {
            [exercise] => Ok((*exercise).clone()),
            several => {
                let numbers: Vec<&str> = several.iter().map(|it| it.number.text()).collect();
                Err(format!("`{word}` means several: name one of {}", numbers.join(", ")))
            }
        }
    }

    /// The file of an exercise and the line where it begins, as a person in the course's folder
    /// names them.
    pub(super) fn file(&self, exercise: &Exercise) -> Done<String> {
        let heart = heart(exercise)?;
        let path = self.shelf.mine(heart);
        let begin = self.shelf.places(heart, exercise.number.text())?;
        let line = begin.first().map_or(1, |region| region.begin + 1);
        let shown = path.strip_prefix(&self.course).unwrap_or(Path::new(heart));
        Ok(format!("{}:{line}", shown.display()))
    }

    /// All exercises, and what is done of them.
    pub(super) fn list(&self) -> String {
        let (mut text, mut chapter) = (String::new(), "");
        for exercise in self.catalogue.all() {
            if exercise.number.chapter != chapter {
                chapter = &exercise.number.chapter;
                text.push('\n');
            }
            text.push_str(&self.line(exercise));
        }
        text + "\n" + &self.summary()
    }

    fn line(&self, exercise: &Exercise) -> String {
        let entry = &exercise.entry;
        let known = self.progress.of(&entry.name);
        let next = self.next().is_some_and(|next| next.number == exercise.number);
        let state = match (entry.heart.is_some(), known.done, known.gave_up) {
            (false, ..) => "no checks yet",
            (_, true, true) => "done, with the solution",
            (_, true, false) => "done",
            _ if next => "next",
            _ => "",
        };
        let (number, name, kind) = (exercise.number.text(), &entry.name, &entry.kind);
        let line = format!("{number:>5}  {name:28} {kind:10} {:>4} min  {state}", entry.minutes);
        format!("{}\n", line.trim_end())
    }

    fn summary(&self) -> String {
        let all: Vec<&Exercise> = self.catalogue.checkable().collect();
        let done = all.iter().filter(|it| self.progress.of(&it.entry.name).done).count();
        let next = match self.next() {
            Some(next) => format!("; next: ensemble check {}", next.number.text()),
            None => String::new(),
        };
        format!("{done} of {} done{next}\n", all.len())
    }

    /// The next hint; the last one again if all were read.
    pub(super) fn hint(&mut self, exercise: &Exercise) -> Done<String> {
        heart(exercise)?;
        let (name, hints) = (&exercise.entry.name, &exercise.entry.hints);
        let mut known = self.progress.of(name);
        let number = known.hints.min(hints.len() - 1);
        known.hints = known.hints.max(number + 1);
        self.progress.keep(name, known)?;
        let text = hints[number].trim();
        Ok(format!("Hint {} of {} for {name}:\n\n{text}\n", number + 1, hints.len()))
    }

    /// Checks an exercise, and remembers it if it is done. Says the verdict, and whether all holds.
    pub(super) fn check(&mut self, exercise: &Exercise) -> Done<(String, bool)> {
        let (number, name) = (exercise.number.text(), &exercise.entry.name);
        let file = self.file(exercise)?;
        let outcome = check::check(&self.course, &check::target(&self.course), exercise)?;
        let known = signatures::known(&self.course, number)?;
        let mut text = verdict::text(exercise, &outcome, &known, &file);
        let mut entry = self.progress.of(name);
        if outcome.is_done() && !entry.done {
            entry.done = true;
            self.progress.keep(name, entry)?;
            text.push_str(&self.summary());
        }
        Ok((text, outcome.is_done()))
    }
}

/// The file that an exercise is a part of.
pub(super) fn heart(exercise: &Exercise) -> Done<&String> {
    exercise.entry.heart.as_ref().ok_or_else(|| {
        format!("exercise {} cannot be checked yet; see `ensemble list`", exercise.number.text())
    })
}
