//! What a client knows, what it may repeat, and how a change is made safe to repeat.

use machines::knowledge::{Change, Knowledge, Operation, Outcome, Refusal, Status};
use machines::{change, classify, may_retry};

const OPERATIONS: [Operation; 7] = [
    Operation::Read,
    Operation::Create,
    Operation::CreateSequential,
    Operation::Set,
    Operation::SetIfVersion,
    Operation::Delete,
    Operation::Increment,
];
const SILENCES: [Outcome; 2] = [Outcome::TimedOut, Outcome::ConnectionLost];
const REFUSALS: [Outcome; 3] = [
    Outcome::Refused(Refusal::NoNode),
    Outcome::Refused(Refusal::NodeExists),
    Outcome::Refused(Refusal::BadVersion),
];

#[test]
fn a_reply_tells_what_happened() {
    assert_eq!(classify(&[Outcome::Done]), Knowledge::Happened);
    for refused in REFUSALS {
        assert_eq!(classify(&[refused]), Knowledge::DidNot, "the server said that it did not");
    }
}

#[test]
fn what_was_never_sent_did_not_happen() {
    assert_eq!(classify(&[]), Knowledge::DidNot);
    assert_eq!(classify(&[Outcome::NotSent, Outcome::NotSent]), Knowledge::DidNot);
}

#[test]
fn a_timeout_only_says_that_the_client_stopped_waiting() {
    for silence in SILENCES {
        assert_eq!(classify(&[silence]), Knowledge::Unknown);
        assert_eq!(classify(&[Outcome::NotSent, silence, Outcome::NotSent]), Knowledge::Unknown);
        assert_eq!(classify(&[silence, Outcome::Done]), Knowledge::Happened);
    }
}

#[test]
fn a_refusal_after_a_lost_reply_proves_nothing_because_the_other_writer_may_be_oneself() {
    for silence in SILENCES {
        for refused in REFUSALS {
            assert_eq!(
                classify(&[silence, refused]),
                Knowledge::Unknown,
                "{silence:?} {refused:?}"
            );
        }
    }
}

#[test]
fn what_did_not_happen_may_be_sent_again_and_what_happened_need_not() {
    for operation in OPERATIONS {
        assert!(may_retry(operation, &[Outcome::NotSent]), "{operation:?}");
        assert!(may_retry(operation, &[REFUSALS[0]]), "{operation:?}");
        assert!(!may_retry(operation, &[Outcome::Done]), "{operation:?}");
    }
}

#[test]
fn a_sequential_create_sent_again_may_leave_two_nodes() {
    for silence in SILENCES {
        assert!(!may_retry(Operation::CreateSequential, &[silence]));
        assert!(!may_retry(Operation::Increment, &[silence]), "it may count twice");
        for operation in [Operation::Create, Operation::SetIfVersion, Operation::Delete] {
            assert!(may_retry(operation, &[silence]), "{operation:?} finds its own work and stops");
        }
    }
}

#[test]
fn a_change_of_status_asked_for_twice_is_made_once() {
    let mut status = Status::Ordered;
    assert_eq!(change(&mut status, Status::Ordered, Status::Paid), Change::Made);
    assert_eq!(change(&mut status, Status::Ordered, Status::Paid), Change::MadeBefore);
    assert_eq!(status, Status::Paid);
}

#[test]
fn what_failed_never_becomes_paid_though_its_number_is_smaller() {
    let mut status = Status::Failed;
    assert_eq!(change(&mut status, Status::Ordered, Status::Paid), Change::Refused);
    assert_eq!(status, Status::Failed);
}

#[test]
fn a_late_change_does_not_turn_the_status_back() {
    let mut status = Status::Shipped;
    assert_eq!(change(&mut status, Status::Ordered, Status::Paid), Change::Refused);
    assert_eq!(status, Status::Shipped);
}
