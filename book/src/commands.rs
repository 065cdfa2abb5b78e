//! All commands and sessions of all pages, carried out once each before the pages are woven, some
//! side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::page::{Kind, asks, pieces};
use crate::quiz::Quiz;
use crate::session::play;
use crate::transcript::{Output, Place, steps};

/// What the commands did.
#[derive(Debug, Default)]
pub struct Commands {
    outputs: BTreeMap<String, Result<Output, String>>,
    drawings: BTreeMap<String, Result<String, String>>,
    /// What is wrong with the session of a page, by its text.
    sessions: BTreeMap<String, (usize, String)>,
}

/// Something to be carried out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Job {
    Print(String),
    Draw(String),
    Play(String),
}

impl Commands {
    /// Carries out all commands of these pages.
    pub fn of<'a>(pages: impl Iterator<Item = &'a str>, place: &Place) -> Commands {
        let jobs: BTreeSet<Job> = pages.flat_map(jobs).collect();
        let jobs: Vec<Job> = jobs.into_iter().collect();
        let (next, done) = (AtomicUsize::new(0), Mutex::new(Commands::default()));
        let workers = thread::available_parallelism().map_or(2, usize::from);
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        carry_out(job, place, &done);
                    }
                });
            }
        });
        done.into_inner().expect("no worker panics")
    }

    /// What a command of a page printed.
    pub fn output(&self, command: &str) -> Result<&Output, &String> {
        self.outputs.get(command).expect("all commands were carried out").as_ref()
    }

    /// What is wrong with the session of a page, and in which line.
    pub fn session(&self, page: &str) -> Option<&(usize, String)> {
        self.sessions.get(page)
    }

    /// What a command of a page drew.
    pub fn drawing(&self, command: &str) -> Result<&String, &String> {
        self.drawings.get(command).expect("all commands were carried out").as_ref()
    }
}

fn carry_out(job: &Job, place: &Place, done: &Mutex<Commands>) {
    match job {
        Job::Print(command) => {
            let output = place.run(command);
            done.lock().expect("no worker panics").outputs.insert(command.clone(), output);
        }
        Job::Draw(command) => {
            let drawing = draw(command, place);
            done.lock().expect("no worker panics").drawings.insert(command.clone(), drawing);
        }
        Job::Play(page) => {
            if let Err(wrong) = play(page, place) {
                done.lock().expect("no worker panics").sessions.insert(page.clone(), wrong);
            }
        }
    }
}

/// Lets a command draw what it tells, as SVG.
fn draw(command: &str, place: &Place) -> Result<String, String> {
    let file = tempfile::NamedTempFile::new().map_err(|why| why.to_string())?;
    let path = file.path().display().to_string();
    let output = place.run(&format!("{command} --svg {path}"))?;
    let svg = fs::read_to_string(file.path()).map_err(|why| why.to_string())?;
    match svg.is_empty() {
        true => Err(format!("`{command}` draws nothing: {}", output.text.trim())),
        false => Ok(svg),
    }
}

/// The commands of a page. What cannot be read is told when the page is woven.
fn jobs(page: &str) -> Vec<Job> {
    let (mut jobs, mut plays) = (Vec::new(), false);
    for piece in pieces(page).unwrap_or_default() {
        let Kind::Fence { info, body } = piece.kind else { continue };
        match info.split(' ').next() {
            Some("console") => {
                for step in steps(body).unwrap_or_default() {
                    jobs.push(Job::Print(step.command.to_string()));
                    if asks(info, "diagram") {
                        jobs.push(Job::Draw(step.command.to_string()));
                    }
                }
            }
            Some("quiz") => {
                let quiz = Quiz::read(body);
                let evidence = quiz.map(|quiz| quiz.evidence).unwrap_or_default();
                let print = |(command, _): (&str, &str)| Job::Print(command.to_string());
                jobs.extend(evidence.into_iter().map(print));
            }
            Some("terminal") if !plays => {
                plays = true;
                jobs.push(Job::Play(page.to_string()));
            }
            _ => {}
        }
    }
    jobs
}
