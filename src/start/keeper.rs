//! One server of the ensemble and the thread that keeps it: starts, asks, kills and pauses it.
//!
//! Recovery can take a while, and a busy server answers late; so each server has a keeper of its
//! own, and nobody who draws a table ever waits for one.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use machines::Now;
use server::{Server, Standing};
use tokio::sync::mpsc::UnboundedSender;

use super::command::Deed;
use super::facts::{Condition, Facts, Role, Seen};
use super::named;
use crate::boot;
use crate::config::Config;
use crate::host::Running;

/// How often a server is asked how it is.
const LOOK: Duration = Duration::from_millis(100);

/// A keeper, as others see it.
#[derive(Debug)]
pub(super) struct Keeper {
    facts: Arc<Mutex<Facts>>,
    /// As long as there is one, the keeper keeps.
    deeds: Sender<Deed>,
    thread: JoinHandle<()>,
}

/// What came of a deed.
pub(super) type Outcome = Result<(Deed, Facts), String>;

impl Keeper {
    /// Keeps a server that runs. What comes of deeds is told to `outcomes`.
    pub(super) fn new(
        config: Config,
        running: Running<Server>,
        facts: Facts,
        outcomes: UnboundedSender<Outcome>,
    ) -> Keeper {
        let (deeds, asked) = channel();
        let facts = Arc::new(Mutex::new(facts));
        let kept = Kept { config, running: Some(running), facts: Arc::clone(&facts), outcomes };
        Keeper { facts, deeds, thread: thread::spawn(move || kept.keep(&asked)) }
    }

    /// How the server was a moment ago.
    pub(super) fn facts(&self) -> Facts {
        lock(&self.facts).clone()
    }

    /// Asks for something to be done to the server, when what was asked before is done.
    pub(super) fn ask(&self, deed: Deed) {
        self.deeds.send(deed).ok();
    }

    /// Asks the server to stop. Gives a way to wait for its end.
    pub(super) fn stop(self) -> JoinHandle<()> {
        self.thread
    }
}

fn lock(facts: &Mutex<Facts>) -> MutexGuard<'_, Facts> {
    facts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a keeper has.
struct Kept {
    config: Config,
    /// Nothing, if it has ended.
    running: Option<Running<Server>>,
    facts: Arc<Mutex<Facts>>,
    outcomes: UnboundedSender<Outcome>,
}

impl Kept {
    fn keep(mut self, asked: &Receiver<Deed>) {
        loop {
            self.look();
            match asked.recv_timeout(LOOK) {
                Ok(deed) => {
                    let outcome = self.perform(deed).map(|()| (deed, lock(&self.facts).clone()));
                    self.outcomes.send(outcome).ok();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Some(running) = self.running.take() {
            running.stop();
            self.end(running);
        }
    }

    /// Notes how the server is.
    fn look(&mut self) {
        if let Some(running) = self.running.take_if(|running| running.has_ended()) {
            return self.end(running);
        }
        let Some(running) = &self.running else { return };
        if lock(&self.facts).condition == Condition::Paused {
            return;
        }
        if let Some(seen) = running.look(see) {
            lock(&self.facts).seen = seen;
        }
    }

    /// Waits for the end of a server, and notes why it came.
    fn end(&self, running: Running<Server>) {
        let outcome = running.join();
        let mut facts = lock(&self.facts);
        (facts.seen.role, facts.cut) = (Role::Looking, false);
        facts.condition = match outcome {
            Ok(()) => Condition::Killed,
            Err(error) => Condition::Ended(error.to_string()),
        };
    }

    /// Does something to the server.
    fn perform(&mut self, deed: Deed) -> Result<(), String> {
        match deed {
            Deed::Kill => self.kill(),
            Deed::Restart => self.restart(),
            Deed::Pause | Deed::Resume | Deed::CutOff | Deed::Rejoin => self.disturb(deed),
        }
    }

    fn kill(&mut self) -> Result<(), String> {
        let running = self.running.take().ok_or_else(|| self.gone())?;
        running.kill();
        self.end(running);
        Ok(())
    }

    /// Kills the server if it runs, and starts it again at the same ports.
    fn restart(&mut self) -> Result<(), String> {
        if self.running.is_some() {
            self.kill()?;
        }
        let server = {
            let mut facts = lock(&self.facts);
            facts.condition = Condition::Starting;
            facts.server
        };
        let started = named(server, || boot::start(&self.config));
        let (condition, outcome) = match started {
            Ok(running) => {
                self.running = Some(running);
                (Condition::Running, Ok(()))
            }
            Err(error) => {
                let why = error.to_string();
                (Condition::Ended(why.clone()), Err(format!("server {server}: {why}")))
            }
        };
        lock(&self.facts).condition = condition;
        outcome
    }

    /// Does something to a server that goes on to live.
    fn disturb(&mut self, deed: Deed) -> Result<(), String> {
        let running = self.running.as_ref().ok_or_else(|| self.gone())?;
        let Facts { server, condition, cut, .. } = lock(&self.facts).clone();
        let paused = condition == Condition::Paused;
        match (deed, paused, cut) {
            (Deed::Resume, true, _) => running.resume(),
            (_, true, _) => return Err(format!("server {server} is paused; resume it first")),
            (Deed::Pause, ..) => running.pause(),
            (Deed::CutOff, _, false) => running.cut_off(),
            (Deed::Rejoin, _, true) => running.rejoin(),
            _ => return Err(format!("server {server} is {} already", deed.done())),
        }
        let mut facts = lock(&self.facts);
        match deed {
            Deed::Pause => facts.condition = Condition::Paused,
            Deed::Resume => facts.condition = Condition::Running,
            _ => facts.cut = deed == Deed::CutOff,
        }
        Ok(())
    }

    fn gone(&self) -> String {
        format!("server {} does not run; restart it", lock(&self.facts).server)
    }
}

/// What a server says of itself.
fn see(server: &Server) -> Seen {
    let facts = server.facts(Now::default(), 0);
    let role = match facts.standing {
        _ if !facts.serving => Role::Looking,
        Standing::Looking => Role::Looking,
        Standing::Alone => Role::Standalone,
        Standing::Leading(_) => Role::Leader,
        Standing::Following => Role::Follower,
        Standing::Observing => Role::Observer,
    };
    Seen {
        role,
        epoch: server.part().and_then(|part| part.serving()).map(|(_, epoch)| epoch),
        zxid: facts.state.last,
        sessions: facts.state.sessions.len(),
        clients: facts.clients.len(),
    }
}
