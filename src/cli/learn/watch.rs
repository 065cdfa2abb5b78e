//! The command `watch`: checks an exercise whenever its file is saved, and takes keys.
//!
//! Always true: the terminal is as it was found when it ends, and keys are answered while nothing is
//! being checked.

use std::fs;
use std::io::{Read, Write, stdin, stdout};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, SystemTime};

use super::desk::{Desk, Done, heart};
use super::{WhichArgs, end};
use crate::exercises::Exercise;
use crate::start::screen::Terminal;

/// How often it looks whether the file was saved.
const REST: Duration = Duration::from_millis(100);

/// What the keys do.
const KEYS: &str = "c check  h hint  n next  l list  a all  q quit";

impl WhichArgs {
    /// Checks again and again until the key q.
    pub(in crate::cli) fn watch(&self) -> ExitCode {
        end(watch(self.which.as_deref()))
    }
}

fn watch(which: Option<&str>) -> Done<ExitCode> {
    let mut desk = Desk::open()?;
    let mut exercise = desk.one(which)?;
    let no_terminal = "`watch` needs a terminal; `ensemble check` does without one";
    let _terminal = Terminal::open().ok_or(no_terminal)?;
    let keys = listen();
    let mut checked = None;
    loop {
        let saved = saved(&desk, &exercise)?;
        if checked != Some(saved) {
            show(&format!("checking {} ...\n", exercise.number.text()));
            show(&desk.check(&exercise)?.0);
            checked = Some(saved);
        }
        match keys.recv_timeout(REST) {
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) | Ok(b'q' | 3 | 4) => break,
            Ok(b'c') => checked = None,
            Ok(b'h') => show(&desk.hint(&exercise)?),
            Ok(b'l') => show(&desk.list()),
            Ok(b'a') => show(&all(&mut desk)?),
            Ok(b'n') => match desk.one(None) {
                Ok(next) => (exercise, checked) = (next, None),
                Err(all_done) => show(&format!("{all_done}\n")),
            },
            Ok(_) => {}
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks all that can be checked, and says of each in a line how it stands.
fn all(desk: &mut Desk) -> Done<String> {
    let exercises: Vec<Exercise> = desk.catalogue.checkable().cloned().collect();
    let mut text = String::new();
    for exercise in exercises {
        show(&format!("{text}checking {} ...\n", exercise.number.text()));
        let (verdict, _) = desk.check(&exercise)?;
        let head = format!("[{} ", exercise.number.text());
        let line = verdict.lines().find(|line| line.starts_with(&head)).unwrap_or_default();
        text += &format!("{line}\n");
    }
    Ok(text)
}

/// When the learner's file was saved last.
fn saved(desk: &Desk, exercise: &Exercise) -> Done<SystemTime> {
    let file = desk.shelf.mine(heart(exercise)?);
    let saved = fs::metadata(&file).and_then(|it| it.modified());
    saved.map_err(|why| format!("{}: {why}", file.display()))
}

/// The keys, as they are pressed.
fn listen() -> Receiver<u8> {
    let (tell, keys) = channel();
    thread::spawn(move || {
        let mut key = [0];
        while stdin().lock().read(&mut key).is_ok_and(|read| read == 1) && tell.send(key[0]).is_ok()
        {
        }
    });
    keys
}

/// Shows a text on a screen that is empty otherwise, and what the keys do below it.
fn show(text: &str) {
    let mut out = stdout().lock();
    // A terminal that is gone needs nothing.
    let _ = write!(out, "\x1b[H\x1b[2J{text}\n{KEYS}\n").and_then(|()| out.flush());
}
