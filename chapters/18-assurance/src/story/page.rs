//! A story as one page that needs nothing else: the drawing, and beside it what each server is like.
//! The arrow keys step forwards and back.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use machines::{Facts, Frame, NodeId, Picture};

use super::Story;
use super::replay::Ending;

/// Messages that are left out of a drawing, because they say only that somebody is there.
pub const NOISE: &[&str] = &["Ping"];

impl Story {
    /// What is drawn of the ending of this story: the last so many lines that say something.
    pub fn picture(&self, ending: &Ending, most: usize) -> String {
        let says = self.says(ending);
        self.with_picture(ending, &says, most, |picture| picture.svg())
    }

    /// The page, with the same drawing.
    pub fn page(&self, ending: &Ending, most: usize) -> String {
        let says = self.says(ending);
        self.with_picture(ending, &says, most, |picture| page(picture, &self.to_string()))
    }

    fn with_picture(
        &self,
        ending: &Ending,
        end: &[String],
        most: usize,
        draw: impl FnOnce(&Picture<'_>) -> String,
    ) -> String {
        let (title, broken) = (self.title(), ending.violation.is_some());
        let frames = &ending.frames;
        draw(&Picture { title: &title, frames, noise: NOISE, most, end, broken })
    }

    /// What it is about, in a line.
    pub fn title(&self) -> String {
        let first = self.about.first().filter(|line| !line.is_empty());
        first.cloned().unwrap_or_else(|| format!("A run of seed {}", self.setting.seed))
    }
}

/// The page of a picture; `story` is the text from which it can be had again.
fn page(picture: &Picture<'_>, story: &str) -> String {
    PAGE.replace("{title}", &escape(picture.title))
        .replace("{story}", &escape(story))
        .replace("{steps}", &steps(picture))
        // The last, since what is drawn may have braces of its own.
        .replace("{svg}", &picture.svg())
}

/// The steps as JSON: the place of the frame, its time, its text, and what has changed since the
/// step before, by node.
fn steps(picture: &Picture<'_>) -> String {
    let mut known: BTreeMap<NodeId, &Facts> = BTreeMap::new();
    let (mut next, mut out) = (0, String::from("["));
    for (number, at) in picture.shown().into_iter().enumerate() {
        let mut changed: BTreeMap<NodeId, &Facts> = BTreeMap::new();
        for Frame { line, facts } in &picture.frames[next..=at] {
            if known.insert(line.node, facts) != Some(facts) {
                changed.insert(line.node, facts);
            }
        }
        next = at + 1;
        let line = &picture.frames[at].line;
        let (time, text) = (line.time.as_nanos() as f64 / 1e6, quoted(&line.to_string()));
        let comma = if number == 0 { "" } else { "," };
        let _ = write!(out, "{comma}\n[{at},{time},{text},{{");
        for (number, (node, facts)) in changed.into_iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            let pairs: Vec<String> = facts
                .iter()
                .map(|(name, it)| format!("[{},{}]", quoted(name), quoted(it)))
                .collect();
            let _ = write!(out, "{comma}\"{node}\":[{}]", pairs.join(","));
        }
        out.push_str("}]");
    }
    out.push_str("\n]");
    out
}

/// A string of JSON that may also stand in a page.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '<' | '\u{0}'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", letter as u32);
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const PAGE: &str = include_str!("page.html");
