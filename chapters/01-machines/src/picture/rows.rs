//! Which lines of a trace are shown, and how messages that were sent and received belong together.

use std::collections::{BTreeMap, BTreeSet};

use super::Picture;
use crate::node::NodeId;
use crate::trace::{Kind, Line};

/// The places of the frames that are shown: those that say something. If something breaks, the last
/// of them matter, and else the first.
pub(super) fn shown(picture: &Picture<'_>) -> Vec<usize> {
    let frames = picture.frames;
    let all = (0..frames.len()).filter(|at| says_something(&frames[*at].line, picture.noise));
    let mut all: Vec<usize> = all.collect();
    if picture.broken {
        return all.split_off(all.len().saturating_sub(picture.most));
    }
    all.truncate(picture.most);
    all
}

fn says_something(line: &Line, noise: &[&str]) -> bool {
    match line.kind {
        Kind::Sent | Kind::Received | Kind::Lost => !is_noise(line, noise),
        Kind::Started
        | Kind::Refused
        | Kind::Crashed
        | Kind::PowerLost
        | Kind::Paused
        | Kind::Resumed
        | Kind::ClockSet
        | Kind::Cut
        | Kind::Mended
        | Kind::Broken
        | Kind::Durable
        | Kind::Failed
        | Kind::Driven => true,
        Kind::Answered => !is_noise(line, noise),
        Kind::Dialled
        | Kind::Opened
        | Kind::Accepted
        | Kind::Left
        | Kind::Closed
        | Kind::Flushed
        | Kind::Expired
        | Kind::Fetched
        | Kind::Wrote
        | Kind::Drained => false,
    }
}

fn is_noise(line: &Line, noise: &[&str]) -> bool {
    let word = line.text.split(' ').next().unwrap_or_default();
    noise.contains(&word)
}

/// A message: the places where it was sent and received, as far as they are shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Way {
    pub(super) sent: Option<usize>,
    pub(super) received: Option<usize>,
}

/// The messages among the frames at these places, by number.
pub(super) fn ways(picture: &Picture<'_>, shown: &[usize]) -> BTreeMap<u64, Way> {
    let mut ways: BTreeMap<u64, Way> = BTreeMap::new();
    for at in shown {
        let line = &picture.frames[*at].line;
        let Some(number) = line.number else { continue };
        let way = ways.entry(number).or_default();
        match line.kind {
            Kind::Sent => way.sent = Some(*at),
            Kind::Received => way.received = Some(*at),
            _ => {}
        }
    }
    ways
}

/// The nodes that the frames name: servers, then clients.
pub(super) fn nodes(picture: &Picture<'_>) -> Vec<NodeId> {
    let named = picture.frames.iter().flat_map(|it| [Some(it.line.node), it.line.peer]);
    named.flatten().collect::<BTreeSet<NodeId>>().into_iter().collect()
}

/// How a node lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Up,
    Paused,
    Down,
}

/// How a node lives after a line, if the line says so.
pub(super) fn life(line: &Line) -> Option<Life> {
    match line.kind {
        Kind::Started | Kind::Resumed => Some(Life::Up),
        Kind::Paused => Some(Life::Paused),
        Kind::Crashed | Kind::PowerLost | Kind::Refused => Some(Life::Down),
        _ => None,
    }
}

/// How a node lives at the beginning: up, unless it first starts later.
pub(super) fn first_life(picture: &Picture<'_>, node: NodeId, until: usize) -> Life {
    let lines = || picture.frames.iter().map(|it| &it.line).filter(|line| line.node == node);
    let before = picture.frames[..until].iter().map(|it| &it.line);
    let last = before.filter(|line| line.node == node).filter_map(life).next_back();
    let begins = lines().any(|line| line.kind == Kind::Started);
    last.unwrap_or(if begins { Life::Down } else { Life::Up })
}
