//! The quorum port is open to everybody: what comes there may be anything.

use allocation_counter::measure;
use machines::Dice;
use storage::BadItem;
use zab::Packet;
use zab::wire::{Packets, WireError, append};
use zxid::Zxid;

use crate::hostile::{hex, spoil};
use crate::wire::{LONGEST, read, streams, written};

/// What a reader makes of these bytes, which are no whole packet.
fn refused(bytes: &[u8]) -> Option<WireError> {
    let mut packets = Packets::new(LONGEST);
    packets.push(bytes);
    match packets.next() {
        Ok(packet) => {
            assert_eq!(packet, None);
            None
        }
        Err(error) => Some(error),
    }
}

#[test]
fn a_type_that_is_none_is_refused_at_once() {
    for kind in [0, -1, 20, i32::MAX, i32::MIN] {
        assert_eq!(refused(&kind.to_be_bytes()), Some(WireError::Type(kind)));
    }
    assert_eq!(refused(b"GET / HTTP/1.1"), Some(WireError::Type(0x4745_5420)));
    assert_eq!(refused(&1i32.to_be_bytes()), None);
}

#[test]
fn a_length_that_lies_is_refused_at_once_or_waited_for() {
    let most = LONGEST as i32;
    let data =
        |length: i32| [&hex("00000002 0000000100000001"), &length.to_be_bytes()[..]].concat();
    assert_eq!(refused(&data(-2)), Some(WireError::Length(-2)));
    assert_eq!(refused(&data(i32::MAX)), Some(WireError::TooLong(i32::MAX as usize)));
    assert_eq!(refused(&data(most + 1)), Some(WireError::TooLong(LONGEST + 1)));
    assert_eq!(refused(&data(most)), None);
    let request = hex("00000001 ffffffffffffffff 00000010 01 00000000000000 00000001 00000005");
    let clients = |count: i32| [&request, &count.to_be_bytes()[..]].concat();
    assert_eq!(refused(&clients(i32::MAX)), Some(WireError::TooLong(8 * i32::MAX as usize + 4)));
    assert_eq!(refused(&clients(most / 8)), None);
    let scheme = |length: i32| [&clients(1), &length.to_be_bytes()[..], &[0; 4]].concat();
    assert_eq!(refused(&scheme(-3)), Some(WireError::Length(-3)));
    assert_eq!(refused(&scheme(most + 1)), Some(WireError::TooLong(LONGEST + 1)));
    // Each within its bound, but not both together.
    let two = [&scheme(most - 8)[..], &vec![b'x'; LONGEST - 12], &hex("00000009")].concat();
    assert_eq!(refused(&two), Some(WireError::TooLong(LONGEST + 13)));
}

#[test]
fn a_packet_without_its_data_is_refused() {
    let bare = |kind: i32| {
        let start = [&kind.to_be_bytes()[..], &hex("0000000100000001")].concat();
        [&start[..], &hex("00000003 010203 ffffffff")].concat()
    };
    let entry = WireError::Entry { packet: Zxid::new(1, 1), entry: None };
    for kind in [1, 5, 6, 9, 11, 16, 17, 18, 19] {
        assert_eq!(refused(&bare(kind)), Some(WireError::Data(kind)), "type {kind}");
    }
    for kind in [2, 8] {
        assert_eq!(refused(&bare(kind)), Some(entry.clone()), "type {kind}");
    }
    // The others need none, and what comes with them is passed over.
    for kind in [3, 4, 7, 12, 13, 14, 15] {
        assert_eq!(read(&bare(kind)).len(), 1, "type {kind}");
    }
}

#[test]
fn a_packet_must_be_about_the_transaction_that_it_carries() {
    let payload = hex("0000000000000000 00000000 0000000100000002 0000000000000000 00000000");
    let start = hex("00000002 0000000100000001 00000020");
    let bytes = [&start[..], &payload, &hex("ffffffff")].concat();
    let (packet, entry) = (Zxid::new(1, 1), Some(Zxid::new(1, 2)));
    assert_eq!(refused(&bytes), Some(WireError::Entry { packet, entry }));
}

#[test]
fn a_snapshot_that_is_none_is_refused_and_so_is_one_that_does_not_end() {
    let after = |bytes: &[u8]| {
        let mut packets = Packets::new(LONGEST);
        packets.push(&written(&[Packet::Snap(Zxid::new(1, 1))]));
        assert!(matches!(packets.next(), Ok(Some(Packet::Snap(_)))));
        packets.push(bytes);
        loop {
            match packets.next() {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(error) => return Some(error),
            }
        }
    };
    let empty = hex("00000000 00000000 00000001 2f");
    assert_eq!(after(&hex("ffffffff")), Some(WireError::Snapshot(BadItem::Count(-1))));
    assert_eq!(after(&empty), None);
    assert_eq!(after(&[&empty[..], b"\0\0\0\x0aBenWas"].concat()), None);
    assert_eq!(after(&[&empty[..], b"\0\0\0\x0aBenIs"].concat()), Some(WireError::Signature));
    assert_eq!(after(&[&empty[..], b"\0\0\0\x0aBenWasHere"].concat()), None);
}

/// Streams that were captured, in parts of a few packets. A snapshot follows its packet.
fn parts() -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    for (_, frames) in streams() {
        let mut part = Vec::new();
        for frame in frames {
            part.extend(frame.bytes);
            let snapshot = part.starts_with(&15i32.to_be_bytes());
            if part.len() > if snapshot { 600 } else { 150 } {
                parts.push(std::mem::take(&mut part));
            }
        }
        parts.push(part);
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Reads spoiled streams. Says how many packets were read, and how many streams refused.
fn read_spoiled(seeds: u64) -> (u64, u64) {
    let parts = parts();
    let (mut read_well, mut refused) = (0, 0);
    for seed in 0..seeds {
        let mut dice = Dice::new(seed);
        let mut bytes = dice.pick(&parts).expect("there are some").clone();
        spoil(&mut bytes, &mut dice);
        let split = dice.below(bytes.len() + 1);
        let mut found = Vec::with_capacity(bytes.len());
        let mut failed = false;
        let memory = measure(|| {
            let mut packets = Packets::new(LONGEST);
            for piece in [&bytes[..split], &bytes[split..]] {
                packets.push(piece);
                while !failed {
                    match packets.next() {
                        Ok(Some(packet)) => found.push(packet),
                        Ok(None) => break,
                        Err(_) => failed = true,
                    }
                }
            }
        });
        let most = 16 * bytes.len() as u64 + 1024;
        assert!(memory.bytes_max <= most, "seed {seed}: {} bytes are too many", memory.bytes_max);
        refused += u64::from(failed);
        let mut again = Vec::new();
        for packet in found {
            read_well += 1;
            if !matches!(packet, Packet::SnapshotBytes(_) | Packet::SnapshotEnd) {
                again.clear();
                append(&packet, &mut again);
                assert_eq!(read(&again), [packet], "seed {seed}: what is read can be written");
            }
        }
    }
    (read_well, refused)
}

#[test]
fn spoiled_streams_are_refused_or_read_and_nothing_worse() {
    let (read, refused) = read_spoiled(100_000);
    assert!(read > 100_000 && refused > 10_000, "{read} packets read, {refused} streams refused");
}

#[test]
#[ignore = "takes a while"]
fn ten_million_spoiled_streams_are_refused_or_read_and_nothing_worse() {
    let (read, refused) = read_spoiled(10_000_000);
    assert!(read > 10_000_000 && refused > 1_000_000, "{read} read, {refused} refused");
}
