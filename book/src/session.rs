//! Sessions: what a reader sees in several terminals side by side, played and compared.
//!
//! A fenced block `terminal NAME` is what is on that terminal after it: `$ command` starts a program,
//! `press 3 k` presses keys, text behind a prompt such as `[zk: ...] ` is typed. All else is what the
//! program shows then, with `[...]` and `…` as in a transcript. A block without any of the three
//! says what has come by itself. The blocks of a page are one session, played from its first to its
//! last, on terminals as wide as this book.
//!
//! Always true:
//! - what is accepted was on a terminal, not in a pipe: a reader has seen the same;
//! - nothing waits for a time: a step is over when the terminal shows what the page says;
//! - the ports of `ensemble start` are any that are free, and are called 2181, 2182, ... as its own are;
//! - no program of a session outlives it.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::num::NonZeroU16;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};

use crate::page::{Kind, pieces};
use crate::transcript::{Place, parting};

/// How long a terminal may take to show what the page says.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a terminal is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long a program may take to end when it is asked to.
const LAST: Duration = Duration::from_secs(5);
/// The size of a terminal; so high that nothing scrolls away.
const ROWS: NonZeroU16 = NonZeroU16::new(200).unwrap();
const COLUMNS: NonZeroU16 = NonZeroU16::new(100).unwrap();
/// The port that the first server of an ensemble has if nobody says otherwise.
const FIRST_PORT: usize = 2181;

/// Plays the session of a page. What is wrong comes with its line; nothing is played after that.
pub fn play(page: &str, place: &Place) -> Result<(), (usize, String)> {
    let mut session = Session { place, terminals: BTreeMap::new(), ports: Vec::new() };
    for piece in pieces(page).unwrap_or_default() {
        let Kind::Fence { info, body } = piece.kind else { continue };
        let Some(name) = name(info) else { continue };
        for step in steps(body) {
            let line = piece.line + 1 + step.line;
            session.play(name, &step).map_err(|why| (line, why))?;
        }
    }
    Ok(())
}

/// The name of the terminal that a fenced block is about.
pub fn name(info: &str) -> Option<&str> {
    info.strip_prefix("terminal").map(str::trim)
}

/// What a reader does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Deed<'a> {
    /// Starts a program.
    Start(&'a str),
    /// Presses keys.
    Press(&'a str),
    /// Types a line behind a prompt, when it is there.
    Type(&'a str, &'a str),
    /// Looks.
    Look,
}

/// Something done, and what the terminal shows then.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step<'a> {
    deed: Deed<'a>,
    /// The line of the block on which it stands, counted from 0.
    line: usize,
    shows: Vec<&'a str>,
}

/// Takes a block apart.
fn steps(body: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    for (line, text) in body.lines().enumerate() {
        let typed = text.strip_prefix("[zk: ").and_then(|rest| rest.split_once("] "));
        let (deed, shown) = match (text.strip_prefix("$ "), text.strip_prefix("press ")) {
            (Some(command), _) => (Some(Deed::Start(command)), None),
            (_, Some(keys)) => (Some(Deed::Press(keys)), None),
            _ => (
                typed.map(|typed| Deed::Type(&text[..text.len() - typed.1.len()], typed.1)),
                Some(text),
            ),
        };
        match deed {
            Some(deed) => steps.push(Step { deed, line, shows: shown.into_iter().collect() }),
            None if steps.is_empty() => {
                steps.push(Step { deed: Deed::Look, line, shows: vec![text] });
            }
            None => steps.last_mut().expect("there is one").shows.push(text),
        }
    }
    steps
}

struct Session<'a> {
    place: &'a Place,
    terminals: BTreeMap<String, Terminal>,
    /// The ports of the ensemble's servers, in their order.
    ports: Vec<String>,
}

impl Session<'_> {
    fn play(&mut self, name: &str, step: &Step<'_>) -> Result<(), String> {
        if let Deed::Start(command) = step.deed {
            let words = self.words(command)?;
            let terminal = Terminal::start(self.place, &words)
                .map_err(|why| format!("it cannot be started: {why}"))?;
            self.terminals.insert(name.to_string(), terminal);
        }
        let terminal = self.terminals.get(name);
        let terminal = terminal.ok_or(format!("nothing was started on terminal {name:?}"))?;
        match step.deed {
            Deed::Start(_) | Deed::Look => {}
            Deed::Press(keys) => terminal.press(&keys.replace(' ', "")),
            Deed::Type(prompt, text) => {
                self.wait(name, &["[...]", prompt.trim_end()])?;
                self.terminals[name].press(&format!("{text}\r"));
            }
        }
        let mut pattern = step.shows.clone();
        while pattern.last().is_some_and(|line| line.is_empty()) {
            pattern.pop();
        }
        if !matches!(step.deed, Deed::Start(_)) {
            pattern.insert(0, "[...]");
        }
        self.wait(name, &pattern)
    }

    /// The words of a command, with the ports that the servers have here.
    fn words(&self, command: &str) -> Result<Vec<String>, String> {
        let words = shlex::split(command).ok_or("a quotation mark is not closed")?;
        let Some(("ensemble", arguments)) =
            words.split_first().map(|(it, rest)| (it.as_str(), rest))
        else {
            return Err("only `ensemble` is carried out on a terminal".to_string());
        };
        let mut words: Vec<String> = arguments.iter().map(|word| self.here(word)).collect();
        let says = |option: &str| words.iter().any(|word| word == option);
        // What a command takes if nobody says otherwise has to be said here.
        let usual: &[(usize, &str)] = match words.iter().map(String::as_str).collect::<Vec<_>>()[..]
        {
            ["start", ..] => &[(1, "--port"), (2, "0")],
            ["shell", ..] if !says("-server") => &[(1, "-server"), (2, "localhost:2181")],
            ["run", "00", ..] if !says("--connect") => {
                &[(2, "--connect"), (3, "127.0.0.1:2181,127.0.0.1:2182,127.0.0.1:2183")]
            }
            _ => &[],
        };
        usual.iter().for_each(|(place, word)| words.insert(*place, self.here(word)));
        Ok(words)
    }

    /// A text of the page, with the ports of here.
    fn here(&self, text: &str) -> String {
        let ports = self.ports.iter().enumerate();
        ports.fold(text.to_string(), |text, (place, port)| {
            text.replace(&format!(":{}", FIRST_PORT + place), &format!(":{port}"))
        })
    }

    /// What a terminal shows, with the ports of the page. In a table a port takes its whole column.
    fn shown(&self, name: &str) -> String {
        let text = self.terminals[name].shown();
        let ports = self.ports.iter().enumerate();
        ports.fold(text, |text, (place, port)| {
            let usual = (FIRST_PORT + place).to_string();
            let wide = format!(" {usual:>width$}", width = port.len());
            text.replace(&format!(" {port}"), &wide).replace(port, &usual)
        })
    }

    /// Waits until a terminal shows this.
    fn wait(&mut self, name: &str, pattern: &[&str]) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        loop {
            if self.ports.is_empty() {
                self.ports = self.terminals[name].ports();
            }
            // What has ended shows nothing new: looked at before the screen is.
            let over = self.terminals[name].drawing.is_finished() || Instant::now() > end;
            let shown = self.shown(name);
            if shows(pattern, &shown) {
                return Ok(());
            }
            if over {
                return Err(format!("terminal {name:?} does not show this, but:\n{shown}"));
            }
            thread::sleep(LOOK);
        }
    }
}

/// Whether a screen is as the page says. An empty prompt at its end is not worth a line of the page.
fn shows(pattern: &[&str], shown: &str) -> bool {
    let lines: Vec<&str> = shown.trim_end().lines().collect();
    let prompt = lines.last().is_some_and(|line| line.starts_with("[zk: ") && line.ends_with(']'));
    let without = &lines[..lines.len() - usize::from(prompt)];
    parting(pattern, &lines).is_none() || parting(pattern, without).is_none()
}

/// A program on a terminal of its own.
struct Terminal {
    child: Child,
    pty: Arc<Pty>,
    screen: Arc<Mutex<vt100::Parser>>,
    /// Who draws; it has ended when the program has.
    drawing: JoinHandle<()>,
}

impl Terminal {
    fn start(place: &Place, words: &[String]) -> io::Result<Terminal> {
        let (pty, pts) = open().map_err(io::Error::other)?;
        pty.resize(Size::new(ROWS.get(), COLUMNS.get())).map_err(io::Error::other)?;
        let child = Command::new(&place.ensemble)
            .args(words)
            .current_dir(&place.root)
            .env("NO_COLOR", "1")
            .env("TERM", "xterm")
            .spawn(pts)
            .map_err(io::Error::other)?;
        let screen = Arc::new(Mutex::new(vt100::Parser::new(ROWS, COLUMNS, 0)));
        let pty = Arc::new(pty);
        let (from, to) = (pty.clone(), screen.clone());
        let drawing = thread::spawn(move || draw(&from, &to));
        Ok(Terminal { child, pty, screen, drawing })
    }

    fn press(&self, keys: &str) {
        // Who has ended shows it.
        (&*self.pty).write_all(keys.as_bytes()).ok();
    }

    fn shown(&self) -> String {
        let screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = screen.screen().rows(0, COLUMNS.get());
        let lines: Vec<String> = rows.map(|row| row.trim_end().to_string()).collect();
        lines.join("\n").trim_end().to_string()
    }

    /// The ports of the servers, if this terminal says where to connect.
    fn ports(&self) -> Vec<String> {
        let shown = self.shown();
        let connect = shown.lines().find_map(|line| line.strip_prefix("connect: "));
        let servers = connect.into_iter().flat_map(|servers| servers.split(','));
        servers.filter_map(|server| Some(server.rsplit_once(':')?.1.to_string())).collect()
    }
}

/// Draws what a program says until it has ended.
fn draw(mut pty: &Pty, screen: &Mutex<vt100::Parser>) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = pty.read(&mut bytes) {
        screen.lock().unwrap_or_else(PoisonError::into_inner).process(&bytes[..count]);
    }
}

impl Drop for Terminal {
    /// Presses Ctrl-C and Ctrl-D, and kills what does not end by itself.
    fn drop(&mut self) {
        self.press("\x03");
        self.press("\x04");
        let end = Instant::now() + LAST;
        while Instant::now() < end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(LOOK);
        }
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_taken_apart_into_what_is_done_and_what_is_shown() {
        let body = "$ ensemble shell\nWelcome\n[zk: a(CONNECTED) 0] ls /\n[b]\npress q\n";
        let found = steps(body);
        let typed = vec!["[zk: a(CONNECTED) 0] ls /", "[b]"];
        let expected = [
            Step { deed: Deed::Start("ensemble shell"), line: 0, shows: vec!["Welcome"] },
            Step { deed: Deed::Type("[zk: a(CONNECTED) 0] ", "ls /"), line: 2, shows: typed },
            Step { deed: Deed::Press("q"), line: 4, shows: vec![] },
        ];
        assert_eq!(found, expected);
        assert_eq!(steps("WATCHER::\n")[0].deed, Deed::Look);
    }

    #[test]
    fn a_prompt_at_the_end_need_not_be_in_the_page() {
        let shown = "Welcome\n[zk: a(CONNECTED) 0] ls /\n[b]\n[zk: a(CONNECTED) 1]";
        assert!(shows(&["[...]", "[zk: a(CONNECTED) 0] ls /", "[b]"], shown));
        assert!(shows(&["[...]", "[b]", "[zk: a(CONNECTED) 1]"], shown));
        assert!(!shows(&["[...]", "[c]"], shown));
    }
}
