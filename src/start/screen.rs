//! The terminal: a few lines at its bottom that are drawn again and again, and the log above them.
//!
//! Always true:
//! - the log and the lines never mix: whoever writes to the terminal holds the lock;
//! - the terminal is as it was found, when the [`Terminal`] is gone.

use std::io::{self, IsTerminal, Write, stderr, stdin, stdout};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::getpgrp;
use rustix::termios::{
    LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
};

/// The lines that are on the terminal now.
static SHOWN: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn shown() -> MutexGuard<'static, Vec<String>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A terminal that gives keys as they are pressed, and shows lines at its bottom.
pub struct Terminal {
    /// How it was found.
    found: Termios,
}

impl Terminal {
    /// Takes the terminal over. Nothing, if there is none in front of a person: output or input go
    /// elsewhere, or the process is in the background.
    pub fn open() -> Option<Terminal> {
        if !stdin().is_terminal() || !stdout().is_terminal() || in_background() {
            return None;
        }
        let terminal = Terminal { found: tcgetattr(stdin()).ok()? };
        terminal.listen().ok()?;
        Some(terminal)
    }

    /// Asks for keys one by one, and not to have them shown.
    fn listen(&self) -> io::Result<()> {
        let mut modes = self.found.clone();
        modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        Ok(tcsetattr(stdin(), OptionalActions::Now, &modes)?)
    }

    /// Takes the terminal again, which a shell has had in the meantime, and draws all again.
    pub fn retake(&self) {
        self.listen().ok();
        write_all(&drawn(&shown()));
    }

    /// Shows lines in the place of those that it showed before.
    pub fn show(&self, lines: &[String]) {
        let mut shown = shown();
        let (width, height) = size();
        // A line that wraps, or scrolls, could not be drawn over.
        let lines: Vec<String> = lines
            .iter()
            .take(height.saturating_sub(1))
            .map(|line| line.chars().take(width.saturating_sub(1)).collect())
            .collect();
        if lines == *shown {
            return;
        }
        let mut text = above(&shown);
        text.push_str(&drawn(&lines));
        *shown = lines;
        write_all(&text);
    }
}

/// Whether the terminal belongs to somebody else now, and who reads from it is stopped.
pub fn in_background() -> bool {
    stdin().is_terminal() && tcgetpgrp(stdin()).is_ok_and(|group| group != getpgrp())
}

impl Drop for Terminal {
    /// Leaves the last lines on the screen.
    fn drop(&mut self) {
        shown().clear();
        tcsetattr(stdin(), OptionalActions::Now, &self.found).ok();
    }
}

/// What the log writes to: standard error, above the lines if they are on the same terminal.
#[derive(Debug, Default)]
pub struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let shown = shown();
        if shown.is_empty() || !stderr().is_terminal() {
            return stderr().write(bytes);
        }
        write_all(&above(&shown));
        stderr().write_all(bytes)?;
        write_all(&drawn(&shown));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        stderr().flush()
    }
}

/// Moves the cursor above the lines, and clears them.
fn above(shown: &[String]) -> String {
    match shown.len() {
        0 => String::new(),
        lines => format!("\x1b[{lines}A\r\x1b[J"),
    }
}

fn drawn(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn write_all(text: &str) {
    let mut out = stdout().lock();
    // A terminal that is gone needs nothing.
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

/// Columns and rows.
fn size() -> (usize, usize) {
    match tcgetwinsize(stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
            (usize::from(size.ws_col), usize::from(size.ws_row))
        }
        _ => (80, 24),
    }
}
