//! Chapter 2: histories that a service may and may not show, and checkers that can tell; and the
//! store, whose histories they judge.

#[path = "02-consistency/claims.rs"]
mod claims;
#[path = "02-consistency/lives.rs"]
mod lives;
#[path = "02-consistency/replica.rs"]
mod replica;
#[path = "02-consistency/stale.rs"]
mod stale;
#[path = "02-consistency/story.rs"]
mod story;

use consistency::{
    Action, Cause, OpId, Operation, Reply, Violation, can_write, linearizable, never_back,
    sequential, session_order, zxid_order,
};

fn write(id: u32, client: u32, value: u64, invoked: u64, answered: u64) -> Operation {
    Operation::write(id, client, value, invoked, answered)
}

fn read(id: u32, client: u32, value: u64, invoked: u64, answered: u64) -> Operation {
    Operation::read(id, client, value, invoked, answered)
}

fn ids<const N: usize>(list: [u32; N]) -> Vec<OpId> {
    list.map(OpId).to_vec()
}

/// Replays a witness order, to believe no checker without proof.
fn explains(history: &[Operation], order: &[OpId]) -> bool {
    let mut value = 0;
    let find = |id: &OpId| *history.iter().find(|op| op.id == *id).expect("of this history");
    let told = order.iter().map(find).all(|op| match op.action {
        Action::Write(new) => {
            value = new;
            true
        }
        Action::Read(told) => told == value,
    });
    let complete = history.iter().filter(|op| op.answered.is_some());
    let place = |id: OpId| order.iter().position(|other| *other == id);
    let in_time = |a: &Operation| {
        history.iter().all(|b| match (a.answered, place(a.id), place(b.id)) {
            (Some(answered), Some(first), Some(second)) if answered < b.invoked => first < second,
            _ => true,
        })
    };
    told && complete.clone().all(|op| order.contains(&op.id)) && history.iter().all(in_time)
}

/// Histories that a single copy of a register could have shown.
fn good() -> Vec<(&'static str, Vec<Operation>)> {
    vec![
        ("nothing happened", vec![]),
        ("a register holds 0 at first", vec![read(1, 1, 0, 1, 2)]),
        ("one after another", vec![write(1, 1, 7, 1, 2), read(2, 2, 7, 3, 4)]),
        (
            "the write that began later took effect first",
            vec![write(1, 1, 7, 1, 10), write(2, 2, 8, 2, 9), read(3, 3, 7, 11, 12)],
        ),
        (
            "a read sees a write that is not answered yet",
            vec![write(1, 1, 7, 1, 10), read(2, 2, 7, 3, 4)],
        ),
        (
            "a read misses a write that is not answered yet",
            vec![write(1, 1, 7, 1, 10), read(2, 2, 0, 3, 4)],
        ),
        (
            "two readers beside a write, one before it and one after",
            vec![write(1, 1, 7, 1, 10), read(2, 2, 7, 5, 9), read(3, 3, 0, 2, 8)],
        ),
        (
            "a write whose answer was lost is read much later",
            vec![write(1, 1, 7, 1, 2).pending(), read(2, 2, 0, 3, 4), read(3, 2, 7, 90, 91)],
        ),
        (
            "a write whose answer was lost never happened",
            vec![write(1, 1, 7, 1, 2).pending(), read(2, 2, 0, 90, 91)],
        ),
        (
            "a lost write lands after the client's next one",
            vec![write(1, 1, 7, 1, 2).pending(), write(2, 1, 8, 3, 4), read(3, 2, 7, 5, 6)],
        ),
        (
            "a read without an answer says nothing",
            vec![write(1, 1, 7, 1, 2), read(2, 2, 99, 3, 4).pending()],
        ),
    ]
}

/// Histories that no single copy could have shown, and the operations that give it away.
fn bad() -> Vec<(&'static str, Vec<Operation>, Vec<OpId>)> {
    vec![
        ("a value out of nowhere", vec![write(1, 1, 7, 1, 2), read(2, 1, 8, 3, 4)], ids([2])),
        (
            "a stale read",
            vec![write(1, 1, 7, 1, 2), write(2, 1, 8, 3, 4), read(3, 2, 7, 5, 6)],
            ids([1, 2, 3]),
        ),
        (
            "new, then old, beside one write",
            vec![write(1, 1, 7, 1, 20), read(2, 2, 7, 3, 4), read(3, 3, 0, 5, 6)],
            ids([1, 2, 3]),
        ),
        (
            "a lost write is there, and then it is not",
            vec![
                write(1, 1, 7, 1, 2).pending(),
                read(2, 2, 7, 3, 4),
                read(3, 2, 0, 5, 6),
                read(4, 3, 0, 0, 1),
            ],
            ids([1, 2, 3]),
        ),
        (
            "an acknowledged write is gone",
            vec![write(1, 1, 7, 1, 2), write(9, 4, 50, 1, 2), read(2, 2, 0, 3, 4)],
            ids([9, 2]),
        ),
    ]
}

#[test]
fn a_good_history_comes_with_an_order_that_explains_it() {
    for (what, history) in good() {
        let order = linearizable(&history).unwrap_or_else(|why| panic!("{what}: {why}"));
        assert!(explains(&history, &order), "{what}: {order:?} does not explain it");
    }
}

#[test]
fn a_bad_history_is_refused_and_the_operations_are_named() {
    for (what, history, operations) in bad() {
        let cause = Cause::NotLinearizable;
        assert_eq!(linearizable(&history), Err(Violation { cause, operations }), "{what}");
    }
}

#[test]
fn concurrent_operations_may_take_effect_in_either_order() {
    let history = [write(1, 1, 7, 1, 10), write(2, 2, 8, 2, 9), read(3, 3, 7, 11, 12)];
    assert_eq!(
        linearizable(&history),
        Ok(ids([2, 1, 3])),
        "sorting by invocation is no search: concurrent operations may take effect in either order"
    );
}

#[test]
fn a_write_whose_answer_was_lost_may_still_be_read_later() {
    let history = [write(1, 1, 7, 1, 2).pending(), read(2, 2, 7, 50, 51)];
    assert_eq!(
        linearizable(&history),
        Ok(ids([1, 2])),
        "operations without an answer must not be dropped"
    );
}

#[test]
fn a_stale_read_is_sequential_consistency_and_not_linearizable() {
    let history = [write(1, 1, 7, 1, 2), read(2, 2, 0, 3, 4)];
    assert!(linearizable(&history).is_err(), "real time was ignored");
    assert_eq!(sequential(&history), Ok(ids([2, 1])));
}

#[test]
fn one_client_reading_back_in_time_breaks_program_order_too() {
    let history = [write(1, 1, 7, 1, 2), read(2, 2, 7, 3, 4), read(3, 2, 0, 5, 6)];
    let cause = Cause::NotSequential;
    assert_eq!(sequential(&history), Err(Violation { cause, operations: ids([1, 2, 3]) }));
}

#[test]
fn what_is_linearizable_is_sequential() {
    for (what, history) in good() {
        assert!(sequential(&history).is_ok(), "{what}");
    }
}

#[test]
fn the_checkers_agree_with_trying_every_order() {
    // All histories of three operations over two values, by two clients, in six ticks.
    let mut refused = 0;
    for code in 0..6_u64.pow(3) * 8 * 4 {
        let history = generated(code);
        let by_hand = orders(&history).into_iter().any(|order| explains(&history, &order));
        assert_eq!(linearizable(&history).is_ok(), by_hand, "{history:?}");
        refused += u64::from(!by_hand);
    }
    assert!(refused > 500, "only {refused} histories were bad");
}

/// Three operations from the digits of a number.
fn generated(code: u64) -> Vec<Operation> {
    let spans = [(1, 2), (3, 4), (5, 6), (1, 4), (2, 6), (1, 6)];
    let (mut times, mut kinds, lost) = (code % 216, code / 216 % 8, code / 1728);
    let operation = |id| {
        let (invoked, answered) = spans[(times % 6) as usize];
        let op = match kinds % 2 {
            0 => write(id, id, u64::from(id), invoked, answered),
            _ => read(id, id, u64::from(id % 3), invoked, answered),
        };
        (times, kinds) = (times / 6, kinds / 2);
        if lost == u64::from(id) { op.pending() } else { op }
    };
    (1..4).map(operation).collect()
}

/// Every order of every subset.
fn orders(history: &[Operation]) -> Vec<Vec<OpId>> {
    let mut all = vec![vec![]];
    let mut from = 0;
    while from < all.len() {
        for op in history {
            if !all[from].contains(&op.id) {
                let mut longer = all[from].clone();
                longer.push(op.id);
                all.push(longer);
            }
        }
        from += 1;
    }
    all
}

#[test]
fn a_history_that_is_too_long_is_refused_and_not_searched() {
    let history: Vec<Operation> = (0..65).map(|id| read(id, id, 0, 1, 2)).collect();
    assert_eq!(linearizable(&history).map_err(|why| why.cause), Err(Cause::TooLong));
    assert!(linearizable(&history[..64]).is_ok());
}

#[test]
fn a_violation_is_a_sentence() {
    let history = [write(1, 1, 7, 1, 2), read(2, 1, 8, 3, 4)];
    assert_eq!(
        linearizable(&history).unwrap_err().to_string(),
        "no order that respects real time explains what was read: #2"
    );
    assert_eq!(history[0].pending().to_string(), "#1 client 1: write 7 from 1, no answer");
    assert_eq!(history[1].to_string(), "#2 client 1: read 8 from 3 to 4");
}

/// A reply: its name, session, request number, times, and the position that it shows.
fn reply(id: u32, session: i64, sent: u64, times: (u64, u64), position: u64) -> Reply {
    let (invoked, answered) = times;
    Reply { id: OpId(id), session, sent, invoked, answered, position, write: true }
}

fn seen(id: u32, session: i64, sent: u64, times: (u64, u64), position: u64) -> Reply {
    Reply { write: false, ..reply(id, session, sent, times, position) }
}

fn broken(cause: Cause, first: u32, second: u32) -> Result<(), Violation> {
    Err(Violation { cause, operations: ids([first, second]) })
}

#[test]
fn writes_that_overlap_may_be_numbered_in_either_order() {
    assert_eq!(zxid_order(&[reply(1, 1, 1, (1, 5), 2), reply(2, 2, 1, (2, 4), 1)]), Ok(()));
    assert_eq!(zxid_order(&[reply(1, 1, 1, (1, 2), 1), reply(2, 2, 1, (3, 4), 2)]), Ok(()));
}

#[test]
fn a_write_that_began_later_is_not_numbered_below() {
    // Not only neighbours count: the write between them hides nothing.
    let replies = [
        reply(1, 1, 1, (1, 2), 3),
        reply(2, 2, 1, (1, 9), 2),
        reply(3, 3, 1, (4, 5), 1),
        seen(4, 3, 2, (6, 7), 0),
    ];
    assert_eq!(zxid_order(&replies), broken(Cause::AgainstRealTime, 3, 1));
}

#[test]
fn no_two_writes_have_one_number() {
    let replies = [reply(1, 1, 1, (1, 2), 3), reply(2, 2, 1, (1, 2), 3)];
    assert_eq!(zxid_order(&replies), broken(Cause::SamePosition, 1, 2));
    // Reads may show what they like here: they are ordered by other rules.
    assert_eq!(zxid_order(&[replies[0], seen(2, 2, 1, (1, 2), 3)]), Ok(()));
}

#[test]
fn a_session_is_answered_in_the_order_in_which_it_asked() {
    let replies = [seen(1, 1, 1, (1, 3), 5), seen(2, 1, 2, (2, 4), 5), seen(3, 2, 1, (1, 5), 1)];
    assert_eq!(session_order(&replies), Ok(()));
    let swapped = [replies[1], replies[0]];
    assert_eq!(session_order(&swapped), broken(Cause::AnswersOutOfOrder, 2, 1));
}

#[test]
fn a_sessions_writes_are_numbered_in_the_order_in_which_it_asked() {
    let replies = [reply(1, 1, 1, (1, 3), 5), seen(2, 1, 2, (2, 4), 5), reply(3, 1, 3, (3, 5), 4)];
    assert_eq!(session_order(&replies), broken(Cause::WritesOutOfOrder, 1, 3));
    let same = [replies[0], reply(3, 1, 3, (3, 5), 5)];
    assert_eq!(session_order(&same), broken(Cause::WritesOutOfOrder, 1, 3));
}

#[test]
fn a_session_sees_its_own_writes() {
    let replies = [reply(1, 1, 1, (1, 3), 5), seen(2, 1, 2, (2, 4), 4)];
    assert_eq!(session_order(&replies), broken(Cause::OwnWriteUnseen, 1, 2));
    assert_eq!(session_order(&[replies[0], seen(2, 2, 2, (2, 4), 4)]), Ok(()), "another session");
}

#[test]
fn no_session_sees_the_service_go_back() {
    let replies = [seen(1, 1, 1, (1, 2), 5), seen(2, 2, 1, (3, 4), 4), seen(3, 1, 2, (5, 6), 5)];
    assert_eq!(never_back(&replies), Ok(()));
    let back = [replies[0], seen(2, 1, 2, (3, 4), 4)];
    assert_eq!(never_back(&back), broken(Cause::WentBack, 1, 2));
}

#[test]
fn only_a_majority_of_the_voters_may_write() {
    assert!(can_write(3, 2, 0) && can_write(5, 3, 0) && can_write(1, 1, 0));
    assert!(!can_write(4, 2, 0), "2 of 4 is not a majority: both halves would accept writes");
    assert!(can_write(4, 3, 0));
    assert!(!can_write(5, 2, 7), "observers have no vote");
    assert!(!can_write(3, 1, 1), "observers have no vote");
    assert!(!can_write(1, 0, 3) && !can_write(0, 0, 0), "nobody is not a majority");
}

#[test]
fn whatever_the_cut_at_most_one_side_may_write() {
    for voters in 0..10 {
        for side in 0..=voters {
            let other = voters - side;
            let both = can_write(voters, side, 2) && can_write(voters, other, 2);
            assert!(!both, "{side} and {other} of {voters} would both accept writes");
        }
    }
}

#[test]
fn a_majority_may_write_however_small() {
    for voters in 1..10 {
        let fewest = voters / 2 + 1;
        assert!(can_write(voters, fewest, 0), "{fewest} of {voters} are more than half");
    }
}

#[test]
fn observers_neither_help_nor_hinder_a_majority() {
    for observers in 0..10 {
        assert!(!can_write(4, 2, observers), "{observers} observers have no vote");
        assert!(can_write(4, 3, observers), "{observers} observers are not waited for");
    }
}
