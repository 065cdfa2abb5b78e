//! Tables that are made of lists: the claims, the exercises of a chapter, what is covered where.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::targets::{Targets, Topic};

/// The claims of these numbers, or all, and where each is settled.
///
/// # Errors
/// There is no claim of a number.
pub(super) fn claims(targets: &Targets, numbers: &str) -> Result<String, String> {
    let mut chosen = Vec::new();
    for number in numbers.split_whitespace() {
        let claim = number.parse().ok().and_then(|number: u32| targets.claims.get(&number));
        chosen.push(claim.ok_or_else(|| format!("there is no claim {number}"))?);
    }
    if chosen.is_empty() {
        chosen.extend(targets.claims.values());
    }
    let mut out = String::from("| | claim | what is so | chapter |\n| ---: | --- | --- | --- |\n");
    for claim in chosen {
        let number = match claim.settled {
            true => format!("<code>ensemble claim {}</code>", claim.number),
            false => claim.number.to_string(),
        };
        let (stated, verdict) = (cell(&claim.stated), cell(&claim.verdict));
        let _ = writeln!(out, "| {number} | {stated} | {verdict} | {} |", claim.chapter);
    }
    Ok(out)
}

/// What a chapter says of itself in its first lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChapterHead {
    file: String,
    title: String,
    /// How long it takes, and what one needs to have read.
    about: String,
}

/// The heads of the chapters among these pages: those whose title begins with a number.
pub(super) fn read<'a>(pages: impl Iterator<Item = (&'a PathBuf, &'a str)>) -> Vec<ChapterHead> {
    let head = |(file, text): (&PathBuf, &str)| {
        let title = text.lines().next()?.strip_prefix("# ")?;
        title.split_once(". ")?.0.parse::<u32>().ok()?;
        let mut paragraphs = text.split("\n\n");
        let about = paragraphs.find_map(|text| text.trim().strip_prefix('*')?.strip_suffix('*'))?;
        let (file, about) = (file.display().to_string(), about.replace('\n', " "));
        Some(ChapterHead { file, title: title.to_string(), about })
    };
    pages.filter_map(head).collect()
}

/// The chapters: how long each takes, and what it needs.
pub(super) fn chapters(chapters: &[ChapterHead]) -> String {
    let mut out = String::from("| chapter | time, and what you need before |\n| --- | --- |\n");
    for ChapterHead { file, title, about } in chapters {
        let _ = writeln!(out, "| [{}]({file}) | {} |", cell(title), cell(about));
    }
    out
}

/// The exercises whose number begins with a chapter's.
pub(super) fn exercises(targets: &Targets, chapter: &str) -> String {
    let mut out = String::from("| | exercise | kind | minutes |\n| --- | --- | --- | ---: |\n");
    for (number, exercise) in &targets.exercises {
        if number.split('.').next() == Some(chapter) {
            let (name, kind) = (cell(&exercise.name), &exercise.kind);
            let link = format!("[{number}](#exercise-{number})");
            let _ = writeln!(out, "| {link} | {name} | {kind} | {} |", exercise.minutes);
        }
    }
    out
}

/// Every topic of the course: its section, program and check.
pub(super) fn coverage(targets: &Targets) -> String {
    let mut out =
        String::from("| topic | section | program | check |\n| --- | --- | --- | --- |\n");
    for Topic { id, what, section, program, check, coming } in &targets.topics {
        let section = match section {
            Some(section) => format!("[{section}]({section})"),
            None => "to come".to_string(),
        };
        let code = |text: &Option<String>| match text {
            Some(text) => format!("`{text}`"),
            None if *coming => "to come".to_string(),
            None => String::new(),
        };
        let (program, check) = (code(program), code(check));
        let what = cell(what);
        let _ = writeln!(
            out,
            "| <span id=\"topic-{id}\">{what}</span> | {section} | {program} | {check} |"
        );
    }
    out
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
