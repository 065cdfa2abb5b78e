//! The quorum port's bytes: those of Apache's servers are ours.

use std::collections::BTreeMap;

use bytes::Bytes;
use jute::records::{Id, StatPersisted};
use machines::Dice;
use storage::{Entry, Items};
use zab::wire::{Packets, append};
use zab::{Learner, Packet, Request};
use zxid::{ServerId, SessionId, Zxid};

use crate::quorum::{CONVERSATIONS, Recorded, conversation};

/// `jute.maxbuffer` and its extra size, as they are by default.
pub(crate) const LONGEST: usize = 2 * 0xf_ffff;

/// The packets that are whole in what arrived.
pub(crate) fn whole(packets: &mut Packets) -> Vec<Packet> {
    std::iter::from_fn(|| packets.next().expect("it can be read")).collect()
}

/// The packets of a whole stream.
pub(crate) fn read(bytes: &[u8]) -> Vec<Packet> {
    let mut packets = Packets::new(LONGEST);
    packets.push(bytes);
    whole(&mut packets)
}

pub(crate) fn written(packets: &[Packet]) -> Vec<u8> {
    let mut out = Vec::new();
    packets.iter().for_each(|packet| append(packet, &mut out));
    out
}

/// Everything that was captured in one direction of one connection, for all of them.
pub(crate) fn streams() -> Vec<(String, Vec<Recorded>)> {
    let mut streams: BTreeMap<(&str, i64, i64), Vec<Recorded>> = BTreeMap::new();
    for name in CONVERSATIONS {
        for frame in conversation(name, "quorum") {
            streams.entry((name, frame.connection, frame.from)).or_default().push(frame);
        }
    }
    let name = |(name, connection, from)| format!("{name}: connection {connection} from {from}");
    streams.into_iter().map(|(key, frames)| (name(key), frames)).collect()
}

#[test]
fn every_captured_packet_is_read_and_written_as_it_was() {
    let mut met = BTreeMap::new();
    for (name, frames) in streams() {
        let mut packets = Packets::new(LONGEST);
        for frame in frames {
            packets.push(&frame.bytes);
            let read = whole(&mut packets);
            assert_eq!(written(&read), frame.bytes, "{name}: {}", frame.what);
            if frame.what.starts_with("snapshot stream") {
                assert!(matches!(read[..], [Packet::SnapshotBytes(_), Packet::SnapshotEnd]));
            } else {
                let [packet] = &read[..] else { panic!("{name}: {} is {read:?}", frame.what) };
                let ours = packet.to_string().to_uppercase();
                let theirs = frame.what.split(' ').next().expect("it has a name");
                assert!(ours.starts_with(theirs), "{name}: {} is {packet}", frame.what);
            }
            for packet in read {
                let word = packet.to_string();
                *met.entry(word.split(' ').next().unwrap_or_default().to_string()).or_insert(0) +=
                    1;
            }
        }
    }
    assert_eq!(met.values().sum::<u32>(), 612, "{met:?}");
    assert_eq!(met.len(), 21, "all but InformAndActivate: {met:?}");
}

#[test]
fn packets_are_the_same_wherever_their_bytes_are_split() {
    for (name, frames) in streams() {
        let bytes: Vec<u8> = frames.into_iter().flat_map(|frame| frame.bytes).collect();
        let expected = joined(read(&bytes));
        for seed in 0..10 {
            let mut dice = Dice::new(seed);
            let mut packets = Packets::new(LONGEST);
            let mut rest = &bytes[..];
            let mut read = Vec::new();
            while !rest.is_empty() {
                // The first time, one byte after the other.
                let length = (1 + dice.below(seed as usize * 30)).min(rest.len());
                packets.push(&rest[..length]);
                rest = &rest[length..];
                read.extend(whole(&mut packets));
            }
            assert_eq!(written(&read), bytes, "{name}, seed {seed}");
            assert_pieces_are_whole(&read);
            assert_eq!(joined(read), expected, "{name}, seed {seed}");
        }
    }
}

/// The same with all pieces of a snapshot in one.
fn joined(packets: Vec<Packet>) -> Vec<Packet> {
    let mut joined: Vec<Packet> = Vec::new();
    for packet in packets {
        match (joined.last_mut(), packet) {
            (Some(Packet::SnapshotBytes(first)), Packet::SnapshotBytes(more)) => {
                *first = [&first[..], &more[..]].concat().into();
            }
            (_, packet) => joined.push(packet),
        }
    }
    joined
}

/// Every piece of a snapshot can be taken without waiting for the next.
fn assert_pieces_are_whole(packets: &[Packet]) {
    let mut items = Items::new(LONGEST);
    for packet in packets {
        match packet {
            Packet::SnapshotBytes(piece) => {
                let mut rest = &piece[..];
                while items.next(&mut rest).expect("it can be read").is_some() {}
                assert!(rest.is_empty(), "a piece ends within an item");
            }
            Packet::SnapshotEnd => {
                assert!(items.is_ended(), "the pieces are the whole body");
                items = Items::new(LONGEST);
            }
            _ => {}
        }
    }
}

#[test]
fn a_large_snapshot_comes_in_pieces_of_many_items() {
    let mut body = vec![0; 8];
    for n in 0..20_000 {
        jute::append(&mut body, &if n == 0 { String::new() } else { format!("/{n}") });
        jute::append(&mut body, &serde_bytes::Bytes::new(&[7; 100]));
        jute::append(&mut body, &(-1i64, StatPersisted::default()));
    }
    jute::append(&mut body, &"/");
    let sent = [
        Packet::Snap(Zxid::new(1, 5)),
        Packet::SnapshotBytes(Bytes::from(body.clone())),
        Packet::SnapshotEnd,
        Packet::UpToDate,
    ];
    let read = read(&written(&sent));
    assert_pieces_are_whole(&read);
    let pieces = read.iter().filter_map(|packet| match packet {
        Packet::SnapshotBytes(piece) => Some(piece.len()),
        _ => None,
    });
    let pieces: Vec<usize> = pieces.collect();
    let (last, full) = pieces.split_last().expect("there are some");
    assert!(full.len() > 10 && full.iter().all(|it| (262_144..262_500).contains(it)), "{pieces:?}");
    assert_eq!(last + full.iter().sum::<usize>(), body.len());
    assert_eq!(joined(read), sent);
}

fn entry(zxid: Zxid) -> Entry {
    let header = [&[0; 12][..], &zxid.0.to_be_bytes(), &[0; 12]].concat();
    Entry { zxid, payload: header.into() }
}

#[test]
fn what_was_never_captured_is_read_as_it_was_written() {
    let zxid = Zxid::new(7, 9);
    let learner =
        Learner { server: ServerId(-3), protocol: Learner::PROTOCOL, config: 0x7_0000_0001 };
    let request = |identities| {
        let session = SessionId(-5);
        Packet::Request(Request { session, cxid: -1, op: 14, body: Bytes::new(), identities })
    };
    let packets = [
        Packet::InformAndActivate { entry: entry(zxid), leader: ServerId(2) },
        Packet::NewLeader { epoch: u32::MAX, config: None },
        Packet::NewLeader { epoch: 1, config: Some(Bytes::new()) },
        Packet::AckEpoch { last: Zxid::ZERO, current: Some(0x8000_0000) },
        Packet::ObserverInfo { accepted: 0xffff_fffe, learner },
        Packet::Ping { zxid, touched: Some(vec![(SessionId(i64::MIN), -1), (SessionId(1), 2)]) },
        request(None),
        request(Some(Vec::new())),
        request(Some(vec![Id::new("ip", "::1"), Id::new("digest", "bob:b\u{f6}b")])),
    ];
    assert_eq!(read(&written(&packets)), packets);
}

#[test]
fn a_client_with_very_many_identities_may_come_one_byte_after_the_other() {
    let identities = Some(vec![Id::new("a", "b"); 100_000]);
    let body = Bytes::from_static(b"body");
    let request = Request { session: SessionId(1), cxid: 2, op: 1, body, identities };
    let bytes = written(&[Packet::Request(request.clone())]);
    let mut packets = Packets::new(LONGEST);
    let (last, all_but_one) = bytes.split_last().expect("there are some");
    for byte in all_but_one {
        packets.push(&[*byte]);
        assert_eq!(packets.next(), Ok(None));
    }
    packets.push(&[*last]);
    assert_eq!(packets.next(), Ok(Some(Packet::Request(request))));
}

#[test]
fn a_transaction_is_not_copied() {
    let entries = [1, 2, 3].map(|counter| Packet::Proposal(entry(Zxid::new(1, counter))));
    let mut at = Vec::new();
    for packet in read(&written(&entries)) {
        let Packet::Proposal(entry) = packet else { panic!("{packet} is no proposal") };
        at.push(entry.payload.as_ptr() as usize);
    }
    let apart: Vec<usize> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(apart, [52, 52], "as far apart as they were in the stream");
}
