//! A member of an ensemble whose disk was damaged: what it keeps, what it forgets, and what it says.

use machines::{Dice, Files, Operation, SimFiles};
use storage::{Damage, Note, Recovered, Replay, Store, Write, recover_member, settled};
use zxid::Zxid;

use crate::toy::{Toy, append, bytes_of, entry, nth, open_with, refusal, small, tail};

fn open_member(files: &SimFiles) -> (Recovered<Toy>, Store<SimFiles>) {
    let opened = recover_member(files.clone(), small(), &mut Toy::default);
    opened.unwrap_or_else(|damage| panic!("{damage}"))
}

/// Twenty transactions, one forced after another, in the epoch that was promised.
fn history() -> SimFiles {
    let files = SimFiles::new();
    let (_, mut store) = open_member(&files);
    store.write(Write::AcceptedEpoch(3)).unwrap();
    store.write(Write::CurrentEpoch(1)).unwrap();
    (1..=20).for_each(|n| append(&mut store, [n]));
    files
}

fn kept(files: &SimFiles) -> Vec<String> {
    let names = files.names().unwrap();
    names.into_iter().filter(|name| name.starts_with("damaged-")).collect()
}

#[test]
fn a_member_sets_damaged_files_aside_and_keeps_its_promise() {
    let files = history();
    files.flip("log.100000001", 8 * 200);
    let damaged = bytes_of(&files, "log.100000001");
    let (found, _) = open_member(&files);
    assert!(found.convalescent);
    assert_eq!(
        (found.last, found.accepted_epoch, found.current_epoch),
        (Zxid::ZERO, Some(3), None)
    );
    let aside = ["damaged-1.currentEpoch", "damaged-1.log.100000001", "damaged-1.snapshot.0"];
    assert_eq!(kept(&files), aside);
    assert_eq!(bytes_of(&files, "damaged-1.log.100000001"), damaged);
    let said: Vec<String> = found.notes.iter().map(Note::to_string).collect();
    assert!(said.iter().any(|note| note.contains("log.100000001 is damaged at byte")), "{said:?}");
    assert!(said.iter().any(|note| note.contains("a quorum of the other servers")), "{said:?}");
}

#[test]
fn a_member_that_lost_its_promise_knows_that_it_did() {
    let files = history();
    // A three becomes a one.
    files.flip("acceptedEpoch", 1);
    let (found, _) = open_member(&files);
    assert_eq!((found.convalescent, found.accepted_epoch), (true, None));
    assert!(kept(&files).contains(&"damaged-1.acceptedEpoch".to_string()));
    // Until it promises anew, it knows it after every start.
    let (found, mut store) = open_member(&files);
    assert_eq!((found.convalescent, found.accepted_epoch), (true, None));
    store.write(Write::AcceptedEpoch(5)).unwrap();
    store.sync().unwrap();
    let (found, _) = open_member(&files);
    assert_eq!((found.convalescent, found.accepted_epoch), (true, Some(5)));
}

#[test]
fn a_member_convalesces_until_it_has_on_disk_what_it_waits_for() {
    let files = history();
    files.flip("log.100000001", 8 * 200);
    let (_, mut store) = open_member(&files);
    append(&mut store, 1..=5);
    drop(store);
    assert!(open_member(&files).0.convalescent, "nobody said that this is enough");
    let (_, mut store) = open_member(&files);
    store.write(Write::Append(nth(6))).unwrap();
    store.write(Write::Convalesced).unwrap();
    // Not even the mark's end was forced by anybody but itself.
    files.power_loss(&mut Dice::new(1));
    let (found, _) = open_member(&files);
    assert!(!found.convalescent);
    assert_eq!(found.tail.last(), Some(&nth(6)));
    assert_eq!(kept(&files).len(), 3, "what was damaged is still there");
}

#[test]
fn power_losses_while_files_are_set_aside_make_no_history_of_the_rest() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let files = history();
        files.flip("log.100000001", 8 * dice.between(16, 900));
        files.lose_power_after(dice.between(0, 25));
        drop(recover_member(files.clone(), small(), &mut Toy::default));
        files.power_loss(&mut dice);
        let (found, _) = open_member(&files);
        // A bit of the last batch, or of the rest.
        let whole = !found.convalescent && found.last >= Zxid::new(1, 19);
        let nothing = found.convalescent && found.last == Zxid::ZERO;
        assert!(whole || nothing, "seed {seed}: {found:?}");
        assert_eq!(found.accepted_epoch, Some(3), "seed {seed}");
    }
}

#[test]
fn power_losses_do_not_bring_back_a_promise_that_cannot_be_right() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let mut files = history();
        // As ZooKeeper writes it, so there is no check; and it has noted a later epoch already.
        files.set_len("acceptedEpoch", 0).unwrap();
        files.write("acceptedEpoch", 0, b"0").unwrap();
        files.sync("acceptedEpoch").unwrap();
        files.lose_power_after(dice.between(0, 25));
        drop(recover_member(files.clone(), small(), &mut Toy::default));
        files.power_loss(&mut dice);
        let (found, _) = open_member(&files);
        assert_eq!((found.convalescent, found.accepted_epoch), (true, None), "seed {seed}");
    }
}

#[test]
fn whoever_stands_alone_refuses_what_is_damaged_and_what_convalesces() {
    let files = history();
    files.flip("log.100000001", 8 * 200);
    let names = files.names().unwrap();
    assert!(matches!(refusal(&files), Some(Damage::Log { .. })));
    assert_eq!(files.names().unwrap(), names, "it touches nothing");
    open_member(&files);
    assert_eq!(refusal(&files), Some(Damage::Convalescent));
}

#[test]
fn a_second_damage_does_not_overwrite_what_was_kept_of_the_first() {
    let files = history();
    for nth in 1..=2 {
        files.flip("acceptedEpoch", 1);
        let (_, mut store) = open_member(&files);
        store.write(Write::AcceptedEpoch(3)).unwrap();
        store.write(Write::Convalesced).unwrap();
        assert!(kept(&files).contains(&format!("damaged-{nth}.acceptedEpoch")));
    }
}

#[test]
fn a_log_that_ended_is_below_its_mark_to_the_last_byte() {
    let files = SimFiles::new();
    let (_, mut store) = open_member(&files);
    append(&mut store, 1..=3);
    store.write(Write::Roll).unwrap();
    // The next file begins another epoch, and nothing tells that one is missing.
    store.write(Write::Append(entry(Zxid::new(2, 1), "/a=b"))).unwrap();
    store.sync().unwrap();
    drop(store);
    assert_eq!(tail(&files).len(), 4);
    let end = bytes_of(&files, "log.100000001").iter().rposition(|byte| *byte == b'B').unwrap();
    files.flip("log.100000001", 8 * end as u64);
    assert!(open_with(&files, small(), Replay::None).is_err());
}

#[test]
fn a_batch_is_settled_only_when_the_mark_above_it_is_forced() {
    let files = SimFiles::new();
    let (_, mut store) = open_member(&files);
    append(&mut store, [1]);
    // A log's first batch begins after sixteen bytes.
    let settles = |files: &SimFiles| {
        let ranges = settled(files).unwrap();
        ranges.iter().any(|(name, range)| name.starts_with("log.") && range.contains(&20))
    };
    // The next batch moves the mark. If the power goes now, the first may be the last one again.
    store.write(Write::Append(nth(2))).unwrap();
    assert!(!settles(&files));
    files.fail(Operation::Sync, 1);
    assert!(store.sync().is_err());
    assert!(!settles(&files), "what a failed sync has dropped never comes to the disk");
    let files = files.forced();
    let (_, mut store) = open_member(&files);
    append(&mut store, [2]);
    assert!(settles(&files));
}
