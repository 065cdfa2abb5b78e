//! Ephemeral nodes, containers and nodes with a time to live.

use jute::records::{ErrorCode, OpCode};
use znodes::{Kind, MAX_TTL, Tree};
use zxid::{SessionId, Zxid};

use crate::leader::{Leader, ME, OTHER, create, create_by, delete, reap, set};

fn container(path: &str) -> znodes::Op<'_> {
    create_by(OpCode::CreateContainer, path, 4, None)
}

fn with_ttl(path: &str, ms: i64) -> znodes::Op<'_> {
    create_by(OpCode::CreateTtl, path, 5, Some(ms))
}

/// The nodes that the reaper would ask for, in order.
fn reapable(leader: &Leader, at: i64, unused_for: Option<i64>) -> Vec<String> {
    let mut paths = leader.tree.reapable(at, unused_for);
    paths.sort();
    paths
}

#[test]
fn the_operation_decides_on_containers_and_ttl_nodes_and_the_flags_on_the_rest() {
    use OpCode::{Create, Create2, CreateContainer, CreateTtl};
    let mut leader = Leader::new();
    leader.make(&["/k"]);
    for (op, flags, ttl, kind, sequential) in [
        (Create, 0, None, Kind::Persistent, false),
        (Create, 1, None, Kind::Ephemeral(ME), false),
        (Create, 2, None, Kind::Persistent, true),
        (Create, 3, None, Kind::Ephemeral(ME), true),
        (Create, 4, None, Kind::Persistent, false),
        (Create2, 0, None, Kind::Persistent, false),
        (Create2, 1, None, Kind::Ephemeral(ME), false),
        (Create2, 2, None, Kind::Persistent, true),
        (Create2, 3, None, Kind::Ephemeral(ME), true),
        (Create2, 4, None, Kind::Persistent, false),
        (CreateContainer, 0, None, Kind::Container, false),
        (CreateContainer, 1, None, Kind::Container, false),
        (CreateContainer, 2, None, Kind::Container, true),
        (CreateContainer, 3, None, Kind::Container, true),
        (CreateContainer, 4, None, Kind::Container, false),
        (CreateTtl, 5, Some(1), Kind::Ttl(1), false),
        (CreateTtl, 6, Some(MAX_TTL), Kind::Ttl(MAX_TTL), true),
    ] {
        let count = leader.tree.node("/k").unwrap().persisted().cversion;
        leader.write(create_by(op, "/k/x", flags, ttl)).unwrap();
        let path = if sequential { format!("/k/x{count:010}") } else { "/k/x".to_owned() };
        let node = leader.tree.node(&path).unwrap_or_else(|| panic!("{op:?} {flags}"));
        assert_eq!(node.kind(), kind, "{op:?} {flags}");
        let shown = if let Kind::Ephemeral(session) = kind { session.0 } else { 0 };
        assert_eq!(node.stat().ephemeral_owner, shown, "clients see only sessions as owners");
        let stored = match kind {
            Kind::Persistent => 0,
            Kind::Ephemeral(session) => session.0,
            Kind::Container => i64::MIN,
            Kind::Ttl(ms) => 0xff00_0000_0000_0000_u64 as i64 + ms,
        };
        assert_eq!(node.persisted().ephemeral_owner, stored, "{op:?} {flags}");
        leader.write(delete(&path, -1)).unwrap();
    }
}

#[test]
fn without_extended_types_a_ttl_node_counts_as_an_ephemeral_one() {
    let owner = Kind::Ttl(77).owner();
    assert_eq!(Kind::of(owner, true), Kind::Ttl(77));
    assert_eq!(Kind::of(owner, false), Kind::Ephemeral(SessionId(owner)));
    for extended in [true, false] {
        for kind in [Kind::Persistent, Kind::Container, Kind::Ephemeral(ME)] {
            assert_eq!(Kind::of(kind.owner(), extended), kind);
        }
    }
}

#[test]
fn only_ephemeral_nodes_have_no_children() {
    let mut leader = Leader::new();
    leader.write(create("/e", 1)).unwrap();
    leader.write(container("/c")).unwrap();
    leader.write(with_ttl("/t", 5)).unwrap();
    assert_eq!(leader.write(create("/e/x", 0)), Err(ErrorCode::NoChildrenForEphemerals));
    assert_eq!(leader.write_by(OTHER, create("/e/x", 1)), Err(ErrorCode::NoChildrenForEphemerals));
    for path in ["/c/e", "/t/e"] {
        leader.write(create(path, 1)).unwrap();
    }
    // Also if the parent is only proposed.
    leader.propose(create("/f", 3)).unwrap();
    let child = "/f0000000003/x";
    assert_eq!(leader.propose(create(child, 0)), Err(ErrorCode::NoChildrenForEphemerals));
    leader.apply_all();
}

#[test]
fn the_end_of_a_session_takes_its_nodes_and_no_others() {
    let mut leader = Leader::new();
    leader.make(&["/p"]);
    leader.write(create("/p/mine", 1)).unwrap();
    leader.write_by(OTHER, create("/p/other", 1)).unwrap();
    leader.write(create("/gone", 1)).unwrap();
    leader.write_by(OTHER, delete("/gone", -1)).unwrap();
    assert_eq!(leader.tree.ephemerals_of(ME), ["/p/mine"]);
    assert_eq!(leader.tree.ephemerals_count(), 2);
    // Some are still on their way to the disk.
    leader.propose(create("/p/late", 1)).unwrap();
    leader.propose_by(OTHER, create("/late", 1)).unwrap();
    leader.propose_close(ME);
    assert_eq!(leader.propose_by(OTHER, delete("/p/late", -1)), Err(ErrorCode::NoNode));
    leader.propose_by(OTHER, create("/p/late", 0)).unwrap();
    leader.apply_all();
    assert_eq!(leader.children("/p"), ["late", "other"]);
    assert_eq!(leader.tree.ephemerals_of(ME), [""; 0]);
    assert_eq!(leader.tree.ephemerals_of(OTHER), ["/late", "/p/other"]);
    assert_eq!(leader.tree.sessions_with_ephemerals().collect::<Vec<_>>(), [OTHER]);
}

#[test]
fn the_end_of_a_session_has_one_zxid_and_tells_of_each_node() {
    let mut leader = Leader::new();
    leader.make(&["/p", "/q"]);
    for path in ["/p/b", "/p/a", "/q/c"] {
        leader.write(create(path, 1)).unwrap();
    }
    leader.propose_close(ME);
    leader.apply_all();
    let mut told: Vec<&str> = leader.changes.iter().map(|change| &*change.path).collect();
    told.sort_unstable();
    assert_eq!(told, ["/p/a", "/p/b", "/q/c"]);
    assert_eq!((leader.stat("/p").pzxid, leader.stat("/q").pzxid), (leader.last, leader.last));
}

#[test]
fn a_node_that_changed_hands_while_it_was_pending_goes_with_its_last_owner() {
    let mut leader = Leader::new();
    leader.write(create("/e", 1)).unwrap();
    leader.propose(delete("/e", -1)).unwrap();
    leader.propose_by(OTHER, create("/e", 1)).unwrap();
    leader.propose_close(ME);
    leader.apply_all();
    assert!(leader.has("/e"));
    leader.propose(delete("/e", -1)).unwrap();
    leader.propose(create("/e", 0)).unwrap();
    leader.propose_close(OTHER);
    leader.apply_all();
    assert!(leader.has("/e"), "it is nobody's now");
}

/// A session's nodes that were created in a transaction that its end did not list yet.
#[test]
fn a_log_that_lists_no_nodes_takes_those_of_the_table() {
    use jute::records::{Txn, TxnHeader};
    let mut leader = Leader::new();
    leader.write(create("/e", 1)).unwrap();
    let op = OpCode::CloseSession.code();
    let header = TxnHeader { session: ME, cxid: 0, zxid: Zxid(9), time: 9, op };
    znodes::apply(&mut leader.tree, &header, &Txn::CloseSession(None), &mut Vec::new());
    assert!(!leader.has("/e"));
}

#[test]
fn containers_may_go_once_they_had_children_and_have_none() {
    let mut leader = Leader::new();
    leader.write(container("/c")).unwrap();
    leader.make(&["/plain", "/plain/x"]);
    leader.write(delete("/plain/x", -1)).unwrap();
    let now = leader.time + 1_000_000;
    assert_eq!(reapable(&leader, now, None), [""; 0], "never used");
    leader.make(&["/c/x"]);
    assert_eq!(reapable(&leader, now, None), [""; 0], "in use");
    leader.write(delete("/c/x", -1)).unwrap();
    assert_eq!(reapable(&leader, now, None), ["/c"]);
    leader.write(reap("/c")).unwrap();
    assert_eq!(reapable(&leader, now, None), [""; 0]);
}

#[test]
fn containers_that_were_never_used_may_go_after_a_while_if_the_operator_says_so() {
    let mut leader = Leader::new();
    leader.write(container("/c")).unwrap();
    let born = leader.stat("/c").mtime;
    assert_eq!(reapable(&leader, born + 100, Some(100)), [""; 0]);
    assert_eq!(reapable(&leader, born + 101, Some(100)), ["/c"]);
}

#[test]
fn ttl_nodes_may_go_when_their_time_is_over_and_they_have_no_children() {
    let mut leader = Leader::new();
    leader.write(with_ttl("/t", 100)).unwrap();
    let born = leader.stat("/t").mtime;
    assert_eq!(reapable(&leader, born + 100, None), [""; 0]);
    assert_eq!(reapable(&leader, born + 101, None), ["/t"]);
    assert_eq!(reapable(&leader, i64::MIN, None), [""; 0], "the clock was set back");
    leader.make(&["/t/x"]);
    assert_eq!(reapable(&leader, born + 500, None), [""; 0]);
    leader.write(delete("/t/x", -1)).unwrap();
    assert_eq!(reapable(&leader, born + 500, None), ["/t"], "children do not prolong it");
    leader.time = born + 500;
    leader.write(set("/t", "fresh", -1)).unwrap();
    assert_eq!(reapable(&leader, born + 600, None), [""; 0], "new data does");
    assert_eq!(reapable(&leader, born + 602, None), ["/t"]);
    let mut without = Leader::over(Tree::new(7, false));
    without.write(container("/c")).unwrap();
    assert!(without.write(with_ttl("/t", 1)).is_err());
}
