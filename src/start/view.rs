//! What `ensemble start` shows while it runs, and how it does what it is told: until somebody stops
//! it, or until every server has ended by itself.

use std::collections::BTreeMap;
use std::io::{Write, stdout};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{MissedTickBehavior, interval};
use zxid::ServerId;

use super::Ensemble;
use super::command::{Command, Keys, parse};
use super::facts::{Condition, Facts};
use super::input::{Said, listen};
use super::keeper::Outcome;
use super::screen::Terminal;
use super::table;

/// How often to look at the servers.
const LOOK: Duration = Duration::from_millis(100);

/// How long an election may last before it is worth a line that it goes on.
const SILENCE: Duration = Duration::from_secs(2);

/// How things are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// A table on a terminal; lines where there is none.
    Text,
    /// Objects of JSON, one a line.
    Json,
}

/// Shows the ensemble and does what it is told, until it is told to quit, or `stopped` comes.
/// Gives the reasons why servers ended, if all ended by themselves.
pub async fn attend(
    ensemble: &mut Ensemble,
    manner: Manner,
    stopped: impl Future<Output = ()>,
) -> Result<(), String> {
    let terminal = if manner == Manner::Text { Terminal::open() } else { None };
    let mut said = listen(terminal.is_some());
    let mut view = match terminal {
        Some(terminal) => View::Table(Table::new(terminal)),
        None => View::Lines(Lines::new(manner)),
    };
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    tokio::pin!(stopped);
    loop {
        let all = ensemble.facts();
        view.show(&all);
        if let Some(why) = over(&all) {
            return Err(why);
        }
        tokio::select! {
            () = &mut stopped => return Ok(()),
            _ = looks.tick() => {}
            () = view.woken() => {}
            Some(said) = hear(&mut said) => match view.understand(&said, &all) {
                Some(Command::Quit) => return Ok(()),
                Some(Command::Do(deed, server)) => ensemble.ask(deed, server),
                None => {}
            },
            outcome = ensemble.outcome() => view.tell(&outcome),
        }
    }
}

/// Waits for what is said. An input that has ended says nothing more.
async fn hear(said: &mut UnboundedReceiver<Said>) -> Option<Said> {
    match said.recv().await {
        None => std::future::pending().await,
        some => some,
    }
}

/// Why all servers have ended, if nobody is left.
fn over(all: &[Facts]) -> Option<String> {
    let why = |facts: &Facts| match &facts.condition {
        Condition::Ended(why) => Some(why.clone()),
        _ => None,
    };
    let whys: Option<Vec<String>> = all.iter().map(why).collect();
    whys.map(|mut whys| {
        whys.dedup();
        whys.join("; ")
    })
}

enum View {
    Table(Table),
    Lines(Lines),
}

impl View {
    fn show(&mut self, all: &[Facts]) {
        match self {
            View::Table(view) => view.show(all),
            View::Lines(view) => view.show(all),
        }
    }

    /// Waits for the process to be stopped with Ctrl-Z and to go on, and takes the terminal again.
    async fn woken(&mut self) {
        match self {
            View::Table(Table { terminal, continued: Some(continued), .. }) => {
                continued.recv().await;
                terminal.retake();
            }
            _ => std::future::pending().await,
        }
    }

    fn understand(&mut self, said: &Said, all: &[Facts]) -> Option<Command> {
        match (self, said) {
            (View::Table(view), Said::Key(key)) => view.keys.press(*key, all),
            (View::Lines(view), Said::Line(line)) => {
                parse(line, all.len()).map_err(|why| view.refuse(&why)).ok()
            }
            // Keys come from terminals, lines from elsewhere.
            _ => None,
        }
    }

    fn tell(&mut self, outcome: &Outcome) {
        match self {
            View::Table(view) => {
                view.said = match outcome {
                    Ok((deed, facts)) => format!("server {} is {}", facts.server, deed.done()),
                    Err(why) => why.clone(),
                };
            }
            View::Lines(view) => view.tell(outcome),
        }
    }
}

/// A table on a terminal.
struct Table {
    terminal: Terminal,
    keys: Keys,
    /// The signal that the process goes on.
    continued: Option<Signal>,
    /// What came of the last command.
    said: String,
}

impl Table {
    fn new(terminal: Terminal) -> Table {
        let kind = SignalKind::from_raw(rustix::process::Signal::CONT.as_raw());
        let continued = signal(kind).ok();
        Table { terminal, keys: Keys::default(), continued, said: String::new() }
    }

    fn show(&mut self, all: &[Facts]) {
        let summary = table::summary(all);
        let said = if self.said.is_empty() { summary } else { format!("{}; {summary}", self.said) };
        self.terminal.show(&table::table(all, self.keys.selected, &said));
    }
}

/// Lines for a log, or for a program.
struct Lines {
    manner: Manner,
    before: BTreeMap<ServerId, Facts>,
    /// Whether it was said where to connect.
    served: bool,
    begun: Instant,
    /// When something was said last.
    last: Instant,
}

impl Lines {
    fn new(manner: Manner) -> Lines {
        let now = Instant::now();
        Lines { manner, before: BTreeMap::new(), served: false, begun: now, last: now }
    }

    fn show(&mut self, all: &[Facts]) {
        if !self.served {
            if !all.iter().all(Facts::serves) {
                return self.wait(all);
            }
            self.served = true;
            let connect = table::connect(all);
            self.say(&format!("connect: {connect}"), || json!({ "connect": connect }));
        }
        all.iter().for_each(|facts| self.note(facts));
    }

    /// Says how a server is, if that has changed.
    fn note(&mut self, facts: &Facts) {
        if let Some(line) = table::change(self.before.get(&facts.server), facts) {
            self.say(&line, || table::json(facts));
        }
        self.before.insert(facts.server, facts.clone());
    }

    /// Says from time to time that there is something to wait for.
    fn wait(&mut self, all: &[Facts]) {
        if self.last.elapsed() > SILENCE {
            self.last = Instant::now();
            eprintln!("ensemble: {} {} s", table::summary(all), self.begun.elapsed().as_secs());
        }
    }

    fn tell(&mut self, outcome: &Outcome) {
        match outcome {
            Ok((deed, facts)) => {
                self.note(facts);
                if self.manner == Manner::Json {
                    let done = json!({ "done": deed.name(), "server": facts.server.0 });
                    self.say("", || done);
                }
            }
            Err(why) => self.refuse(why),
        }
    }

    fn refuse(&mut self, why: &str) {
        match self.manner {
            Manner::Text => eprintln!("ensemble: {why}"),
            Manner::Json => self.say("", || json!({ "error": why })),
        }
    }

    fn say(&mut self, text: &str, json: impl FnOnce() -> Json) {
        let mut out = stdout().lock();
        let line = if self.manner == Manner::Json { json().to_string() } else { text.to_string() };
        // Whoever closed the other end does not want to read more.
        writeln!(out, "{line}").and_then(|()| out.flush()).ok();
    }
}
