//! Claim 27: a single system image means that all clients see the same.
//!
//! A *session* never goes back: it says what it has seen, and a server that is behind that sends it
//! elsewhere. Two clients may see different states at the same time. And a program that begins a
//! new session starts afresh: what its old one had seen is forgotten.
//!
//! Book: chapter 2.

use machines::{Kind, NodeId, Trace};

use crate::lab::Lab;
use crate::never_back;
use crate::store::{Promise, Wish};

use super::QUIET;

/// What came of it.
#[derive(Clone, Debug)]
pub struct OneImage {
    /// What session 1 wrote, and saw confirmed.
    pub written: u64,
    /// What session 1 read after it had moved to a server that is behind.
    pub session: u64,
    /// How often that server sent it elsewhere.
    pub sent_elsewhere: usize,
    /// What another session read by that server, in the meantime.
    pub other: u64,
    /// What a new session of the first program read by that server.
    pub afresh: u64,
    /// Whether any session ever went back.
    pub went_back: bool,
}

/// Three servers. What server 1 sends does not reach server 3, which is behind. Session 1 writes by
/// server 1 and then moves to server 3; sessions 2 and 3 read there.
pub fn one_image(seed: u64) -> (Trace, OneImage) {
    let written = 7;
    let mut lab = Lab::recorded(3, seed);
    lab.add_client(1, &[1, 3]);
    lab.add_client(2, &[3]);
    lab.add_client(3, &[3]);
    lab.run(QUIET);
    lab.world.cut(NodeId::Server(1), NodeId::Server(3));
    lab.done(1, Wish::Write(written), Promise::Sequential).expect("1 and 2 are a quorum");
    lab.move_on(1);
    lab.ask(1, Wish::Read, Promise::Sequential);
    let other = lab.done(2, Wish::Read, Promise::Sequential).expect("3 is in touch");
    let afresh = lab.done(3, Wish::Read, Promise::Sequential).expect("3 is in touch");
    // A request that a server did not take is without an answer; the next one goes elsewhere.
    let session = loop {
        match lab.wait(1) {
            Some(content) => break content,
            None => lab.ask(1, Wish::Read, Promise::Sequential),
        }
    };
    let lines = lab.world.trace().lines();
    let left = lines.iter().filter(|line| {
        let (server, client) = (NodeId::Server(3), Some(NodeId::Client(1)));
        line.kind == Kind::Left && line.node == server && line.peer == client
    });
    let facts = OneImage {
        written,
        session: session.value,
        sent_elsewhere: left.count(),
        other: other.value,
        afresh: afresh.value,
        went_back: never_back(lab.replies()).is_err(),
    };
    (lab.trace(), facts)
}
