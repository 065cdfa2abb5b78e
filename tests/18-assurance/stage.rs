//! A stage on which a history is played before the witness: three servers without a will of their
//! own, or one, and whoever the story names. What the story does not lie about is as it should be.
//!
//! Always true: the servers' trees are made by the production code, so that an honest answer is what
//! a server would say.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use assurance::invariants::Verdict;
use assurance::model::Model;
use assurance::{History, Witness};
use bytes::Bytes;
use election::{Members, ServerState};
use jute::records::{
    ConnectRequest, ConnectResponse, CreateSessionTxn, Txn, TxnDigest, TxnHeader, WatcherEvent,
};
use machines::Ticket;
use server::{Recovered, State};
use storage::{Entry, Write};
use sync::{Message, Peer};
use zab::{Learner, Packet, Told};
use zxid::{ServerId, SessionId, Zxid};

use super::speech;

/// Every session's timeout.
const TIMEOUT: i32 = 4_000;
/// What all servers show of the members.
const CONFIG: &[u8] = b"version=0";

/// Who plays.
pub(crate) struct Stage {
    pub(crate) witness: Witness,
    pub(crate) history: History,
    pub(crate) servers: BTreeMap<u64, Server>,
    pub(crate) people: BTreeMap<String, Person>,
    /// The state after the last transaction that was made.
    pub(crate) model: Model,
    pub(crate) now: Duration,
    connections: u64,
    tickets: u64,
}

/// A server.
pub(crate) struct Server {
    pub(crate) state: State,
    /// What is in its log and not yet applied.
    pub(crate) ahead: VecDeque<Entry>,
    /// All that is in its log.
    pub(crate) log: Vec<Entry>,
}

/// A client.
pub(crate) struct Person {
    pub(crate) session: SessionId,
    /// Its server and its connection there, the newest last.
    pub(crate) places: Vec<(u64, u64)>,
    xid: i32,
    pub(crate) seen: Zxid,
    pub(crate) waiting: VecDeque<Asked>,
}

/// A request without an answer.
pub(crate) struct Asked {
    pub(crate) xid: i32,
    pub(crate) text: String,
    /// What it became, as a payload.
    pub(crate) became: Option<Bytes>,
}

impl Stage {
    /// Three servers of which the first leads, or one that stands alone.
    pub(crate) fn new(alone: bool) -> Stage {
        let ids = if alone { 1..=1 } else { 1..=3 };
        let members = Members::majority(ids.clone().map(ServerId));
        let model = if alone { Model::default() } else { Model::of_member(CONFIG) };
        let witness = Witness::new(members, model.clone());
        let servers = ids.map(|id| (id as u64, Server::new(alone))).collect();
        let (people, history) = (BTreeMap::new(), History::new(!alone));
        let (now, connections, tickets) = (Duration::from_secs(1), 0, 0);
        Stage { witness, history, servers, people, model, now, connections, tickets }
    }

    pub(crate) fn is_alone(&self) -> bool {
        self.servers.len() == 1
    }

    /// All start, and the first leads epoch 1.
    pub(crate) fn begin(&mut self) -> Verdict {
        for server in self.numbers() {
            self.start(server, Zxid::ZERO, false)?;
        }
        if self.is_alone() { Ok(()) } else { self.reign() }
    }

    fn reign(&mut self) -> Verdict {
        for server in self.numbers() {
            self.note(server, Write::AcceptedEpoch(1))?;
            self.note(server, Write::CurrentEpoch(1))?;
        }
        for server in [2, 3] {
            let learner =
                Learner { server: ServerId(server), protocol: Learner::PROTOCOL, config: 0 };
            let link = Peer::Quorum(zab::Peer::Learner(server as u64));
            self.witness.meets(1, link);
            for packet in
                [Packet::FollowerInfo { accepted: 0, learner }, Packet::Ack(Zxid::new(1, 0))]
            {
                self.witness.hears(1, link, &Message::Quorum(packet))?;
            }
        }
        for server in self.numbers() {
            let role = if server == 1 { ServerState::Leading } else { ServerState::Following };
            let serving = Told::Serving { role, leader: ServerId(1), epoch: 1 };
            self.witness.joins(server, serving, &self.servers[&server].state)?;
        }
        Ok(())
    }

    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.servers.keys().copied().collect()
    }

    /// A server starts and finds what is in its log up to a transaction.
    pub(crate) fn start(&mut self, server: u64, last: Zxid, power_lost: bool) -> Verdict {
        let alone = self.is_alone();
        let old = std::mem::replace(self.server(server), Server::new(alone));
        let tail: Vec<Entry> = old.log.into_iter().filter(|entry| entry.zxid <= last).collect();
        let epoch = u32::from(self.model.zxid > Zxid::ZERO);
        let new = self.server(server);
        new.log = tail.clone();
        let member = if alone {
            new.ahead = tail.into();
            new.catch_up();
            None
        } else {
            new.ahead = tail.clone().into();
            let (accepted, current, applied) = (epoch, epoch, Zxid::ZERO);
            let health = zab::Health::Sound;
            Some(zab::Recovered { accepted, current, applied, tail, health })
        };
        let (state, snapshot) = (self.server(server).state.clone(), Zxid::ZERO);
        let found = Recovered { state, snapshot, member, replayed: 0, data_bytes: 0, log_bytes: 0 };
        self.witness.started(server, &found, power_lost)
    }

    pub(crate) fn server(&mut self, server: u64) -> &mut Server {
        self.servers.get_mut(&server).unwrap_or_else(|| panic!("there is no server {server}"))
    }

    pub(crate) fn person(&mut self, name: &str) -> &mut Person {
        self.people.get_mut(name).unwrap_or_else(|| panic!("{name} is not connected"))
    }

    /// A server writes something, and its disk forces it.
    pub(crate) fn note(&mut self, server: u64, write: Write) -> Verdict {
        self.write(server, write)?;
        self.force(server);
        Ok(())
    }

    pub(crate) fn write(&mut self, server: u64, write: Write) -> Verdict {
        self.witness.writes(server, &write, server == 1)?;
        self.witness.carries_out(server, &write);
        self.witness.lawful()?;
        if let Write::Append(entry) = write {
            self.server(server).ahead.push_back(entry.clone());
            self.server(server).log.push(entry);
        }
        Ok(())
    }

    pub(crate) fn force(&mut self, server: u64) {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.witness.asked_to_force(server, ticket);
        self.witness.has_forced(server);
        self.witness.is_forced(server, ticket);
    }

    /// The batch of every server is done.
    pub(crate) fn judge(&mut self) -> Verdict {
        self.now += Duration::from_millis(10);
        for server in self.numbers() {
            self.witness.judge(server, &self.servers[&server].state)?;
            self.witness.at(server, self.now);
        }
        Ok(())
    }

    /// Somebody opens a connection, and asks for a session on it: a new one, or its own.
    pub(crate) fn connect(&mut self, name: &str, server: u64) {
        self.connections += 1;
        let connection = self.connections;
        let from = format!("10.0.2.{connection}:4000").parse().expect("it is an address");
        self.witness.opened(server, connection, from);
        let next = SessionId(0x100_0000 + self.people.len() as i64 + 1);
        let known = self.people.contains_key(name);
        let person = self.people.entry(name.to_string()).or_insert_with(|| Person::new(next));
        person.places.push((server, connection));
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: person.seen.0 as i64,
            timeout: TIMEOUT,
            session_id: if known { person.session } else { SessionId::NONE },
            password: Some(&[0; 16]),
        };
        let mut frame = Vec::new();
        protocol::encode_connect(&mut frame, &request, None);
        self.witness.asked(server, connection, &Bytes::from(frame.split_off(4)));
    }

    /// The newest connection is answered: its session goes on, or is gone.
    pub(crate) fn welcome(&mut self, name: &str, open: bool) -> Verdict {
        let (session, (server, connection)) = (self.person(name).session, self.person(name).at());
        let mut frame = Vec::new();
        if open {
            let (protocol_version, timeout, session_id) = (0, TIMEOUT, session);
            let response =
                ConnectResponse { protocol_version, timeout, session_id, password: &[0; 16] };
            protocol::encode_connect_response(&mut frame, &response, None);
        } else {
            protocol::encode_refusal(&mut frame, None);
        }
        self.witness.said(server, connection, &frame.into())
    }

    /// Somebody begins a session, which every server knows at once.
    pub(crate) fn arrive(&mut self, name: &str, server: u64) -> Verdict {
        self.connect(name, server);
        let session = self.person(name).session;
        let txn = Txn::CreateSession(CreateSessionTxn { timeout: TIMEOUT });
        self.make(session, 0, &txn, None, &self.numbers())?;
        self.numbers().into_iter().for_each(|server| self.force(server));
        self.numbers().into_iter().try_for_each(|server| self.apply(server))?;
        self.welcome(name, true)?;
        self.judge()
    }

    /// Somebody asks for something, on its newest connection or on the one before.
    pub(crate) fn ask(&mut self, name: &str, text: &str, by_the_old: bool) {
        let person = self.person(name);
        person.xid += 1;
        let place = person.places.len() - 1 - usize::from(by_the_old);
        let ((server, connection), xid) = (person.places[place], person.xid);
        person.waiting.push_back(Asked { xid, text: text.to_string(), became: None });
        let mut frame = Vec::new();
        protocol::encode_request(&mut frame, xid, &speech::request(text));
        self.witness.asked(server, connection, &Bytes::from(frame.split_off(4)));
    }

    /// A transaction is made and logged by some servers. `zxid` is the next if nobody says another.
    pub(crate) fn make(
        &mut self,
        session: SessionId,
        cxid: i32,
        txn: &Txn<'_>,
        zxid: Option<Zxid>,
        servers: &[u64],
    ) -> Result<Bytes, assurance::invariants::Broken> {
        let last = self.model.zxid;
        let epoch = last.epoch().max(1);
        let zxid = zxid.unwrap_or(Zxid::new(epoch, last.counter() + 1));
        let time = self.now.as_millis() as i64;
        let header = TxnHeader { session, cxid, zxid, time, op: txn.op_code().code() };
        self.model.apply(&header, txn);
        let tree = self.model.digest as i64;
        let digest = TxnDigest { version: TxnDigest::VERSION, tree };
        let mut payload = Vec::new();
        let bare = matches!(txn, Txn::Error(_));
        txn.append_payload(&header, (!bare).then_some(digest), &mut payload);
        let payload = Bytes::from(payload);
        for server in servers {
            let entry = Entry { zxid, payload: payload.clone() };
            self.write(*server, Write::Append(entry))?;
            if !self.is_alone() {
                self.force(*server);
            }
            if *server != 1 {
                let link = Peer::Quorum(zab::Peer::Learner(*server));
                self.witness.hears(1, link, &Message::Quorum(Packet::Ack(zxid)))?;
            }
        }
        Ok(payload)
    }

    /// A server applies all that is in its log.
    pub(crate) fn apply(&mut self, server: u64) -> Verdict {
        self.server(server).catch_up();
        self.witness.applied(server, &self.servers[&server].state)
    }

    /// Somebody is answered the request that waits at `index`, with a lie in place of what is true.
    pub(crate) fn answer(
        &mut self,
        name: &str,
        index: usize,
        lie: &str,
        named: Option<Zxid>,
    ) -> Verdict {
        let asked = self.person(name).waiting.remove(index).expect("there is such a request");
        let (server, connection) = self.person(name).at();
        let state = &self.servers[&server].state;
        let payload = asked.became.unwrap_or_default();
        let became = Txn::decode_payload(&payload).ok();
        let shown = became.as_ref().map_or(state.last, |(header, ..)| header.zxid);
        let became = became.as_ref().map(|(_, txn, _)| txn);
        let zxid = named.unwrap_or(shown);
        let frame = speech::answer((asked.xid, zxid), &asked.text, became, state, lie);
        let person = self.person(name);
        person.seen = person.seen.max(zxid);
        self.witness.said(server, connection, &frame.into())
    }

    /// Somebody is told of a change: by the transaction that the server applied last, or late.
    pub(crate) fn tell(
        &mut self,
        name: &str,
        kind: i32,
        path: &str,
        named: Option<Zxid>,
    ) -> Verdict {
        let (server, connection) = self.person(name).at();
        let zxid = named.unwrap_or(self.servers[&server].state.last);
        let mut frame = Vec::new();
        let event = WatcherEvent { kind, state: 3, path: path.into() };
        protocol::encode_event(&mut frame, zxid, &event);
        self.witness.said(server, connection, &frame.into())
    }
}

impl Server {
    fn new(alone: bool) -> Server {
        let mut state = State::new(7, true);
        if !alone {
            state.show_config(CONFIG, 0);
        }
        Server { state, ahead: VecDeque::new(), log: Vec::new() }
    }

    fn catch_up(&mut self) {
        for entry in self.ahead.drain(..) {
            self.state.apply(&entry, &mut Vec::new()).expect("it can be read");
        }
    }
}

impl Person {
    fn new(session: SessionId) -> Person {
        Person { session, places: Vec::new(), xid: 0, seen: Zxid::ZERO, waiting: VecDeque::new() }
    }

    /// Its server, and its newest connection.
    pub(crate) fn at(&self) -> (u64, u64) {
        *self.places.last().expect("it is connected")
    }
}
