//! The clients of an ensemble on a stage, and what a test looks at.

use std::collections::BTreeMap;

use bytes::Bytes;
use jute::records::ConnectRequest;
use machines::Event;
use protocol::{Request, Word, encode_connect, encode_request};
use server::{Message, State};
use zxid::SessionId;

use super::Ensemble;
use crate::stage::{Heard, hear, new_session, peer};

impl Ensemble {
    /// Asserts that all servers that are up have the same, but for what each says of the ensemble.
    pub(crate) fn assert_alike(&self) {
        let up = self.places.iter().filter(|(_, place)| place.up.is_some());
        let states: Vec<(i64, &State)> = up.map(|(id, _)| (*id, self.state(*id))).collect();
        let (first, state) = states[0];
        for (id, other) in &states[1..] {
            assert_eq!(state.last, other.last, "servers {first} and {id}");
            assert_eq!(state.sessions, other.sessions, "servers {first} and {id}");
            assert_eq!(state.tree.digest(), other.tree.digest(), "servers {first} and {id}");
            assert_eq!(state.tree.len(), other.tree.len(), "servers {first} and {id}");
        }
    }

    /// Asserts that all servers that are up have the same nodes, with the same data and stats.
    pub(crate) fn assert_same_nodes(&self) {
        let up: Vec<i64> = self.places.keys().copied().filter(|id| self.is_up(*id)).collect();
        let all = |id: i64| {
            let mut nodes = BTreeMap::new();
            self.state(id).tree.visit_all(|path, node| {
                if path != "/zookeeper/config" {
                    let (data, acl) = (node.data().map(<[u8]>::to_vec), node.acl().to_vec());
                    nodes.insert(path.to_owned(), (node.persisted(), data, acl));
                }
                true
            });
            nodes
        };
        let first = all(up[0]);
        for id in &up[1..] {
            let other = all(*id);
            for (path, node) in &first {
                let theirs = other.get(path);
                assert!(theirs == Some(node), "{path} on {} and {id}: {node:?}, {theirs:?}", up[0]);
            }
            assert_eq!(first.len(), other.len(), "servers {} and {id}", up[0]);
        }
    }

    /// A connection to a server.
    pub(crate) fn open(&mut self, id: i64, number: u64) {
        self.at.insert(number, id);
        self.event(id, Event::Opened(peer(number)));
    }

    /// The connection is lost.
    pub(crate) fn lose(&mut self, number: u64) {
        let id = self.at[&number];
        self.closed.insert(number);
        self.event(id, Event::Closed(peer(number)));
    }

    fn frame(&mut self, number: u64, frame: &[u8]) {
        let message = Message::Frame(Bytes::copy_from_slice(frame));
        let id = self.at[&number];
        self.event(id, Event::Received { from: peer(number), message });
    }

    /// The answer to a four-letter word.
    pub(crate) fn word(&mut self, id: i64, word: Word) -> String {
        let number = 1_000_000 + self.accepted;
        self.accepted += 1;
        self.open(id, number);
        let message = Message::Word(word);
        self.event(id, Event::Received { from: peer(number), message });
        self.settle();
        String::from_utf8(self.sent.remove(&number).unwrap_or_default()).expect("text")
    }

    /// The first frame.
    pub(crate) fn connect(&mut self, number: u64, request: &ConnectRequest<'_>) {
        let mut out = Vec::new();
        encode_connect(&mut out, request, Some(false));
        self.frame(number, &out[4..]);
    }

    /// A request; nothing else happens yet.
    pub(crate) fn ask(&mut self, number: u64, xid: i32, request: &Request<'_>) {
        let mut out = Vec::new();
        encode_request(&mut out, xid, request);
        self.frame(number, &out[4..]);
    }

    /// A frame of any kind.
    pub(crate) fn ask_raw(&mut self, number: u64, xid: i32, op: i32, body: &[u8]) {
        let frame = [&xid.to_be_bytes(), &op.to_be_bytes(), body].concat();
        self.frame(number, &frame);
    }

    /// A new session at a server.
    pub(crate) fn join(&mut self, id: i64, number: u64) -> (SessionId, Vec<u8>) {
        self.open(id, number);
        self.connect(number, &new_session(10_000));
        self.settle();
        match self.heard(number).as_slice() {
            [Heard::Connected { session, password, .. }] => (*session, password.clone()),
            other => panic!("not connected: {other:?}"),
        }
    }

    /// Goes on with a session at a server. Says what is heard.
    pub(crate) fn rejoin(
        &mut self,
        id: i64,
        number: u64,
        (session, password): &(SessionId, Vec<u8>),
    ) -> Vec<Heard> {
        self.open(id, number);
        let request = ConnectRequest {
            session_id: *session,
            password: Some(password),
            ..new_session(10_000)
        };
        self.connect(number, &request);
        self.settle();
        self.heard(number)
    }

    /// Asks, and gives what is heard when everything is done.
    pub(crate) fn call(&mut self, number: u64, xid: i32, request: &Request<'_>) -> Vec<Heard> {
        self.ask(number, xid, request);
        self.settle();
        self.heard(number)
    }

    /// The error of the only answer.
    pub(crate) fn error(&mut self, number: u64, xid: i32, request: &Request<'_>) -> i32 {
        match self.call(number, xid, request)[..] {
            [Heard::Reply { err, .. }] => err,
            ref other => panic!("one answer, not {other:?}"),
        }
    }

    /// What a client has heard since the last time.
    pub(crate) fn heard(&mut self, number: u64) -> Vec<Heard> {
        let bytes = self.sent.remove(&number).unwrap_or_default();
        hear(&bytes, &mut self.greeted, number)
    }

    /// The numbers of the replies, and -1 for each event, in order.
    pub(crate) fn order(&mut self, number: u64) -> Vec<i32> {
        let number_of = |heard: Heard| match heard {
            Heard::Connected { .. } => 0,
            Heard::Reply { xid, .. } => xid,
            Heard::Event { .. } => -1,
        };
        self.heard(number).into_iter().map(number_of).collect()
    }
}
