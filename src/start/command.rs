//! What can be done to a server of the ensemble, by a key or by a line.
//!
//! Nothing here reads: keys and lines go in, commands come out.

use zxid::ServerId;

use super::facts::{Condition, Facts};

/// What somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Something is to be done to a server.
    Do(Deed, ServerId),
    /// Everything is to end.
    Quit,
}

/// What is to be done to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// End it on the spot, as `kill -9` does.
    Kill,
    /// Start it again, after a kill if it runs.
    Restart,
    /// Stop it, as `SIGSTOP` does.
    Pause,
    /// Let it go on.
    Resume,
    /// Take its connections to other servers away.
    CutOff,
    /// Give them back.
    Rejoin,
}

impl Deed {
    const ALL: [(&str, Deed); 6] = [
        ("kill", Deed::Kill),
        ("restart", Deed::Restart),
        ("pause", Deed::Pause),
        ("resume", Deed::Resume),
        ("cut", Deed::CutOff),
        ("rejoin", Deed::Rejoin),
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        let (name, _) = Deed::ALL.iter().find(|(_, deed)| *deed == self).expect("all have names");
        name
    }

    /// What a server is when it is done.
    pub fn done(self) -> &'static str {
        match self {
            Deed::Kill => "killed",
            Deed::Restart => "restarted",
            Deed::Pause => "paused",
            Deed::Resume => "going on",
            Deed::CutOff => "cut off",
            Deed::Rejoin => "connected",
        }
    }
}

/// Reads a line such as `kill 2`, or `quit`.
///
/// # Errors
/// What is wrong with it, and what there is.
pub fn parse(line: &str, servers: usize) -> Result<Command, String> {
    let words: Vec<_> = line.split_whitespace().collect();
    let (name, number) = match words[..] {
        ["quit" | "q"] => return Ok(Command::Quit),
        [name, number] => (name, number),
        _ => return Err(unknown(line)),
    };
    let Some((_, deed)) = Deed::ALL.iter().find(|(known, _)| *known == name) else {
        return Err(unknown(line));
    };
    match number.parse() {
        Ok(number) if (1..=servers as i64).contains(&number) => {
            Ok(Command::Do(*deed, ServerId(number)))
        }
        _ => Err(format!("{number} is no server; there are 1 to {servers}")),
    }
}

fn unknown(line: &str) -> String {
    let names: Vec<_> = Deed::ALL.iter().map(|(name, _)| format!("{name} N")).collect();
    format!("no such command: {line}; there are {}, quit", names.join(", "))
}

/// A key that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A letter or a digit.
    Letter(char),
    /// The arrow upward.
    Up,
    /// The arrow downward.
    Down,
}

/// The keys in what a terminal sends at once.
pub fn keys(mut bytes: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        match (first, rest) {
            (0x1b, [b'[' | b'O', b'A', after @ ..]) => (keys.push(Key::Up), bytes = after).0,
            (0x1b, [b'[' | b'O', b'B', after @ ..]) => (keys.push(Key::Down), bytes = after).0,
            _ if first.is_ascii_graphic() => keys.push(Key::Letter(char::from(*first))),
            _ => {}
        }
    }
    keys
}

/// Which server is selected, and what the last key was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// The place of the selected server in the table.
    pub selected: usize,
    /// The number typed so far: one digit may be the first of two.
    typed: usize,
}

impl Keys {
    /// Somebody presses a key. What it means may depend on how the selected server is.
    pub fn press(&mut self, key: Key, all: &[Facts]) -> Option<Command> {
        let typed = std::mem::take(&mut self.typed);
        let facts = &all[self.selected];
        let deed = match key {
            Key::Letter(digit @ '0'..='9') => {
                self.select(typed, digit as usize - '0' as usize, all.len());
                return None;
            }
            Key::Up => {
                self.selected = self.selected.saturating_sub(1);
                return None;
            }
            Key::Down => {
                self.selected = (self.selected + 1).min(all.len() - 1);
                return None;
            }
            Key::Letter('q') => return Some(Command::Quit),
            Key::Letter('k') => Deed::Kill,
            Key::Letter('r') => Deed::Restart,
            Key::Letter('p') if facts.condition == Condition::Paused => Deed::Resume,
            Key::Letter('p') => Deed::Pause,
            Key::Letter('c') if facts.cut => Deed::Rejoin,
            Key::Letter('c') => Deed::CutOff,
            Key::Letter(_) => return None,
        };
        Some(Command::Do(deed, facts.server))
    }

    /// A digit adds to the number typed before it, if there is such a server, or begins another.
    fn select(&mut self, typed: usize, digit: usize, servers: usize) {
        let numbers = [10 * typed + digit, digit];
        if let Some(number) = numbers.into_iter().find(|number| (1..=servers).contains(number)) {
            self.selected = number - 1;
            self.typed = number;
        }
    }
}
