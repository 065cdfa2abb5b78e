//! The interactive shell: zkCli's commands, options and words, for our servers and Apache's.
//!
//! A command on the command line is done and that is all; the exit code says how it went. Without
//! one, lines are read from a terminal or a pipe. Answers go to standard output; what was created,
//! and what went wrong, to standard error.
//!
//! ZooKeeper: `ZooKeeperMain`.

mod acl;
mod asked;
mod command;
mod line;
mod options;
mod perform;
mod print;
mod quota;
mod session;
mod terminal;

use std::process::ExitCode;
use std::sync::PoisonError;
use std::time::Duration;

pub(crate) use acl::read_acl;
pub(crate) use asked::{Asked, asked};
use command::{Command, USAGES, Wrong};
use print::{remark, say};
use session::{Failure, Session};
use terminal::{Current, Terminal};

/// How many commands `history` shows.
const SHOWN: usize = 11;

/// What `ensemble shell` is given. The options are zkCli's, with one dash.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ShellArgs {
    /// -server host:port,... (localhost:2181), -timeout ms (30000), -r, and a command to do
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION|COMMAND")]
    pub words: Vec<String>,
}

/// The options of the command line, read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Settings {
    servers: String,
    timeout: Duration,
    /// The command to do; empty for a dialogue.
    command: Vec<String>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Well,
    Badly,
    /// It was no command.
    Misused,
    /// The user wants to leave.
    Quit,
}

/// Runs the shell. The code is 0 if the last command went well, 1 if it did not, and 2 if it was no
/// command.
pub async fn run(args: ShellArgs) -> ExitCode {
    let settings = match Settings::parse(&args.words) {
        Ok(settings) => settings,
        Err(why) => {
            remark(&why);
            remark("ensemble shell [-server host:port,...] [-timeout ms] [-r] [command args...]");
            return ExitCode::from(2);
        }
    };
    let mut shell = Shell::new(&settings);
    let ended = match settings.command.is_empty() {
        true => shell.converse().await,
        false => shell.perform_one(&settings.command).await,
    };
    match ended {
        Ended::Well | Ended::Quit => ExitCode::SUCCESS,
        Ended::Badly => ExitCode::FAILURE,
        Ended::Misused => ExitCode::from(2),
    }
}

impl Settings {
    fn parse(words: &[String]) -> Result<Settings, String> {
        let mut settings = Settings {
            servers: "localhost:2181".to_owned(),
            timeout: Duration::from_secs(30),
            command: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value =
                || words.next().cloned().ok_or_else(|| format!("{word} needs a value behind it"));
            match word.as_str() {
                "-server" | "--server" => settings.servers = value()?,
                "-timeout" | "--timeout" => {
                    let ms = value()?;
                    let ms = ms.parse().map_err(|_| format!("{ms} is no number of ms"))?;
                    settings.timeout = Duration::from_millis(ms);
                }
                // A server that is only read-only is not looked for, and waiting is what we do.
                "-r" | "-waitforconnection" => {}
                option if option.starts_with('-') => {
                    return Err(format!("There is no option {option}"));
                }
                command => {
                    settings.command = vec![command.to_owned()];
                    settings.command.extend(words.cloned());
                    break;
                }
            }
        }
        Ok(settings)
    }
}

/// The shell: a session, and the lines so far.
struct Shell {
    session: Session,
    history: Vec<String>,
    current: Current,
}

impl Shell {
    fn new(settings: &Settings) -> Shell {
        Shell {
            session: Session::new(settings.servers.clone(), settings.timeout),
            history: Vec::new(),
            current: Current::default(),
        }
    }

    /// Does the command of the command line.
    async fn perform_one(&mut self, words: &[String]) -> Ended {
        self.history.push(words.join(" "));
        let command = match self.parse(words) {
            Ok(command) => command,
            Err(ended) => return ended,
        };
        let own = matches!(
            command,
            Command::Help
                | Command::History
                | Command::PrintWatches(_)
                | Command::Quit
                | Command::Redo(_)
                | Command::Version
                | Command::Connect { .. }
        );
        if !own && let Err(failure) = self.session.connect(None, None).await {
            remark(&failure.to_string());
            return Ended::Badly;
        }
        let ended = self.perform(command).await;
        // The events of the end are nobody's business any more.
        self.session.print_watches = false;
        self.session.close().await;
        ended
    }

    /// Does one line after another.
    async fn converse(&mut self) -> Ended {
        if let Err(failure) = self.session.connect(None, Some("Welcome to Ensemble!")).await {
            remark(&failure.to_string());
            return Ended::Badly;
        }
        let mut terminal = Terminal::open(self.current.clone());
        let mut last = Ended::Well;
        loop {
            let client = self.session.living();
            *self.current.lock().unwrap_or_else(PoisonError::into_inner) = client;
            terminal.ask(self.session.prompt(self.history.len()));
            let Some(line) = self.next_line(&mut terminal).await else { break };
            self.session.print_events().await;
            last = match self.perform_line(&line).await {
                Some(Ended::Quit) => return Ended::Well,
                Some(ended) => ended,
                None => last,
            };
        }
        self.session.print_watches = false;
        self.session.close().await;
        last
    }

    /// The next line; what happens meanwhile is shown.
    async fn next_line(&mut self, terminal: &mut Terminal) -> Option<String> {
        loop {
            tokio::select! {
                line = terminal.line() => return line,
                event = self.session.next_event() => {
                    if self.session.print_watches {
                        terminal.print(print::event(&event));
                    }
                }
            }
        }
    }

    /// Does a line; `None` if there is nothing on it.
    async fn perform_line(&mut self, line: &str) -> Option<Ended> {
        let mut words = line::words(line);
        if words.is_empty() {
            return None;
        }
        let mut line = line.trim().to_owned();
        if let Ok(Command::Redo(number)) = command::parse(&words, &mut Vec::new()) {
            match self.history.get(number) {
                Some(earlier) => line = earlier.clone(),
                None => {
                    remark("Command index out of range");
                    return Some(Ended::Badly);
                }
            }
            words = line::words(&line);
        }
        self.history.push(line);
        Some(match self.parse(&words) {
            Ok(command) => self.perform(command).await,
            Err(ended) => ended,
        })
    }

    fn parse(&self, words: &[String]) -> Result<Command, Ended> {
        let mut notes = Vec::new();
        let parsed = command::parse(words, &mut notes);
        notes.iter().for_each(|note| remark(note));
        parsed.map_err(|wrong| {
            match wrong {
                Wrong::Usage(text) | Wrong::Text(text) => remark(&text),
                Wrong::Path(text) => {
                    remark(&text);
                    return Ended::Badly;
                }
                Wrong::Option(text) => {
                    remark(&text);
                    words
                        .first()
                        .and_then(|name| command::usage(name))
                        .iter()
                        .for_each(|u| remark(u));
                }
                Wrong::Unknown(name) => {
                    remark(&help());
                    remark(&format!("Command not found: {name}"));
                }
            }
            Ended::Misused
        })
    }

    async fn perform(&mut self, command: Command) -> Ended {
        let done = match command {
            Command::Help => {
                say(&help());
                Ok(())
            }
            Command::History => {
                let from = self.history.len().saturating_sub(SHOWN);
                for (number, line) in self.history.iter().enumerate().skip(from) {
                    say(&format!("{number} - {line}"));
                }
                Ok(())
            }
            Command::PrintWatches(None) => {
                let switch = if self.session.print_watches { "on" } else { "off" };
                say(&format!("printwatches is {switch}"));
                Ok(())
            }
            Command::PrintWatches(Some(on)) => {
                self.session.print_watches = on;
                Ok(())
            }
            Command::Quit => {
                self.session.close().await;
                return Ended::Quit;
            }
            Command::Redo(_) => Err(Failure::Text("Command index out of range".to_owned())),
            Command::Version => {
                say(&format!("Ensemble CLI version: {}", env!("CARGO_PKG_VERSION")));
                Ok(())
            }
            command => self.session.perform(command).await,
        };
        match done {
            Ok(()) => Ended::Well,
            Err(failure) => {
                remark(&failure.to_string());
                Ended::Badly
            }
        }
    }
}

/// All commands and how they are used.
fn help() -> String {
    let usages = USAGES.iter().map(|(name, takes)| format!("\t{name} {takes}"));
    let first = "ensemble shell -server host:port cmd args".to_owned();
    std::iter::once(first).chain(usages).collect::<Vec<_>>().join("\n")
}
