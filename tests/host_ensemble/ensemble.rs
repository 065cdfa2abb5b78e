//! An ensemble in this process, whose servers can be stopped, killed, emptied and started again.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ensemble::boot;
use ensemble::client::Client;
use ensemble::config::Config;
use ensemble::host::{Place, Places, Running, Sockets};
use ensemble::ports::Port;
use server::Server;
use tempfile::TempDir;

/// How long anything may take before a test has failed.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// How often something is looked at that may have changed.
const LOOK: Duration = Duration::from_millis(5);

/// What a server is, by its own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Leader,
    Follower,
    Observer,
    /// It does not serve.
    None,
}

/// One server, running or not.
struct Member {
    folder: PathBuf,
    config: Config,
    address: SocketAddr,
    running: Option<Running<Server>>,
}

/// All servers and their folders.
pub(crate) struct Ensemble {
    members: BTreeMap<i64, Member>,
    _folder: TempDir,
    _ports: Vec<Port>,
}

impl Ensemble {
    /// Starts so many voters and observers, with these lines in the configuration of each. Their
    /// numbers begin with 1, those of the voters first.
    pub(crate) fn start(voters: i64, observers: i64, lines: &str) -> Ensemble {
        let _folder = TempDir::new().expect("there is room for a folder");
        let mut ports = Vec::new();
        let mut place = || {
            let port = Port::keep().expect("a port is free");
            let place = Place::loopback(port.number());
            ports.push(port);
            place
        };
        let bind = |id| {
            let (clients, election, quorum) = (place(), vec![place()], vec![place()]);
            let places = Places { clients, election, quorum, backlog: None };
            (id, Sockets::bind(&places).expect("ports are free"))
        };
        let sockets: BTreeMap<i64, Sockets> = (1..=voters + observers).map(bind).collect();
        let line = |(id, sockets): (&i64, &Sockets)| {
            let (quorum, election) = (sockets.quorum()[0], sockets.election()[0]);
            let role = if *id <= voters { "participant" } else { "observer" };
            format!("server.{id}={quorum}:{}:{role}\n", election.port())
        };
        let servers: String = sockets.iter().map(line).collect();
        let start = |(id, sockets): (i64, Sockets)| {
            let folder = _folder.path().join(id.to_string());
            fs::create_dir(&folder).expect("the folder can be made");
            fs::write(folder.join("myid"), id.to_string()).expect("the file can be written");
            let text = format!(
                "{servers}{lines}dataDir={}\nclientPort={}\nclientPortAddress=127.0.0.1\n\
                 tickTime=200\ninitLimit=50\nsyncLimit=10\nmaxSessionTimeout=60000\n\
                 4lw.commands.whitelist=*\n",
                folder.display(),
                sockets.clients().port()
            );
            fs::write(folder.join("zoo.cfg"), text).expect("the file can be written");
            let config = Config::from_file(&folder.join("zoo.cfg"), &[]).expect("it is good");
            let running = boot::start_at(&config, sockets).expect("it starts");
            let address = running.address;
            (id, Member { folder, config, address, running: Some(running) })
        };
        Ensemble { members: sockets.into_iter().map(start).collect(), _folder, _ports: ports }
    }

    /// A server that runs.
    pub(crate) fn server(&self, id: i64) -> &Running<Server> {
        self.members[&id].running.as_ref().expect("it runs")
    }

    /// Where other servers connect to a server: its election port and its quorum port.
    pub(crate) fn doors(&self, id: i64) -> [SocketAddr; 2] {
        let ensemble = self.members[&id].config.ensemble.as_ref().expect("it is a member");
        let own = &ensemble.own().addresses[0];
        [own.election_port, own.quorum_port].map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// Waits until there is one leader, and gives its number.
    pub(crate) async fn leader(&self) -> i64 {
        let begun = Instant::now();
        loop {
            let leads = |id: &&i64| self.role(**id) == Role::Leader;
            if let Some(leader) = self.members.keys().find(leads) {
                return *leader;
            }
            assert!(begun.elapsed() < TIMEOUT, "nobody leads");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until a server has a role.
    pub(crate) async fn becomes(&self, id: i64, role: Role) {
        let begun = Instant::now();
        while self.role(id) != role {
            assert!(begun.elapsed() < TIMEOUT, "{id} is {:?} and not {role:?}", self.role(id));
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What a server says that it is.
    fn role(&self, id: i64) -> Role {
        let Some(running) = &self.members[&id].running else { return Role::None };
        assert!(!running.has_ended(), "{id} has ended by itself");
        let mut stream = TcpStream::connect(running.address).expect("it listens");
        stream.set_read_timeout(Some(TIMEOUT)).expect("the socket is open");
        let mut text = String::new();
        let asked = stream.write_all(b"srvr").and_then(|()| stream.read_to_string(&mut text));
        let said = |mode: &str| text.contains(&format!("Mode: {mode}\n"));
        match asked {
            Ok(_) if said("leader") => Role::Leader,
            Ok(_) if said("follower") => Role::Follower,
            Ok(_) if said("observer") => Role::Observer,
            _ => Role::None,
        }
    }

    /// A client of one server, with a session.
    pub(crate) async fn client(&self, id: i64) -> Client {
        self.client_of(&[id]).await
    }

    /// A client that takes whichever of these servers serves.
    pub(crate) async fn client_of(&self, ids: &[i64]) -> Client {
        let addresses: Vec<_> = ids.iter().map(|id| self.members[id].address.to_string()).collect();
        Client::connect(&addresses.join(","), TIMEOUT).await.expect("a server serves")
    }

    /// Stops a server.
    pub(crate) fn stop(&mut self, id: i64) {
        let running = self.take(id);
        running.stop();
        running.join().expect("it was told to stop");
    }

    /// Ends a server in the middle of what it does.
    pub(crate) fn kill(&mut self, id: i64) {
        let running = self.take(id);
        running.kill();
        running.join().expect("it was told to end");
    }

    /// Starts a server again.
    pub(crate) fn restart(&mut self, id: i64) {
        let member = self.members.get_mut(&id).expect("it is a member");
        assert!(member.running.is_none(), "{id} runs");
        let running = boot::start(&member.config);
        member.running = Some(running.unwrap_or_else(|error| panic!("{id}: {error}")));
    }

    /// Deletes everything that a server had on its disk.
    pub(crate) fn wipe(&mut self, id: i64) {
        let member = &self.members[&id];
        assert!(member.running.is_none(), "{id} runs");
        fs::remove_dir_all(member.folder.join("version-2")).expect("the folder is there");
    }

    fn take(&mut self, id: i64) -> Running<Server> {
        let member = self.members.get_mut(&id).expect("it is a member");
        member.running.take().expect("it runs")
    }
}

impl Drop for Ensemble {
    fn drop(&mut self) {
        for member in self.members.values_mut() {
            if let Some(running) = member.running.take() {
                running.kill();
                running.join().ok();
            }
        }
    }
}
