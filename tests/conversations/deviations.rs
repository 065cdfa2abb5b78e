//! The differences that we accept, one line each with its reason: `tests/fixtures/DEVIATIONS`.

use std::collections::BTreeSet;
use std::fs;

/// A place where our answer is not the recorded one: the number of the frame and the field.
pub(crate) type Place = (usize, String);

/// The accepted places of one conversation.
pub(crate) fn accepted(name: &str) -> BTreeSet<Place> {
    lines().into_iter().filter(|line| line.name == name).flat_map(|line| line.places).collect()
}

/// One line: a conversation, frames, fields, a reason.
pub(crate) struct Line {
    /// The conversation.
    pub(crate) name: String,
    /// Every frame with every field of the line.
    pub(crate) places: Vec<Place>,
    /// Why we differ.
    pub(crate) why: String,
}

/// All lines of the file but those about the quorum port, which chapter 10's tests read.
pub(crate) fn lines() -> Vec<Line> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/DEVIATIONS");
    let text = fs::read_to_string(path).expect("tests/fixtures/DEVIATIONS");
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter(|line| !line.starts_with("quorum/"))
        .map(|line| read(line).unwrap_or_else(|| panic!("not a line of DEVIATIONS: {line}")))
        .collect()
}

/// `file frame,frame | field,field | why`
fn read(line: &str) -> Option<Line> {
    let [place, fields, why] = line.split(" | ").collect::<Vec<_>>().try_into().ok()?;
    let (name, frames) = place.split_once(' ')?;
    let mut places = Vec::new();
    for frame in frames.split(',') {
        for field in fields.split(',') {
            places.push((frame.trim().parse().ok()?, field.trim().to_string()));
        }
    }
    Some(Line { name: name.to_string(), places, why: why.trim().to_string() })
}
