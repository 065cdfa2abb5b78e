//! Exercise 2.2: the judge tells a right history from those that learners give instead.

use consistency::{Misconception, OpId, Operation, Violation, read_history, stale_read_only};

fn judged(text: &str) -> Result<Violation, Misconception> {
    stale_read_only(&read_history(text).expect("it is a history"))
}

fn ids<const N: usize>(list: [u32; N]) -> Vec<OpId> {
    list.map(OpId).to_vec()
}

#[test]
fn a_follower_that_lags_is_the_answer() {
    let right = judged(
        "client 1: write 7 from 1 to 2
         client 2: read 0 from 3 to 4   -- by a follower that has not heard of it",
    );
    assert_eq!(right.expect("it is right").operations, ids([1, 2]));
    let right = judged(
        "client 1: write 7 from 1 to 9
         client 2: read 7 from 2 to 3
         client 3: read 0 from 4 to 5",
    );
    assert!(right.is_ok(), "one follower has heard of it, and another has not: {right:?}");
}

#[test]
fn what_one_copy_could_show_is_no_answer() {
    let wrong = judged(
        "client 1: write 7 from 1 to 4
         client 2: read 0 from 2 to 3",
    );
    assert_eq!(wrong, Err(Misconception::OneCopyDoes(ids([2, 1]))), "they overlap");
    assert_eq!(judged(""), Err(Misconception::OneCopyDoes(vec![])));
    let lost = judged("client 1: write 7 from 1, no answer\nclient 2: read 0 from 9 to 10");
    assert!(matches!(lost, Err(Misconception::OneCopyDoes(_))), "it may never have happened");
}

#[test]
fn a_client_that_reads_back_in_time_is_no_answer() {
    let wrong = judged(
        "client 1: write 7 from 1 to 2
         client 2: read 7 from 3 to 4
         client 2: read 0 from 5 to 6",
    );
    assert_eq!(wrong, Err(Misconception::BackInTime(ids([1, 2, 3]))));
    assert_eq!(
        wrong.unwrap_err().to_string(),
        "one client reads back in time: that breaks program order too, and ZooKeeper forbids it: \
         #1 #2 #3"
    );
}

#[test]
fn a_client_that_misses_its_own_write_is_no_answer() {
    let wrong = judged("client 1: write 7 from 1 to 2\nclient 1: read 0 from 3 to 4");
    assert_eq!(wrong, Err(Misconception::OwnWriteUnseen(ids([1, 2]))));
    let wrong = judged(
        "client 1: write 7 from 1 to 2
         client 1: write 8 from 3 to 4
         client 1: read 7 from 5 to 6",
    );
    assert_eq!(wrong, Err(Misconception::OwnWriteUnseen(ids([1, 2, 3]))));
}

#[test]
fn two_orders_of_the_same_writes_are_no_answer() {
    let wrong = judged(
        "client 1: write 7 from 1 to 2
         client 2: write 8 from 1 to 2
         client 3: read 7 from 3 to 4
         client 3: read 8 from 5 to 6
         client 4: read 8 from 3 to 4
         client 4: read 7 from 5 to 6",
    );
    assert_eq!(wrong, Err(Misconception::OrdersDiffer(ids([1, 2, 3, 4, 5, 6]))));
}

#[test]
fn a_value_that_nobody_wrote_is_no_answer() {
    let wrong = judged("client 1: write 7 from 1 to 2\nclient 2: read 9 from 3 to 4");
    assert_eq!(wrong, Err(Misconception::NobodyWrote(OpId(2))));
}

#[test]
fn what_is_no_history_is_no_answer() {
    let wrong = judged("client 1: write 7 from 1 to 5\nclient 1: read 0 from 3 to 9");
    assert_eq!(wrong, Err(Misconception::TwoAtOnce(OpId(1), OpId(2))));
    let wrong = judged("client 1: write 7 from 5 to 5");
    assert_eq!(wrong, Err(Misconception::AnsweredTooSoon(OpId(1))));
    let twice = [Operation::write(1, 1, 7, 1, 2), Operation::read(1, 2, 0, 3, 4)];
    assert_eq!(stale_read_only(&twice), Err(Misconception::SameName(OpId(1))));
    let long: String = (0..65).map(|n| format!("client {n}: read 1 from 1 to 2\n")).collect();
    assert_eq!(judged(&long), Err(Misconception::TooLong));
}

#[test]
fn a_history_is_read_as_it_is_printed() {
    let history = [
        Operation::write(1, 3, 7, 1, 2),
        Operation::write(2, 3, 8, 5, 6).pending(),
        Operation::read(3, 4, 7, 3, 9),
    ];
    let text: String = history.iter().map(|op| format!("{op}\n")).collect();
    assert_eq!(read_history(&text), Ok(history.to_vec()));
    for wrong in ["client 1 writes 7", "client 1: write from 1 to 2", "client 1: read 7 from 1"] {
        let said = read_history(wrong).expect_err("it is no operation");
        assert!(said.starts_with("line 1: `"), "{said}");
    }
}
