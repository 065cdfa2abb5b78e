//! What ZooKeeper's own leaders said, recorded: in the same place this leader says the same, to the
//! last byte.

use bytes::Bytes;
use storage::Entry;
use zab::wire::{Packets, append};
use zab::{Packet, Recovered};
use zxid::{ServerId, Zxid};

use crate::leader_desk::{Desk, entries, entry, recovered, settings};
use crate::quorum::conversation;

/// One connection of a recording, from its beginning to UPTODATE: who spoke, and what.
struct Recording {
    leader: i64,
    frames: Vec<(i64, Vec<u8>)>,
}

impl Recording {
    fn read(name: &str, connection: i64) -> Recording {
        let mut frames = Vec::new();
        for frame in conversation(name, "quorum") {
            if frame.connection == connection {
                frames.push((frame.from, frame.bytes));
                if frame.what.starts_with("UPTODATE") {
                    return Recording { leader: frame.from, frames };
                }
            }
        }
        panic!("the learner got UPTODATE")
    }

    fn packets(&self, leaders: bool) -> Vec<Packet> {
        let mut packets = Packets::new(1 << 20);
        let theirs = self.frames.iter().filter(|(from, _)| (*from == self.leader) == leaders);
        theirs.for_each(|(_, bytes)| packets.push(bytes));
        let next = || packets.next().expect("it can be read");
        std::iter::from_fn(next).collect()
    }

    /// The text that names the members, as this leader sent it.
    fn config(&self) -> Bytes {
        let config = self.packets(true).into_iter().find_map(|packet| match packet {
            Packet::NewLeader { config, .. } => config,
            _ => None,
        });
        config.expect("NEWLEADER names the members")
    }

    /// A leader like the recorded one, that has yet to begin.
    fn desk(&self, recovered: Recovered) -> Desk {
        let mut settings = settings(3, 1);
        (settings.me, settings.config) = (ServerId(self.leader), self.config());
        Desk::new(settings, recovered)
    }

    /// Lets the recorded learner speak over a link, and compares what it hears.
    fn replay(&self, link: u64, desk: &mut Desk) {
        desk.opened(link);
        for packet in self.packets(false) {
            desk.says(link, packet);
            desk.durable();
        }
        let mut said = Vec::new();
        desk.packets(link).iter().for_each(|packet| append(packet, &mut said));
        let theirs = self.frames.iter().filter(|(from, _)| *from == self.leader);
        let wanted: Vec<u8> = theirs.flat_map(|(_, bytes)| bytes.clone()).collect();
        assert_eq!(said, wanted);
    }
}

/// A leader of epoch 1 that began with nothing and whose history is this, all committed.
fn first_leader(recording: &Recording, history: Vec<Entry>) -> Desk {
    let mut desk = recording.desk(Recovered::default());
    desk.follows(100, 1, Zxid::ZERO, 0);
    for entry in history {
        let counter = entry.zxid.counter();
        desk.propose(entry);
        desk.acks(100, 1, counter);
        desk.durable();
    }
    desk
}

/// The transactions 1.1 to 1.last: the last of them as they were recorded, the others anything.
fn history(recording: &Recording, last: u32) -> Vec<Entry> {
    let known: Vec<Entry> = recording.packets(true).into_iter().filter_map(proposed).collect();
    let find = |it: Entry| known.iter().find(|known| known.zxid == it.zxid).cloned().unwrap_or(it);
    (1..=last).map(|counter| find(entry(1, counter))).collect()
}

fn proposed(packet: Packet) -> Option<Entry> {
    if let Packet::Proposal(entry) = packet { Some(entry) } else { None }
}

#[test]
fn at_first_boot() {
    let recording = Recording::read("first-boot", 7);
    recording.replay(1, &mut recording.desk(Recovered::default()));
}

#[test]
fn to_a_follower_that_missed_three_transactions() {
    let recording = Recording::read("handshake-diff", 5);
    recording.replay(2, &mut first_leader(&recording, history(&recording, 30)));
}

#[test]
fn to_an_observer_that_missed_one() {
    let recording = Recording::read("observer-diff", 6);
    recording.replay(4, &mut first_leader(&recording, history(&recording, 36)));
}

#[test]
fn after_a_leader_was_killed() {
    let began = |connection| Recording::read("leader-crash-reelection", connection);
    let follower = began(4);
    let mut desk = follower.desk(recovered(1, Zxid::ZERO, entries(1, 41)));
    follower.replay(1, &mut desk);
    began(5).replay(4, &mut desk);
    began(8).replay(3, &mut desk);
}

#[test]
fn to_a_former_leader_that_has_what_nobody_else_has() {
    let recording = Recording::read("handshake-trunc", 4);
    let mut desk = recording.desk(recovered(1, Zxid::ZERO, entries(1, 5)));
    desk.follows(100, 1, Zxid::new(1, 5), 1);
    recording.replay(3, &mut desk);
}
