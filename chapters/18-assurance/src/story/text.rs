//! The text of a story: how it is written, and read again.
//!
//! One thing on each line: first the setting, then what is expected, then the cues. A comment goes
//! from `#` to the end of its line; those before everything else say what the story is about.
//!
//! Always true: what is printed is read as the same story.

use std::fmt;

use super::Story;
use super::act::Act;
use super::cue::{read, written};
use super::setting::{Habits, Scenery, Setting};
use crate::invariants::Invariant;

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.about.iter().try_for_each(|line| writeln!(f, "{}", format!("# {line}").trim_end()))?;
        write!(f, "{}", self.setting)?;
        if let Some(mutant) = &self.mutant {
            writeln!(f, "mutant {mutant}")?;
        }
        match &self.expect {
            Some(name) => writeln!(f, "expect {name}")?,
            None => writeln!(f, "expect nothing")?,
        }
        if let Some(hash) = self.hash {
            writeln!(f, "hash {hash:016x}")?;
        }
        if !self.cues.is_empty() {
            writeln!(f)?;
        }
        self.cues.iter().try_for_each(|cue| writeln!(f, "{cue}"))
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.world == Scenery::Members;
        writeln!(f, "world {}", if members { "members" } else { "ensemble" })?;
        writeln!(f, "seed {}", self.seed)?;
        if let Some(servers) = self.servers {
            writeln!(f, "servers {servers}")?;
        }
        if let Some(observers) = self.observers {
            writeln!(f, "observers {observers}")?;
        }
        if self.clients > 0 {
            writeln!(f, "clients {}", self.clients)?;
        }
        writeln!(f, "duration {}", written(self.duration))?;
        if self.patience != Setting::default().patience {
            writeln!(f, "patience {}", written(self.patience))?;
        }
        if self.rough {
            writeln!(f, "network rough")?;
        }
        self.down.iter().try_for_each(|node| writeln!(f, "down {node}"))?;
        let (habits, usual) = (&self.habits, Habits::default());
        if habits.tick != usual.tick {
            writeln!(f, "tick {}", written(habits.tick))?;
        }
        if habits.window != usual.window {
            writeln!(f, "window {}", habits.window)?;
        }
        if !habits.from_disk {
            writeln!(f, "from-disk no")?;
        }
        if let Some(every) = habits.snapshot_every {
            writeln!(f, "snapshot-every {every}")?;
        }
        if let Some(length) = habits.epoch_length {
            writeln!(f, "epoch-length {length}")?;
        }
        Ok(())
    }
}

impl Story {
    /// Reads a story from the text of a file of this name, which stands before every complaint.
    pub fn read(name: &str, text: &str) -> Result<Story, String> {
        let mut story = Story::default();
        let mut begun = false;
        for (number, line) in text.lines().enumerate() {
            let (words, comment) = uncomment(line);
            if let (false, true, Some(comment)) = (begun, words.is_empty(), comment) {
                story.about.push(comment.to_string());
            }
            if words.is_empty() {
                continue;
            }
            begun = true;
            story.take(words).map_err(|why| format!("{name}:{}: {why}", number + 1))?;
        }
        story.fits().map_err(|why| format!("{name}: {why}"))?;
        Ok(story)
    }

    /// Takes one line.
    fn take(&mut self, line: &str) -> Result<(), String> {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let setting = &mut self.setting;
        let habits = &mut setting.habits;
        match word {
            "at" | "after" | "then" | "when" => self.cues.push(line.parse()?),
            "world" => setting.world = world(rest)?,
            "seed" => setting.seed = number(word, rest)?,
            "servers" => setting.servers = Some(number(word, rest)?),
            "observers" => setting.observers = Some(number(word, rest)?),
            "clients" => setting.clients = number(word, rest)?,
            "duration" => setting.duration = read(rest)?,
            "patience" => setting.patience = read(rest)?,
            "network" => setting.rough = one_of(word, rest, ["friendly", "rough"])?,
            "down" => {
                for node in rest.split_whitespace() {
                    setting.down.insert(node.parse()?);
                }
            }
            "tick" => habits.tick = read(rest)?,
            "window" => habits.window = number(word, rest)?,
            "from-disk" => habits.from_disk = one_of(word, rest, ["no", "yes"])?,
            "snapshot-every" => habits.snapshot_every = Some(number(word, rest)?),
            "epoch-length" => habits.epoch_length = Some(number(word, rest)?),
            "mutant" => self.mutant = Some(rest.to_string()),
            "expect" => self.expect = expectation(rest)?,
            "hash" => {
                let hash = u64::from_str_radix(rest, 16);
                let wrong = |_| format!("`{rest}` is no hash: 16 hexadecimal digits");
                self.hash = Some(hash.map_err(wrong)?);
            }
            _ => return Err(format!("no line begins with `{word}`; there are {WORDS}")),
        }
        Ok(())
    }

    /// Whether the parts go together.
    fn fits(&self) -> Result<(), String> {
        let setting = &self.setting;
        let members = setting.world == Scenery::Members;
        if members && (setting.clients > 0 || setting.servers.is_none_or(|n| n < 2)) {
            return Err("a world of members has `servers 2` or more, and no clients".into());
        }
        if !members && setting.habits != Habits::default() {
            let only = "tick, window, from-disk, snapshot-every and epoch-length";
            return Err(format!("{only} are said of `world members` only"));
        }
        for cue in &self.cues {
            let fits = match cue.act {
                Act::Write(..) | Act::Confirm(_) => members,
                Act::NewDisk(_) => !members,
                _ => true,
            };
            if !fits {
                let other = if members { "ensemble" } else { "members" };
                return Err(format!("`{}` is done in `world {other}` only", cue.act));
            }
        }
        // How many observers an ensemble has besides the seed may say.
        if members && setting.patience != Setting::default().patience {
            return Err("patience is said of `world ensemble` only".into());
        }
        let observers = setting.observers.unwrap_or(if members { 0 } else { 2 });
        let Some(most) = setting.servers.map(|voters| voters + observers) else {
            return Ok(());
        };
        let named = self.cues.iter().flat_map(|cue| cue.act.nodes());
        let stranger = named.chain(setting.down.iter().copied()).find(|node| match node {
            machines::NodeId::Server(number) => *number > most,
            machines::NodeId::Client(number) => *number > setting.clients,
        });
        match stranger {
            Some(node) => Err(format!("there is no node {node}: see `servers` and `clients`")),
            None => Ok(()),
        }
    }
}

/// What stands before a comment, and the comment. A `#` within quotes or a word begins none.
fn uncomment(line: &str) -> (&str, Option<&str>) {
    let mut quoted = false;
    let mut before = ' ';
    for (at, letter) in line.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '#' if !quoted && before.is_whitespace() => {
                let comment = &line[at + 1..];
                return (line[..at].trim(), Some(comment.strip_prefix(' ').unwrap_or(comment)));
            }
            _ => {}
        }
        before = letter;
    }
    (line.trim(), None)
}

fn world(word: &str) -> Result<Scenery, String> {
    match word {
        "ensemble" => Ok(Scenery::Ensemble),
        "members" => Ok(Scenery::Members),
        _ => Err(format!("there is no world `{word}`: write world ensemble, or world members")),
    }
}

fn number<T: std::str::FromStr>(what: &str, word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("`{word}` is no number: write for example {what} 3"))
}

fn one_of(what: &str, word: &str, [no, yes]: [&str; 2]) -> Result<bool, String> {
    match word {
        word if word == no => Ok(false),
        word if word == yes => Ok(true),
        _ => Err(format!("write {what} {no}, or {what} {yes}")),
    }
}

fn expectation(word: &str) -> Result<Option<String>, String> {
    match word {
        "nothing" => Ok(None),
        name if Invariant::named(name).is_some() => Ok(Some(name.to_string())),
        _ => Err(format!("`{word}` is no invariant: write for example expect Z11, or nothing")),
    }
}

/// What a line can begin with.
const WORDS: &str = "world, seed, servers, observers, clients, duration, patience, network, \
    down, tick, window, from-disk, snapshot-every, epoch-length, mutant, expect, hash; and the cues: at, \
    after, then, when";
