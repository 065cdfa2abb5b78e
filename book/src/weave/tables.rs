//! Tables that are made of lists: the claims, the exercises of a chapter, what is covered where.

use std::fmt::Write as _;

use crate::targets::{Targets, Topic};

/// All claims, and where each is settled.
pub(super) fn claims(targets: &Targets) -> String {
    let mut out = String::from("| | claim | what is so | chapter |\n| ---: | --- | --- | --- |\n");
    for claim in targets.claims.values() {
        let number = match claim.settled {
            true => format!("<code>ensemble claim {}</code>", claim.number),
            false => claim.number.to_string(),
        };
        let (stated, verdict) = (cell(&claim.stated), cell(&claim.verdict));
        let _ = writeln!(out, "| {number} | {stated} | {verdict} | {} |", claim.chapter);
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
