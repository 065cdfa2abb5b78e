//! Where the shell's lines come from: a person at a terminal, or a pipe.
//!
//! Reading blocks, so a thread of its own reads one line each time it is asked. At a terminal a
//! line can be edited, earlier ones come back with the arrow keys, and Tab completes commands and,
//! through the server, paths.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, ExternalPrinter, Helper};
use tokio::runtime::Handle;
use tokio::sync::mpsc as answers;

use super::command::USAGES;
use super::print::say;
use crate::client::Client;

/// How long Tab waits for the server.
const PATIENCE: Duration = Duration::from_secs(1);

/// The client that completes paths: that of the session, as long as it has one.
pub(super) type Current = Arc<Mutex<Option<Client>>>;

/// The reader of lines.
pub(super) struct Terminal {
    prompts: mpsc::Sender<String>,
    lines: answers::UnboundedReceiver<String>,
    printer: Option<Box<dyn ExternalPrinter + Send>>,
}

impl Terminal {
    /// A reader of standard input.
    pub(super) fn open(current: Current) -> Terminal {
        let (prompts, asked) = mpsc::channel();
        let (answer, lines) = answers::unbounded_channel();
        let mut printer = None;
        let editor = match std::io::stdin().is_terminal() {
            true => editor(current),
            false => None,
        };
        match editor {
            Some(mut editor) => {
                printer = editor.create_external_printer().ok().map(|printer| {
                    let printer: Box<dyn ExternalPrinter + Send> = Box::new(printer);
                    printer
                });
                std::thread::spawn(move || edit(editor, &asked, &answer));
            }
            None => {
                std::thread::spawn(move || read(&asked, &answer));
            }
        }
        Terminal { prompts, lines, printer }
    }

    /// Asks for a line. It comes from [`line`](Terminal::line).
    pub(super) fn ask(&mut self, prompt: String) {
        // If the thread is gone, so is the input, and `line` will say so.
        let _ = self.prompts.send(prompt);
    }

    /// The line that was asked for; `None` at the end of the input.
    pub(super) async fn line(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    /// Prints above the line that is being edited.
    pub(super) fn print(&mut self, text: String) {
        match &mut self.printer {
            Some(printer) => {
                let _ = printer.print(format!("{text}\n"));
            }
            None => say(&text),
        }
    }
}

/// Reads lines from a pipe, one for each prompt, which is not shown.
fn read(asked: &mpsc::Receiver<String>, answer: &answers::UnboundedSender<String>) {
    let mut lines = std::io::stdin().lock().lines();
    while asked.recv().is_ok() {
        let Some(Ok(line)) = lines.next() else { return };
        if answer.send(line).is_err() {
            return;
        }
    }
}

/// Lets a person edit lines, one for each prompt.
fn edit(
    mut editor: Editor<Completion, FileHistory>,
    asked: &mpsc::Receiver<String>,
    answer: &answers::UnboundedSender<String>,
) {
    while let Ok(prompt) = asked.recv() {
        let line = loop {
            match editor.readline(&prompt) {
                Ok(line) => break line,
                // Ctrl-C drops the line, as in other shells; Ctrl-D ends.
                Err(ReadlineError::Interrupted) => {}
                Err(_) => return,
            }
        };
        // Passwords are not for files.
        let keep = !line.trim().is_empty() && !line.trim_start().starts_with("addauth");
        if keep && editor.add_history_entry(&line).is_ok() {
            // A home that cannot be written is no reason to stop.
            let _ = history_file().map(|file| editor.save_history(&file));
        }
        if answer.send(line).is_err() {
            return;
        }
    }
}

/// An editor with the lines of earlier shells; none if the terminal cannot have one.
fn editor(current: Current) -> Option<Editor<Completion, FileHistory>> {
    let config = Config::builder().completion_type(CompletionType::List).build();
    let mut editor = Editor::with_config(config).ok()?;
    editor.set_helper(Some(Completion { current, runtime: Handle::current() }));
    if let Some(file) = history_file() {
        let _ = editor.load_history(&file); // There is none the first time.
    }
    Some(editor)
}

fn history_file() -> Option<PathBuf> {
    std::env::home_dir().map(|home| home.join(".ensemble_history"))
}

/// Completes commands, and paths through the server.
struct Completion {
    current: Current,
    runtime: Handle,
}

impl Completion {
    /// The paths that begin with `path`.
    fn paths(&self, path: &str) -> Vec<String> {
        let client = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (Some(client), Some(slash)) = (client, path.rfind('/')) else { return Vec::new() };
        let parent = if slash == 0 { "/" } else { &path[..slash] };
        let asked = async { tokio::time::timeout(PATIENCE, client.get_children(parent)).await };
        let Ok(Ok(mut names)) = self.runtime.block_on(asked) else { return Vec::new() };
        names.sort();
        let above = &path[..=slash];
        names.iter().map(|name| format!("{above}{name}")).filter(|p| p.starts_with(path)).collect()
    }
}

impl Completer for Completion {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let before = &line[..position];
        let start = before.rfind(char::is_whitespace).map_or(0, |blank| blank + 1);
        let word = &before[start..];
        let candidates = if before[..start].trim().is_empty() {
            let names = USAGES.iter().map(|(name, _)| *name);
            names.filter(|name| name.starts_with(word)).map(|name| format!("{name} ")).collect()
        } else {
            self.paths(word)
        };
        Ok((start, candidates))
    }
}

impl Helper for Completion {}
impl Highlighter for Completion {}
impl Validator for Completion {}
impl Hinter for Completion {
    type Hint = String;
}
