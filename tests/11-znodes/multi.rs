//! Several writes as one: all or none.

use jute::records::ErrorCode::*;
use jute::records::{Acl, OpCode, Perms};
use pretty_assertions::assert_eq;
use znodes::{Op, Outcome};

use crate::leader::{
    Leader, ME, check, create, create_by, create_with, delete, only, set, set_acl,
};

/// What becomes of a multi whose part number `failed` of `parts` fails.
fn refusal(parts: usize, failed: usize, error: jute::records::ErrorCode) -> Vec<Outcome> {
    let part = |n: usize| match n {
        n if n < failed => Outcome::Failed(0),
        n if n == failed => Outcome::failed(error),
        _ => Outcome::failed(RuntimeInconsistency),
    };
    (0..parts).map(part).collect()
}

#[test]
fn each_part_sees_what_the_earlier_ones_did() {
    let mut leader = Leader::new();
    leader.make(&["/v"]);
    let last = leader.last;
    let outcomes = leader.multi(vec![
        check("/v", 0),
        set("/v", "one", 0),
        check("/v", 1),
        set("/v", "two", 1),
        create("/n", 0),
        create("/n/s-", 2),
        create("/n/s-", 2),
        delete("/n/s-0000000000", -1),
        create("/n/s-0000000000", 1),
        delete("/v", 2),
        create("/v", 0),
    ]);
    assert_eq!(leader.last.0, last.0 + 1, "a multi takes one zxid");
    assert_eq!(leader.children("/n"), ["s-0000000000", "s-0000000001"]);
    for path in ["/n", "/n/s-0000000000", "/n/s-0000000001", "/v"] {
        assert_eq!(leader.stat(path).czxid, leader.last, "{path}");
    }
    let versions: Vec<Option<i32>> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Stat(stat) => Some(stat.version),
            Outcome::Done => None,
            other => panic!("{other:?}"),
        })
        .collect();
    // Stats are as of the part, not of the end.
    let expected =
        [None, Some(1), None, Some(2), Some(0), Some(0), Some(0), None, Some(0), None, Some(0)];
    assert_eq!(versions, expected);
    assert_eq!(leader.tree.ephemerals_of(ME), ["/n/s-0000000000"]);
    let told: Vec<&str> = leader.changes.iter().map(|change| &*change.path).collect();
    assert_eq!(
        told,
        [
            "/v",
            "/v",
            "/n",
            "/n/s-0000000000",
            "/n/s-0000000001",
            "/n/s-0000000000",
            "/n/s-0000000000",
            "/v",
            "/v"
        ]
    );
}

/// Six writes that would be done, of all kinds.
fn six() -> Vec<Op<'static>> {
    vec![
        create("/a/new", 0),
        set("/a", "new", 0),
        delete("/a/b", 0),
        create("/a/s-", 3),
        create_by(OpCode::CreateContainer, "/a/c", 4, None),
        create_by(OpCode::CreateTtl, "/a/t-", 6, Some(5)),
    ]
}

#[test]
fn a_part_that_fails_undoes_everything_wherever_it_is() {
    let failing: [(Op<'_>, _); 8] = [
        (check("/a", 7), BadVersion),
        (check("/nope", 0), NoNode),
        (create("/a", 0), NodeExists),
        (create("/nope/x", 0), NoNode),
        (create("bad", 0), BadArguments),
        (create("/a/x", 9), BadArguments),
        (delete("/a", -1), NotEmpty),
        (create_with("/closed/x", 0, None, Acl::open()), NoAuth),
    ];
    for (op, error) in failing {
        for at in 0..=6 {
            let mut leader = Leader::new();
            leader.make(&["/a", "/a/b", "/closed"]);
            leader.write(set_acl("/closed", only(Perms::READ), -1)).unwrap();
            // Something else is on its way, to the same nodes.
            leader.propose(create("/a/e", 1)).unwrap();
            leader.propose(set_acl("/a", Acl::open(), 0)).unwrap();
            let pending = format!("{:?}", leader.pending);
            let mut ops = six();
            ops.insert(at, op.clone());
            assert!(!leader.propose_multi(ME, ops));
            assert_eq!(format!("{:?}", leader.pending), pending, "{op:?} at {at}");
            leader.apply_one();
            leader.apply_one();
            let tree = leader.tree.clone();
            let outcome = leader.apply_one();
            assert_eq!(outcome, Outcome::Parts(refusal(7, at, error)), "{op:?} at {at}");
            assert!(leader.tree == tree, "{op:?} at {at} left something behind");
            assert_eq!(leader.changes, [], "nobody is told");
            // A sequential name that was not given is given to the next.
            leader.write(create("/a/s-", 2)).unwrap();
            assert!(leader.has("/a/s-0000000002"));
            assert!(leader.multi(six()[..3].to_vec()).iter().all(|part| !is_failure(part)));
        }
    }
}

fn is_failure(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(_))
}

#[test]
fn a_parent_with_a_child_of_the_same_multi_is_not_empty() {
    let mut leader = Leader::new();
    leader.make(&["/p"]);
    let outcomes = leader.multi(vec![create("/p/x", 0), delete("/p", -1)]);
    assert_eq!(outcomes, refusal(2, 1, NotEmpty));
    let outcomes = leader.multi(vec![create("/p/x", 0), delete("/p/x", 0), delete("/p", -1)]);
    assert!(!outcomes.iter().any(is_failure));
    assert!(!leader.has("/p"));
}

#[test]
fn minus_one_is_any_version_in_a_multi_too() {
    let mut leader = Leader::new();
    leader.make(&["/p"]);
    let ops = vec![set("/p", "one", -1), check("/p", -1), set("/p", "two", -1), delete("/p", -1)];
    assert!(!leader.multi(ops).iter().any(is_failure));
    assert!(!leader.has("/p"));
}

#[test]
fn an_empty_multi_is_done() {
    let mut leader = Leader::new();
    assert_eq!(leader.multi(Vec::new()), []);
    assert_eq!(leader.last.0, 1);
}
