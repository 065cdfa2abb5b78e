//! Frames as bytes, for a person who wants to see what travels between a client and a server.

use std::collections::BTreeMap;

use bytes::Bytes;
use machines::{Line, NodeId};

/// The bytes of messages, by their numbers.
pub(super) type Frames = BTreeMap<u64, Bytes>;

/// The bytes of some frames, below the line that says what they are: the length, the header if they
/// have one, and the rest.
pub(super) fn dump(line: &Line, frames: &Frames) -> Vec<String> {
    let bytes = line.number.and_then(|number| frames.get(&number));
    let Some(mut rest) = bytes.map(|bytes| &bytes[..]) else { return Vec::new() };
    let mut rows = Vec::new();
    let header = match (line.text.starts_with("Connect"), line.peer) {
        (true, _) => 0,
        (false, Some(NodeId::Client(_))) => 8,
        (false, _) => 16,
    };
    while let Some((length, after)) = rest.split_at_checked(4) {
        let count = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let Some((frame, after)) = after.split_at_checked(count) else { break };
        rest = after;
        let (head, body) = frame.split_at(header.min(count));
        rows.push(row("length", length));
        rows.extend(head.chunks(16).map(|part| row("header", part)));
        rows.extend(body.chunks(16).map(|part| row("", part)));
    }
    rows
}

/// So many bytes at most, as numbers and as letters.
fn row(what: &str, bytes: &[u8]) -> String {
    let groups: Vec<String> = bytes
        .chunks(4)
        .map(|group| group.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    let letter = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' };
    let letters: String = bytes.iter().map(letter).collect();
    format!("{:>20}{what:8}{:36}  {letters}", "", groups.join(" "))
}
