//! A whole ensemble in one process: each server with threads, sockets and a folder of its own, and
//! no shorter way between them than the network.
//!
//! Read `layout.rs` for where they lie, `keeper.rs` for who keeps each of them, `command.rs` and
//! `table.rs` for what a person does and sees, and `screen.rs` for the terminal.

pub mod command;
pub mod facts;
mod input;
mod keeper;
mod layout;
pub mod screen;
pub mod table;
mod view;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::boot;
use crate::config::Warning;
use crate::host::HostError;
use crate::ports::Port;

use command::Deed;
use facts::{Condition, Facts, Seen};
use keeper::{Keeper, Outcome};
use zxid::ServerId;

pub use layout::{Plan, StartError};
pub use view::{Manner, attend};

/// Servers that run in this process.
#[derive(Debug)]
pub struct Ensemble {
    /// Keys that change nothing, and what an operator may want to think over.
    pub warnings: Vec<Warning>,
    keepers: Vec<Keeper>,
    outcomes: UnboundedReceiver<Outcome>,
    /// Kept from others while a server is down.
    _ports: Vec<Port>,
}

impl Ensemble {
    /// Starts all servers, at the same time, and returns when all have recovered. Whether they
    /// serve then is another question.
    ///
    /// # Errors
    /// Why one of them does not run. Then none does.
    pub fn start(plan: &Plan) -> Result<Ensemble, StartError> {
        let (prepared, ports) = plan.prepare()?;
        let warnings = prepared.first().map_or(Vec::new(), |one| one.config.warnings.clone());
        let (tell, outcomes) = unbounded_channel();
        let starting: Vec<_> = prepared
            .into_iter()
            .map(|server| {
                let config = server.config.clone();
                let id = server.server;
                let start = move || named(id, || boot::start_at(&config, server.sockets));
                (server.server, server.address, server.config, std::thread::spawn(start))
            })
            .collect();
        let mut keepers = Vec::new();
        let mut failed = None;
        for (server, address, config, thread) in starting {
            match thread.join().unwrap_or(Err(HostError::Panicked)) {
                Ok(running) => {
                    tracing::info!(id = %server, %address, data = %config.data_dir.display(), "listening");
                    let (condition, seen) = (Condition::Running, Seen::default());
                    let facts = Facts { server, address, condition, cut: false, seen };
                    keepers.push(Keeper::new(config, running, facts, tell.clone()));
                }
                Err(error) => failed = failed.or(Some(StartError::Host(error))),
            }
        }
        let ensemble = Ensemble { warnings, keepers, outcomes, _ports: ports };
        match failed {
            None => Ok(ensemble),
            Some(error) => {
                ensemble.stop();
                Err(error)
            }
        }
    }

    /// How all servers were a moment ago.
    pub fn facts(&self) -> Vec<Facts> {
        self.keepers.iter().map(Keeper::facts).collect()
    }

    /// Asks for something to be done to a server. What came of it, [`Ensemble::outcome`] tells.
    pub fn ask(&self, deed: Deed, server: ServerId) {
        let place = usize::try_from(server.0 - 1).expect("servers are numbered from 1");
        self.keepers[place].ask(deed);
    }

    /// Waits until something that was asked for is done, or has failed.
    pub async fn outcome(&mut self) -> Outcome {
        self.outcomes.recv().await.unwrap_or_else(|| Err("no server is left".to_string()))
    }

    /// Stops all servers, and waits until they have ended.
    pub fn stop(self) {
        let ends: Vec<_> = self.keepers.into_iter().map(Keeper::stop).collect();
        for end in ends {
            // A keeper that panicked has said so, and its server went with it.
            end.join().ok();
        }
    }
}

/// Does something, whose lines of the log say which server they are about.
fn named<T>(server: ServerId, does: impl FnOnce() -> T) -> T {
    tracing::error_span!("server", id = %server).in_scope(does)
}
