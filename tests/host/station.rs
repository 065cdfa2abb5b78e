//! A machine that does with other servers what its client tells it, and keeps a diary.

use bytes::Bytes;
use election::{Frame, Initial, Link, Notification, ServerState, Vote};
use machines::{Effects, Event, Machine};
use server::{Message, Peer, Zk};
use storage::Entry;
use zab::Packet;
use zxid::{ServerId, Zxid};

/// Obeys commands of the form `verb peer number`, such as `open to 2`.
#[derive(Default)]
pub(crate) struct Station {
    /// What happened between servers, in order.
    pub(crate) diary: Vec<String>,
}

impl Station {
    /// Whether something happened so often.
    pub(crate) fn has(&self, times: usize, what: &str) -> bool {
        self.diary.iter().filter(|line| line.as_str() == what).count() == times
    }
}

/// A vote of a round.
fn vote(round: i64) -> Message {
    let vote = Vote { leader: ServerId(1), zxid: Zxid(0), epoch: 0 };
    let (state, version) = (ServerState::Looking, Notification::VERSION);
    let config = Bytes::from_static(b"version=0");
    Message::Election(Frame::Notification(Notification { state, vote, round, version, config }))
}

/// A proposal with a payload of this size.
fn proposal(counter: u32, size: usize) -> Message {
    let zxid = Zxid::new(1, counter);
    // As in the header of every transaction, its zxid stands behind a session and a number.
    let mut payload = vec![0; size.max(32)];
    payload[12..20].copy_from_slice(&zxid.0.to_be_bytes());
    Message::Quorum(Packet::Proposal(Entry { zxid, payload: payload.into() }))
}

/// Reads a peer: `to 2`, `from 1`, `leader 2` or `learner 1`.
fn peer(kind: &str, number: u64) -> Peer {
    let server = ServerId(number as i64);
    match kind {
        "to" => Peer::Election(Link::To(server)),
        "from" => Peer::Election(Link::From(number)),
        "leader" => Peer::Quorum(zab::Peer::Leader(server)),
        "learner" => Peer::Quorum(zab::Peer::Learner(number)),
        other => panic!("no peer is a {other}"),
    }
}

fn obey(text: &str, effects: &mut Effects<Zk>) {
    let words: Vec<&str> = text.split(' ').collect();
    let number = |at: usize| words[at].parse::<u64>().expect("tests send numbers");
    let peer = |at: usize| peer(words[at], number(at + 1));
    match words[0] {
        "open" => effects.open(peer(1)),
        "close" => effects.close(peer(1)),
        "pause" => effects.pause(peer(1)),
        "resume" => effects.resume(peer(1)),
        "flush" => effects.flush(peer(1)),
        "introduce" => {
            let (server, addresses) = (ServerId(1), vec!["127.0.0.1:1".to_string()]);
            let initial = Initial { server, addresses, several: false };
            effects.send(peer(1), Message::Election(Frame::Initial(initial)));
        }
        // `vote to 2 5` says all votes up to round 5.
        "vote" => {
            for round in 1..=number(3) {
                effects.send(peer(1), vote(round as i64));
            }
        }
        // `propose learner 1 10 1000` proposes ten transactions of 1000 bytes.
        "propose" => {
            for counter in 1..=number(3) {
                effects.send(peer(1), proposal(counter as u32, number(4) as usize));
            }
        }
        "commit" => effects.send(peer(1), Message::Quorum(Packet::Commit(Zxid::new(1, 1)))),
        "hello" => {}
        other => panic!("nobody knows how to {other}"),
    }
}

impl Machine for Station {
    type Protocol = Zk;

    fn step(&mut self, event: Event<Zk>, effects: &mut Effects<Zk>) {
        match event {
            Event::Received { from: from @ Peer::Client(_), message: Message::Frame(frame) } => {
                obey(str::from_utf8(&frame).expect("tests send text"), effects);
                effects.send(from, Message::Chunk(Bytes::from_static(b"\0\0\0\x04done")));
            }
            Event::Opened(Peer::Client(_)) | Event::Closed(Peer::Client(_)) => {}
            Event::Opened(peer) => self.diary.push(format!("{peer} opened")),
            Event::Closed(peer) => self.diary.push(format!("{peer} closed")),
            Event::Flushed(peer) => self.diary.push(format!("{peer} flushed")),
            Event::Received { from, message } => self.diary.push(format!("{from}: {message}")),
            Event::Started(_) | Event::Drained => {}
            other => panic!("nothing leads to {other:?}"),
        }
    }
}
