//! The machines of the simulated world: the production server and the production client, each with
//! what a host does for it, and bytes between them and their clients.
//!
//! Always true: both ends cut their frames themselves, from pieces of any size.

mod client;
mod server;
mod wire;

use machines::{Effects, Event, Machine};

pub use self::client::ClientHost;
pub use self::server::ServerHost;
use crate::vocabulary::Sim;

/// A server or a client.
pub enum Anyone {
    /// A server.
    Server(Box<ServerHost>),
    /// A client, with the program that uses it.
    Client(Box<ClientHost>),
}

impl Machine for Anyone {
    type Protocol = Sim;

    fn step(&mut self, event: Event<Sim>, out: &mut Effects<Sim>) {
        match self {
            Anyone::Server(host) => host.step(event, out),
            Anyone::Client(host) => host.step(event, out),
        }
    }
}
