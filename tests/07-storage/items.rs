//! A snapshot's body in pieces: as a leader sends it, and as nobody should.

use jute::records::Acl;
use machines::Dice;
use storage::{BadItem, Item, Items, SnapshotReader};
use zxid::SessionId;

use crate::fixtures::folder;

/// A bound that nothing real reaches.
const LONGEST: usize = 1 << 20;

/// The bodies of snapshots that ZooKeeper wrote. Header and seals are cut off.
fn bodies() -> Vec<Vec<u8>> {
    let of = |(fixture, name): &(&str, &str)| {
        let bytes = std::fs::read(folder(fixture).join(name)).unwrap();
        let mut items = Items::new(LONGEST);
        let mut rest = &bytes[16..];
        while items.next(&mut rest).unwrap() != Some(Item::End) {}
        bytes[16..bytes.len() - rest.len()].to_vec()
    };
    let snapshots = [("fuzzy-snapshot", "snapshot.b2c"), ("snapshot-plus-log", "snapshot.54")];
    snapshots.iter().map(of).collect()
}

#[test]
fn a_body_in_pieces_has_the_items_that_the_file_has() {
    for body in bodies() {
        let mut file = SnapshotReader::new("body", &body[..]);
        let mut rest = &body[..];
        let mut items = Items::new(LONGEST);
        let mut next = || items.next(&mut rest).unwrap().unwrap();
        for _ in 0..file.count().unwrap() {
            let (session, timeout) = file.session().unwrap();
            assert_eq!(next(), Item::Session(session, timeout));
        }
        for _ in 0..file.count().unwrap() {
            let (number, list) = file.acl().unwrap();
            assert_eq!(next(), Item::Acl(number, list));
        }
        while let Some(node) = file.node().unwrap() {
            assert_eq!(next(), Item::Node(node));
        }
        assert_eq!(next(), Item::End);
        assert!(rest.is_empty() && items.is_ended());
    }
}

#[test]
fn items_are_the_same_wherever_a_body_is_split() {
    for body in bodies() {
        let mut rest = &body[..];
        let mut items = Items::new(LONGEST);
        let whole: Vec<Item<'_>> = std::iter::from_fn(|| items.next(&mut rest).unwrap()).collect();
        for seed in 0..20 {
            let mut dice = Dice::new(seed);
            let mut items = Items::new(LONGEST);
            let (mut taken, mut there) = (0, 0);
            let mut found = 0;
            while there < body.len() {
                // The first time, one byte after the other.
                there = (there + 1 + dice.below(seed as usize * 40)).min(body.len());
                let mut rest = &body[taken..there];
                while let Some(item) = items.next(&mut rest).unwrap() {
                    assert_eq!(item, whole[found], "seed {seed}");
                    found += 1;
                }
                taken = there - rest.len();
            }
            assert_eq!((found, taken), (whole.len(), body.len()), "seed {seed}");
        }
    }
}

/// Counts of sessions and lists, both 0: nodes come next.
const NODES: [u8; 8] = [0; 8];

fn first(body: &[u8]) -> Result<Option<Item<'_>>, BadItem> {
    Items::new(LONGEST).next(&mut &body[..])
}

#[test]
fn a_length_that_lies_is_an_error_or_waits_for_what_it_promised() {
    let after = |start: &[u8], number: i32| [start, &number.to_be_bytes()].concat();
    let most = LONGEST as i32;
    assert_eq!(first(&after(&[], -1)), Err(BadItem::Count(-1)));
    assert_eq!(first(&after(&[0; 4], -2)), Err(BadItem::Count(-2)));
    assert_eq!(first(&after(&[], i32::MAX)), Ok(None));
    assert_eq!(first(&after(&NODES, -1)), Err(BadItem::NoPath));
    assert_eq!(first(&after(&NODES, -2)), Err(BadItem::Length(-2)));
    assert_eq!(first(&after(&NODES, most)), Ok(None));
    assert_eq!(first(&after(&NODES, most + 1)), Err(BadItem::TooLong(LONGEST + 1)));
    // The root's data.
    let root = after(&NODES, 0);
    assert_eq!(first(&after(&root, -2)), Err(BadItem::Length(-2)));
    assert_eq!(first(&after(&root, most + 1)), Err(BadItem::TooLong(LONGEST + 1)));
    // A path that is no text.
    let bad = [&root[..8], &[0, 0, 0, 1, 0xff, 0, 0, 0, 0], &[0; 68]].concat();
    assert_eq!(first(&bad), Err(BadItem::Path));
    // The number of entries of list 0.
    let list = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(first(&after(&list, most / 12)), Ok(None));
    assert_eq!(first(&after(&list, i32::MAX)), Err(BadItem::TooLong(12 * i32::MAX as usize + 12)));
    assert_eq!(first(&after(&list, -1)), Err(BadItem::Acl(jute::Error::Null)));
}

#[test]
fn a_list_may_be_as_long_as_the_bound_and_no_longer() {
    let list = vec![Acl::open().remove(0); 5];
    let mut body = vec![0, 0, 0, 0, 0, 0, 0, 1];
    jute::append(&mut body, &(7i64, &list));
    let length = body.len() - 8 - 12;
    let first = |longest| Items::new(longest).next(&mut &body[..]);
    assert_eq!(first(length), Ok(Some(Item::Acl(7, list))));
    assert!(matches!(first(length - 1), Err(BadItem::TooLong(_))));
}

#[test]
fn a_very_long_list_may_come_one_byte_after_the_other() {
    let list = vec![Acl::open().remove(0); 40_000];
    let mut body = vec![0, 0, 0, 0, 0, 0, 0, 1];
    jute::append(&mut body, &(7i64, &list));
    let mut items = Items::new(LONGEST);
    let mut taken = 0;
    for there in 1..body.len() {
        let mut rest = &body[taken..there];
        assert_eq!(items.next(&mut rest), Ok(None));
        taken = there - rest.len();
    }
    assert_eq!(items.next(&mut &body[taken..]), Ok(Some(Item::Acl(7, list))));
}

#[test]
fn null_and_empty_data_are_kept_apart() {
    let data = |length: i32| [&NODES[..], &[0; 4], &length.to_be_bytes(), &[0; 68]].concat();
    for (length, expected) in [(-1, None), (0, Some(&[][..]))] {
        let body = data(length);
        let Ok(Some(Item::Node(node))) = first(&body) else { panic!("it is a node") };
        assert_eq!((node.path, node.data), ("", expected));
    }
}

#[test]
fn nothing_comes_after_the_end() {
    let session = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0x27, 0x10];
    let body = [&session[..], &[0, 0, 0, 0, 0, 0, 0, 1, b'/'], b"more"].concat();
    let mut items = Items::new(LONGEST);
    let mut rest = &body[..];
    assert_eq!(items.next(&mut rest), Ok(Some(Item::Session(SessionId(9), 10_000))));
    assert!(!items.is_ended());
    assert_eq!(items.next(&mut rest), Ok(Some(Item::End)));
    assert_eq!(items.next(&mut rest), Ok(None));
    assert!(items.is_ended());
    assert_eq!(rest, b"more");
}
