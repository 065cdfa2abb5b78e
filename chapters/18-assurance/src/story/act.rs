//! Acts: everything that can be done to a simulated world, each in a line that a person can read,
//! write and say aloud.
//!
//! `crash 2` kills the process of server 2, and `cut 1 from 2 3` lets nothing through between server
//! 1 and the other two. Clients are `c1`, `c2` and so on.
//!
//! Always true: what [`Act`] prints is parsed to the same act again.

use std::fmt;
use std::str::FromStr;

use machines::NodeId;

/// Something that is done to a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// `crash 2`: the process is killed; its operating system keeps what it had written.
    Crash(NodeId),
    /// `power-loss 2`: of what was not forced to the disk survives what the dice say.
    PowerLoss(NodeId),
    /// `power-loss 2 worst`: nothing survives that was not forced to the disk.
    WorstPowerLoss(NodeId),
    /// `power-loss 2 after 17`: the power goes after so many more changes to the disk.
    PowerLossAfter(NodeId, u64),
    /// `restart 2`: the process starts where none runs. If the disk failed, the power goes first.
    Restart(NodeId),
    /// `reboot 2`: the power goes and comes back, there is room on the disk, the process starts.
    Reboot(NodeId),
    /// `pause 2`: the process is stopped, as by `SIGSTOP`.
    Pause(NodeId),
    /// `resume 2`: a stopped process goes on.
    Resume(NodeId),
    /// `jump 2 -3500`: the wall clock is set forward by so many ms, or back; never to before the
    /// server's last start, since it could then give the number of an old session again.
    Jump(NodeId, i64),
    /// `drift 2 20000`: the clocks run fast by so many parts per million, or slow.
    Drift(NodeId, i32),
    /// `slow 2 40`: the disk and the host are so many times slower than others.
    Slow(NodeId, u32),
    /// `fail-sync 2 5`: the fifth sync from now on fails, and what it should have forced is lost.
    FailSync(NodeId, u32),
    /// `fail-write 2 5`: the fifth write from now on fails.
    FailWrite(NodeId, u32),
    /// `room 2 4000`: so many more bytes fit on the disk; `room 2 any`: it is large enough.
    Room(NodeId, Option<u64>),
    /// `new-disk 2`: the server loses its power, and comes back with an empty disk. It is not done
    /// while others need what is on the old one.
    NewDisk(NodeId),
    /// `flip 2 log.100000001 4711`: a bit of a file turns on the disk, counted from its beginning.
    Flip(NodeId, String, u64),
    /// `stray 2 log.1 600 64 log.1 90`: 64 bytes that were to come to byte 600 of a file came to byte
    /// 90 of another, or of the same.
    Stray(NodeId, Stray),
    /// `reset 1 2`: every connection between the two breaks; `reset 1 2 3`: the third of them.
    Reset(NodeId, NodeId, Option<usize>),
    /// `cut 1 from 2 3`: nothing gets through; `cut 1 to 2 3`: nothing in this direction.
    Cut(Ways),
    /// `mend 1 from 2 3`, or `mend 1 to 2 3`: it gets through again.
    Mend(Ways),
    /// `mend all`: all ways are open.
    MendAll,
    /// `write 2 "x"`: in a world of members, a client of server 2 writes this.
    Write(NodeId, String),
    /// `confirm 2`: in a world of members, server 2 asks whether it leads still.
    Confirm(NodeId),
}

/// A write that went astray on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The file to which it was to come.
    pub from: String,
    /// Its first byte there.
    pub at: u64,
    /// How many bytes it has.
    pub length: u64,
    /// The file to which it came.
    pub to: String,
    /// Its first byte there.
    pub place: u64,
}

/// The ways between some nodes and others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ways {
    /// Some.
    pub some: Vec<NodeId>,
    /// The others.
    pub others: Vec<NodeId>,
    /// Whether the ways back are meant too.
    pub both: bool,
}

impl Ways {
    /// Each way: from, to.
    pub fn pairs(&self) -> Vec<(NodeId, NodeId)> {
        let pairs = |from: &[NodeId], to: &[NodeId]| -> Vec<(NodeId, NodeId)> {
            from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to))).collect()
        };
        let mut all = pairs(&self.some, &self.others);
        if self.both {
            all.extend(pairs(&self.others, &self.some));
        }
        all
    }
}

impl Act {
    /// The nodes that it names.
    pub fn nodes(&self) -> Vec<NodeId> {
        match self {
            Act::Crash(node)
            | Act::PowerLoss(node)
            | Act::WorstPowerLoss(node)
            | Act::PowerLossAfter(node, _)
            | Act::Restart(node)
            | Act::Reboot(node)
            | Act::Pause(node)
            | Act::Resume(node)
            | Act::Jump(node, _)
            | Act::Drift(node, _)
            | Act::Slow(node, _)
            | Act::FailSync(node, _)
            | Act::FailWrite(node, _)
            | Act::Room(node, _)
            | Act::NewDisk(node)
            | Act::Flip(node, ..)
            | Act::Stray(node, _)
            | Act::Write(node, _)
            | Act::Confirm(node) => vec![*node],
            Act::Reset(one, other, _) => vec![*one, *other],
            Act::Cut(ways) | Act::Mend(ways) => [&ways.some[..], &ways.others[..]].concat(),
            Act::MendAll => Vec::new(),
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Crash(node) => write!(f, "crash {node}"),
            Act::PowerLoss(node) => write!(f, "power-loss {node}"),
            Act::WorstPowerLoss(node) => write!(f, "power-loss {node} worst"),
            Act::PowerLossAfter(node, changes) => write!(f, "power-loss {node} after {changes}"),
            Act::Restart(node) => write!(f, "restart {node}"),
            Act::Reboot(node) => write!(f, "reboot {node}"),
            Act::Pause(node) => write!(f, "pause {node}"),
            Act::Resume(node) => write!(f, "resume {node}"),
            Act::Jump(node, ms) => write!(f, "jump {node} {ms}"),
            Act::Drift(node, ppm) => write!(f, "drift {node} {ppm}"),
            Act::Slow(node, times) => write!(f, "slow {node} {times}"),
            Act::FailSync(node, nth) => write!(f, "fail-sync {node} {nth}"),
            Act::FailWrite(node, nth) => write!(f, "fail-write {node} {nth}"),
            Act::Room(node, Some(bytes)) => write!(f, "room {node} {bytes}"),
            Act::Room(node, None) => write!(f, "room {node} any"),
            Act::NewDisk(node) => write!(f, "new-disk {node}"),
            Act::Flip(node, file, bit) => write!(f, "flip {node} {file} {bit}"),
            Act::Stray(node, Stray { from, at, length, to, place }) => {
                write!(f, "stray {node} {from} {at} {length} {to} {place}")
            }
            Act::Reset(one, other, None) => write!(f, "reset {one} {other}"),
            Act::Reset(one, other, Some(nth)) => write!(f, "reset {one} {other} {nth}"),
            Act::Cut(ways) => write!(f, "cut {ways}"),
            Act::Mend(ways) => write!(f, "mend {ways}"),
            Act::MendAll => write!(f, "mend all"),
            Act::Write(node, text) => write!(f, "write {node} \"{text}\""),
            Act::Confirm(node) => write!(f, "confirm {node}"),
        }
    }
}

impl fmt::Display for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |nodes: &[NodeId]| nodes.iter().map(|node| format!(" {node}")).collect();
        let (some, others): (String, String) = (list(&self.some), list(&self.others));
        let word = if self.both { "from" } else { "to" };
        write!(f, "{} {word}{others}", some.trim_start())
    }
}

impl FromStr for Act {
    type Err = String;

    fn from_str(text: &str) -> Result<Act, String> {
        let (words, quoted) = match text.trim().split_once('"') {
            Some((words, rest)) => (words, rest.strip_suffix('"')),
            None => (text, None),
        };
        let words: Vec<&str> = words.split_whitespace().collect();
        if let ["write", node] = words[..] {
            let what = quoted.filter(|what| !what.contains('"')).ok_or_else(|| {
                format!("`{text}` does not say what is written: write {node} \"x\"")
            })?;
            return Ok(Act::Write(node.parse()?, what.to_string()));
        }
        parse(&words).map_err(|why| format!("`{}`: {why}", text.trim()))
    }
}

fn parse(words: &[&str]) -> Result<Act, String> {
    Ok(match words {
        ["crash", node] => Act::Crash(node.parse()?),
        ["power-loss", node] => Act::PowerLoss(node.parse()?),
        ["power-loss", node, "worst"] => Act::WorstPowerLoss(node.parse()?),
        ["power-loss", node, "after", changes] => {
            Act::PowerLossAfter(node.parse()?, number(changes)?)
        }
        ["restart", node] => Act::Restart(node.parse()?),
        ["reboot", node] => Act::Reboot(node.parse()?),
        ["pause", node] => Act::Pause(node.parse()?),
        ["resume", node] => Act::Resume(node.parse()?),
        ["jump", node, ms] => Act::Jump(node.parse()?, number(ms)?),
        ["drift", node, ppm] => Act::Drift(node.parse()?, number(ppm)?),
        ["slow", node, times] => Act::Slow(node.parse()?, counted(times)?),
        ["fail-sync", node, nth] => Act::FailSync(node.parse()?, counted(nth)?),
        ["fail-write", node, nth] => Act::FailWrite(node.parse()?, counted(nth)?),
        ["room", node, "any"] => Act::Room(node.parse()?, None),
        ["room", node, bytes] => Act::Room(node.parse()?, Some(number(bytes)?)),
        ["new-disk", node] => Act::NewDisk(node.parse()?),
        ["flip", node, file, bit] => Act::Flip(node.parse()?, file.to_string(), number(bit)?),
        ["stray", node, from, at, length, to, place] => Act::Stray(
            node.parse()?,
            Stray {
                from: from.to_string(),
                at: number(at)?,
                length: number(length)?,
                to: to.to_string(),
                place: number(place)?,
            },
        ),
        ["reset", one, other] => Act::Reset(one.parse()?, other.parse()?, None),
        ["reset", one, other, nth] => {
            Act::Reset(one.parse()?, other.parse()?, Some(counted(nth)? as usize))
        }
        ["cut", ways @ ..] => Act::Cut(parse_ways(ways)?),
        ["mend", "all"] => Act::MendAll,
        ["mend", ways @ ..] => Act::Mend(parse_ways(ways)?),
        ["confirm", node] => Act::Confirm(node.parse()?),
        _ => return Err(format!("no act is written like this; there are {ACTS}")),
    })
}

fn parse_ways(words: &[&str]) -> Result<Ways, String> {
    let nodes = |words: &[&str]| -> Result<Vec<NodeId>, String> {
        words.iter().map(|word| word.parse()).collect()
    };
    let at = words.iter().position(|word| matches!(*word, "from" | "to"));
    let missing = || "say between whom: 1 from 2 3, or in one direction, 1 to 2 3".to_string();
    let at = at.ok_or_else(missing)?;
    let (some, others) = (nodes(&words[..at])?, nodes(&words[at + 1..])?);
    if some.is_empty() || others.is_empty() {
        return Err(missing());
    }
    Ok(Ways { some, others, both: words[at] == "from" })
}

fn number<T: FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("`{word}` is no number that is possible here"))
}

/// A number from 1 on.
fn counted(word: &str) -> Result<u32, String> {
    match number(word)? {
        0 => Err("it is counted from 1 on, not from 0".to_string()),
        nth => Ok(nth),
    }
}

/// All acts, as they are written.
const ACTS: &str = "crash 2, power-loss 2, power-loss 2 worst, power-loss 2 after 17, restart 2, \
    reboot 2, pause 2, resume 2, jump 2 -3500, drift 2 20000, slow 2 40, fail-sync 2 5, \
    fail-write 2 5, room 2 4000, room 2 any, new-disk 2, flip 2 log.1 4711, \
    stray 2 log.1 600 64 log.1 90, reset 1 2, cut 1 from 2 3, cut 1 to 2, \
    mend 1 from 2 3, mend all, write 2 \"x\", confirm 2";
