//! Marks: comments in a heart that say what a learner writes.
//!
//! A region begins with a line `// Exercise 8.1: which of two votes is better?` and ends with
//! `// End of 8.1.`. In the file that a learner gets, what lies between is `todo!`, with the question
//! in it; around it all is as in the solution. A region that begins with `// Part of 8.1.` holds
//! whole items that a solution needs and that a signature does not ask for: it is left empty. The
//! marks stay in the learner's file, so that one exercise can be begun again without the others.
//!
//! Always true: regions do not overlap, and none lies in another.

use std::fmt;

/// A region of a heart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// The exercise that it belongs to: `8.1`.
    pub exercise: String,
    /// What is asked for; nothing if it holds items that a solution may do without.
    pub task: Option<String>,
    /// The line of the mark that begins it, counted from 0.
    pub begin: usize,
    /// The line of the mark that ends it.
    pub end: usize,
}

/// A mark that is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadMark {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

/// The regions of a file, in order.
///
/// # Errors
/// A region does not end, or ends without having begun, or begins in another.
pub fn regions(text: &str) -> Result<Vec<Region>, BadMark> {
    let mut regions = Vec::new();
    let mut open: Option<Region> = None;
    for (line, words) in text.lines().enumerate() {
        let bad = |why: String| BadMark { line: line + 1, why };
        match (mark(words), &mut open) {
            (None, _) => {}
            (Some(Mark::Begin(exercise, task)), None) => {
                let (exercise, task) = (exercise.to_string(), task.map(str::to_string));
                open = Some(Region { exercise, task, begin: line, end: line });
            }
            (Some(Mark::Begin(..)), Some(region)) => {
                return Err(bad(format!("the region of {} has not ended", region.exercise)));
            }
            (Some(Mark::End(exercise)), Some(region)) if region.exercise == exercise => {
                region.end = line;
                regions.extend(open.take());
            }
            (Some(Mark::End(exercise)), _) => {
                return Err(bad(format!("no region of {exercise} has begun")));
            }
        }
    }
    match open {
        None => Ok(regions),
        Some(Region { exercise, begin, .. }) => {
            let why = format!("the region of {exercise} does not end: `// End of {exercise}.`");
            Err(BadMark { line: begin + 1, why })
        }
    }
}

/// What a learner gets in the place of a solution.
///
/// # Errors
/// Its marks are wrong.
pub fn starter(solution: &str) -> Result<String, BadMark> {
    let regions = regions(solution)?;
    let lines: Vec<&str> = solution.lines().collect();
    let head = lines.iter().take_while(|line| line.starts_with("//!")).count();
    let mut out = lines[..head].to_vec().join("\n");
    out.push_str("\n#![allow(unused)]\n");
    let mut next = head;
    for region in &regions {
        push(&mut out, &lines[next..=region.begin]);
        push(&mut out, &[&empty(region, lines[region.begin])]);
        next = region.end;
    }
    push(&mut out, &lines[next..]);
    Ok(out)
}

/// A learner's file in which an exercise is as it is in another file: the starter, to begin again,
/// or the solution, to see it.
///
/// # Errors
/// The marks of one of the files are wrong, or the learner's file has others.
pub fn with(mine: &str, exercise: &str, other: &str) -> Result<String, BadMark> {
    let of_it = |text: &str| -> Result<Vec<Region>, BadMark> {
        Ok(regions(text)?.into_iter().filter(|region| region.exercise == exercise).collect())
    };
    let (places, sources) = (of_it(mine)?, of_it(other)?);
    if places.len() != sources.len() {
        let line = places.first().map_or(1, |region| region.begin + 1);
        let (have, want) = (places.len(), sources.len());
        let why = format!("there are {have} regions of {exercise} and there should be {want}");
        return Err(BadMark { line, why });
    }
    let (lines, from): (Vec<&str>, Vec<&str>) = (mine.lines().collect(), other.lines().collect());
    let (mut out, mut next) = (String::new(), 0);
    for (place, source) in places.iter().zip(&sources) {
        push(&mut out, &lines[next..=place.begin]);
        push(&mut out, &from[source.begin + 1..source.end]);
        next = place.end;
    }
    push(&mut out, &lines[next..]);
    Ok(out)
}

/// The code without marks.
pub fn without(text: &str) -> String {
    let mut out = String::new();
    text.lines().filter(|line| mark(line).is_none()).for_each(|line| push(&mut out, &[line]));
    out
}

enum Mark<'a> {
    Begin(&'a str, Option<&'a str>),
    End(&'a str),
}

/// What a line marks, if it is a mark.
fn mark(line: &str) -> Option<Mark<'_>> {
    let words = line.trim_start().strip_prefix("// ")?;
    let number = |text: &'_ str| {
        let (chapter, place) = text.split_once('.')?;
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
        (plain(chapter) && plain(place)).then_some(())
    };
    if let Some(rest) = words.strip_prefix("Exercise ") {
        let (exercise, task) = rest.split_once(": ")?;
        return number(exercise).map(|()| Mark::Begin(exercise, Some(task)));
    }
    if let Some(exercise) = words.strip_prefix("Part of ").and_then(|it| it.strip_suffix('.')) {
        return number(exercise).map(|()| Mark::Begin(exercise, None));
    }
    let exercise = words.strip_prefix("End of ")?.strip_suffix('.')?;
    number(exercise).map(|()| Mark::End(exercise))
}

/// What stands in a region that nobody has worked on. `mark` is the line that begins it.
fn empty(region: &Region, mark: &str) -> String {
    let indent = &mark[..mark.len() - mark.trim_start().len()];
    match &region.task {
        Some(task) => format!("{indent}todo!({:?})", format!("{}: {task}", region.exercise)),
        None => format!("{indent}// Items of your own, if you need any."),
    }
}

fn push(out: &mut String, lines: &[&str]) {
    for line in lines {
        out.push_str(line);
        out.push('\n');
    }
}

impl fmt::Display for BadMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for BadMark {}
