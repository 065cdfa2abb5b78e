//! Schedules: what is done to a stage, and when, as text that a person can write.
//!
//! A schedule has a cue on each line. The cues are given one after another:
//!
//! ```text
//! # Everybody has voted, and nobody was told.
//! when "1 ← 3 Voted 1.1 yes" crash 1
//! after 2s restart 1
//! ```
//!
//! `when "..."` waits for the next line of the trace with this text in it, `when "..."#2` for the one
//! after, `after 2s` for so long, and `then` for nothing.
//!
//! Always true: what a [`Schedule`] prints is parsed to the same schedule again.
//!
//! Book: chapter 3.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use machines::{NodeId, Span};

use crate::stage::Stage;

/// Something that is done to a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// `crash 1`: the process is killed; its operating system keeps what it had written.
    Crash(NodeId),
    /// `power-loss 1`: of what was not forced to the disk survives what the dice say.
    PowerLoss(NodeId),
    /// `new-disk 1`: the power goes, and the disk with it.
    NewDisk(NodeId),
    /// `restart 1`: the process starts where none runs.
    Restart(NodeId),
    /// `pause 1`: the process is stopped, as by `SIGSTOP`.
    Pause(NodeId),
    /// `resume 1`: a stopped process goes on.
    Resume(NodeId),
    /// `cut 1 from 2 3`: nothing gets through between the one and the others.
    Cut(NodeId, Vec<NodeId>),
    /// `reset 1 3`: what travels between the two is lost, and their connection with it.
    Reset(NodeId, NodeId),
    /// `mend all`: everything gets through again.
    MendAll,
    /// `delay 3s`: messages that are sent from now on travel for so long.
    Delay(Duration),
}

/// What an act waits for. It begins to wait when the cue before was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// So much time; none is written as `then`.
    After(Duration),
    /// The so-manieth line of the trace with this text in it, from 1 on.
    Line(String, usize),
}

/// An act, and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// What it waits for.
    pub when: Trigger,
    /// What is done.
    pub act: Act,
}

/// Cues, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule(pub Vec<Cue>);

impl Schedule {
    /// The same without one of its cues.
    pub fn without(&self, index: usize) -> Schedule {
        let mut cues = self.0.clone();
        cues.remove(index);
        Schedule(cues)
    }

    /// Plays it on a stage whose trace is recorded, for so long. Gives the cues that were never
    /// given, since what they waited for did not happen.
    pub fn play(&self, stage: &mut Stage, time: Duration) -> &[Cue] {
        let end = stage.world.now() + time;
        let mut rest = &self.0[..];
        // When the last cue was given, and where the trace ended then.
        let (mut since, mut place) = (stage.world.now(), stage.world.trace().lines().len());
        loop {
            while let Some((cue, later)) = rest.split_first() {
                let due = match &cue.when {
                    Trigger::After(time) => since + *time <= stage.world.now(),
                    Trigger::Line(text, nth) => {
                        let lines = stage.world.trace().lines()[place..].iter();
                        lines.filter(|line| line.to_string().contains(text)).count() >= *nth
                    }
                };
                if !due {
                    break;
                }
                cue.act.carry_out(stage);
                rest = later;
                (since, place) = (stage.world.now(), stage.world.trace().lines().len());
            }
            let limit = match rest.first() {
                Some(Cue { when: Trigger::After(time), .. }) => end.min(since + *time),
                _ => end,
            };
            if stage.step_until(limit).is_none() && limit == end {
                return rest;
            }
        }
    }
}

impl Act {
    /// Does it.
    pub fn carry_out(&self, stage: &mut Stage) {
        let world = &mut stage.world;
        match self {
            Act::Crash(node) => world.crash(*node),
            Act::PowerLoss(node) => world.power_loss(*node),
            Act::NewDisk(node) => {
                world.power_loss(*node);
                world.files(*node).wipe();
            }
            Act::Restart(node) => world.restart(*node),
            Act::Pause(node) => world.pause(*node),
            Act::Resume(node) => world.resume(*node),
            Act::Cut(one, others) => world.part(&[*one], others),
            Act::Reset(one, other) => stage.reset(*one, *other),
            Act::MendAll => world.heal(),
            Act::Delay(time) => world.settings_mut().delay = Span { low: *time, high: *time },
        }
    }

    /// Whom it concerns, if it is about one process.
    pub fn node(&self) -> Option<NodeId> {
        match self {
            Act::Crash(node)
            | Act::PowerLoss(node)
            | Act::NewDisk(node)
            | Act::Restart(node)
            | Act::Pause(node)
            | Act::Resume(node) => Some(*node),
            Act::Cut(..) | Act::Reset(..) | Act::MendAll | Act::Delay(_) => None,
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Crash(node) => write!(f, "crash {node}"),
            Act::PowerLoss(node) => write!(f, "power-loss {node}"),
            Act::NewDisk(node) => write!(f, "new-disk {node}"),
            Act::Restart(node) => write!(f, "restart {node}"),
            Act::Pause(node) => write!(f, "pause {node}"),
            Act::Resume(node) => write!(f, "resume {node}"),
            Act::Cut(one, others) => {
                write!(f, "cut {one} from")?;
                others.iter().try_for_each(|other| write!(f, " {other}"))
            }
            Act::Reset(one, other) => write!(f, "reset {one} {other}"),
            Act::MendAll => write!(f, "mend all"),
            Act::Delay(time) => write!(f, "delay {}ms", time.as_millis()),
        }
    }
}

impl fmt::Display for Cue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.when {
            Trigger::After(Duration::ZERO) => write!(f, "then {}", self.act),
            Trigger::After(time) => write!(f, "after {}ms {}", time.as_millis(), self.act),
            Trigger::Line(text, 1) => write!(f, "when \"{text}\" {}", self.act),
            Trigger::Line(text, nth) => write!(f, "when \"{text}\"#{nth} {}", self.act),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|cue| writeln!(f, "{cue}"))
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Schedule, String> {
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let cues = lines.map(|(number, line)| {
            line.parse::<Cue>().map_err(|why| format!("line {number}: {why}"))
        });
        cues.collect::<Result<_, _>>().map(Schedule)
    }
}

impl FromStr for Cue {
    type Err = String;

    fn from_str(line: &str) -> Result<Cue, String> {
        let (word, rest) = cut(line);
        let (when, act) = match word {
            "then" => (Trigger::After(Duration::ZERO), rest),
            "after" => {
                let (time, act) = cut(rest);
                (Trigger::After(read(time)?), act)
            }
            // An arrow may be written as -> or <-.
            "when" => {
                let quoted = rest.strip_prefix('"').and_then(|rest| rest.split_once('"'));
                let (text, act) = quoted.ok_or("after `when` comes a text in quotes")?;
                let text = text.replace("->", "→").replace("<-", "←");
                let (nth, act) = match act.strip_prefix('#') {
                    Some(rest) => cut(rest),
                    None => ("1", act.trim_start()),
                };
                let nth = nth.parse().ok().filter(|nth| *nth > 0);
                (Trigger::Line(text, nth.ok_or("after # comes a number from 1 on")?), act)
            }
            word => {
                return Err(format!(
                    "a cue begins with `when \"...\"`, `after 2s` or `then`, not with `{word}`"
                ));
            }
        };
        Ok(Cue { when, act: act.parse()? })
    }
}

impl FromStr for Act {
    type Err = String;

    fn from_str(text: &str) -> Result<Act, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            ["crash", node] => Ok(Act::Crash(node.parse()?)),
            ["power-loss", node] => Ok(Act::PowerLoss(node.parse()?)),
            ["new-disk", node] => Ok(Act::NewDisk(node.parse()?)),
            ["restart", node] => Ok(Act::Restart(node.parse()?)),
            ["pause", node] => Ok(Act::Pause(node.parse()?)),
            ["resume", node] => Ok(Act::Resume(node.parse()?)),
            ["cut", one, "from", ref others @ ..] if !others.is_empty() => {
                let others = others.iter().map(|node| node.parse()).collect::<Result<_, _>>()?;
                Ok(Act::Cut(one.parse()?, others))
            }
            ["reset", one, other] => Ok(Act::Reset(one.parse()?, other.parse()?)),
            ["mend", "all"] => Ok(Act::MendAll),
            ["delay", time] => Ok(Act::Delay(read(time)?)),
            _ => Err(format!(
                "`{text}` cannot be done; what can is: crash 1, power-loss 1, new-disk 1, restart 1, \
                 pause 1, resume 1, cut 1 from 2 3, reset 1 3, mend all, delay 3s"
            )),
        }
    }
}

/// The first word, and what comes after.
fn cut(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// Reads a time: `2s`, or `250ms`.
fn read(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (text.strip_suffix('s').unwrap_or(""), 1000),
    };
    let wrong = |_| format!("`{text}` is no time: write 2s, or 250ms");
    Ok(Duration::from_millis(u64::from(number.parse::<u32>().map_err(wrong)?) * unit))
}
