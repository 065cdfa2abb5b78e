//! Cues: what is done, and what it waits for. The cues of a story are given one after another.
//!
//! `at 1.25s crash 2` waits for a time of the world, `after 200ms crash 2` for so long after the
//! cue before, `then crash 2` for nothing, `when "3 → 1 Ack" crash 2` for the next line of the
//! trace with this text in it, and `when 2 leads crash 2` for a state of the world.
//!
//! Always true: what [`Cue`] prints is parsed to the same cue again, to the nanosecond.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use machines::NodeId;

use super::act::Act;

/// An act, and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// What it waits for.
    pub when: Trigger,
    /// What is done.
    pub act: Act,
}

/// What an act waits for. It begins to wait when the cue before was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// This time of the world, and so many things that happen at that instant, from 1 on.
    At {
        /// The time.
        time: Duration,
        /// After how many things at that very instant.
        nth: u32,
    },
    /// So much time; none is written as `then`.
    After(Duration),
    /// The so-manieth line of the trace with this text in it, from 1 on.
    Line {
        /// A part of the line.
        text: String,
        /// Which of such lines.
        nth: u32,
    },
    /// A state of the world.
    State(State),
}

/// A state of the world that can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// `2 leads`: it leads, and a quorum follows.
    Leads(NodeId),
    /// `2 serves`: it leads, follows or observes, and serves its clients.
    Serves(NodeId),
    /// `2 is down`: no process runs there.
    Down(NodeId),
    /// `all agree`: every server that runs serves under one leader, and has the same.
    Agree,
}

impl Cue {
    /// An act at a time.
    pub fn at(time: Duration, act: Act) -> Cue {
        Cue { when: Trigger::At { time, nth: 1 }, act }
    }
}

impl fmt::Display for Cue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.when, self.act)
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trigger::At { time, nth: 1 } => write!(f, "at {}", written(*time)),
            Trigger::At { time, nth } => write!(f, "at {}#{nth}", written(*time)),
            Trigger::After(Duration::ZERO) => write!(f, "then"),
            Trigger::After(time) => write!(f, "after {}", written(*time)),
            Trigger::Line { text, nth: 1 } => write!(f, "when \"{text}\""),
            Trigger::Line { text, nth } => write!(f, "when \"{text}\"#{nth}"),
            Trigger::State(state) => write!(f, "when {state}"),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Leads(node) => write!(f, "{node} leads"),
            State::Serves(node) => write!(f, "{node} serves"),
            State::Down(node) => write!(f, "{node} is down"),
            State::Agree => write!(f, "all agree"),
        }
    }
}

impl FromStr for Cue {
    type Err = String;

    fn from_str(text: &str) -> Result<Cue, String> {
        let (word, rest) = cut(text);
        let (when, act) = match word {
            "at" => {
                let (time, act) = cut(rest);
                let (time, nth) = nth(time)?;
                (Trigger::At { time: read(time)?, nth }, act)
            }
            "after" => {
                let (time, act) = cut(rest);
                (Trigger::After(read(time)?), act)
            }
            "then" => (Trigger::After(Duration::ZERO), rest),
            "when" if rest.starts_with('"') => line(rest)?,
            "when" => state(rest)?,
            word => {
                return Err(format!(
                    "a cue begins with `at 1.5s`, `after 200ms`, `then` or `when ...`, not with \
                     `{word}`"
                ));
            }
        };
        Ok(Cue { when, act: act.parse()? })
    }
}

/// `"a text" act` or `"a text"#3 act`. An arrow may be written as `->` or `<-`.
fn line(rest: &str) -> Result<(Trigger, &str), String> {
    let unclosed = || "the text after `when` has no closing quote".to_string();
    let (text, rest) = rest[1..].split_once('"').ok_or_else(unclosed)?;
    let text = text.replace("->", "→").replace("<-", "←");
    let (number, act) = match rest.starts_with('#') {
        true => cut(rest),
        false => ("", rest),
    };
    let (_, nth) = nth(number)?;
    Ok((Trigger::Line { text, nth }, act.trim_start()))
}

fn state(rest: &str) -> Result<(Trigger, &str), String> {
    let (who, after) = cut(rest);
    let (what, act) = cut(after);
    let (state, act) = match (who, what) {
        ("all", "agree") => (State::Agree, act),
        (node, "leads") => (State::Leads(node.parse()?), act),
        (node, "serves") => (State::Serves(node.parse()?), act),
        (node, "is") if act.starts_with("down") => (State::Down(node.parse()?), cut(act).1),
        _ => {
            return Err("what is waited for is a line of the trace in quotes, or: 2 leads, \
                        2 serves, 2 is down, all agree"
                .to_string());
        }
    };
    Ok((Trigger::State(state), act))
}

/// The first word, and what comes after.
fn cut(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// A word, and which of such is meant.
fn nth(word: &str) -> Result<(&str, u32), String> {
    let Some((word, number)) = word.split_once('#') else { return Ok((word, 1)) };
    let number = number.parse().ok().filter(|number| *number > 0);
    number.map(|number| (word, number)).ok_or_else(|| "after # comes a number from 1 on".into())
}

/// A time as it is written: `1.25s`.
pub(crate) fn written(time: Duration) -> String {
    let nanos = format!("{:09}", time.subsec_nanos());
    match nanos.trim_end_matches('0') {
        "" => format!("{}s", time.as_secs()),
        rest => format!("{}.{rest}s", time.as_secs()),
    }
}

/// Reads a time: `1.25s`, or `250ms`.
pub(crate) fn read(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time: write 1.25s, or 250ms");
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1_000_000),
        None => (text.strip_suffix('s').ok_or_else(wrong)?, 1_000_000_000),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 9 {
        return Err(wrong());
    }
    let part: u64 = format!("{part:0<9}").parse().map_err(|_| wrong())?;
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let nanos = whole.checked_mul(unit).ok_or_else(wrong)? + part * unit / 1_000_000_000;
    Ok(Duration::from_nanos(nanos))
}
