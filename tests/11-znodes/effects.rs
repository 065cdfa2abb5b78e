//! What a write changes: data, stats, names. What is proposed counts before it is applied.

use std::collections::BTreeSet;

use jute::records::ErrorCode::*;
use jute::records::{Acl, DeleteTxn, OpCode, Perms, Stat, StatPersisted, Txn, TxnHeader};
use znodes::{ChangeKind, Outcome, Tree, apply};
use zxid::Zxid;

use crate::leader::{
    Leader, ME, create, create_by, create_with, delete, only, replay, set, set_acl,
};

#[test]
fn a_new_tree_holds_the_system_nodes_as_zookeeper_has_them() {
    let tree = Tree::new(1, false);
    for (path, cversion, aversion, children, perms) in [
        ("/", -1, 0, 1, Perms::ALL),
        ("/zookeeper", -2, 0, 2, Perms::ALL),
        ("/zookeeper/quota", 0, 0, 0, Perms::ALL),
        ("/zookeeper/config", 0, -1, 0, Perms::READ),
    ] {
        let node = tree.node(path).expect("a system node");
        let stat = Stat { cversion, aversion, num_children: children, ..Stat::default() };
        assert_eq!(node.stat(), stat, "{path}");
        assert_eq!((node.data(), &**node.acl()), (Some(&b""[..]), &only(perms)[..]), "{path}");
    }
    assert_eq!(tree.len(), 4);
    assert_eq!(tree.node("").map(|node| node.stat()), tree.node("/").map(|node| node.stat()));
    assert_eq!(tree.digest(), 0x51c6_d660, "as ZooKeeper's");
}

#[test]
fn create_sets_the_stat_and_moves_only_the_parents_count_and_pzxid() {
    let mut leader = Leader::new();
    leader.make(&["/a"]);
    let (before, root) = (leader.stat("/a"), leader.stat("/"));
    leader.time = 5000;
    let outcome = leader.write(create("/a/b", 0)).unwrap();
    let zxid = leader.last;
    let born = Stat {
        czxid: zxid,
        mzxid: zxid,
        pzxid: zxid,
        ctime: 5001,
        mtime: 5001,
        data_length: 1,
        ..Stat::default()
    };
    assert_eq!(outcome, Outcome::Stat(born));
    assert_eq!(leader.stat("/a/b"), born);
    assert_eq!(leader.stat("/a"), Stat { pzxid: zxid, cversion: 1, num_children: 1, ..before });
    assert_eq!(leader.stat("/"), root, "a grandchild is none of its business");
    assert_eq!(leader.changes.len(), 1);
    assert_eq!((leader.changes[0].kind, &*leader.changes[0].path), (ChangeKind::Created, "/a/b"));
}

#[test]
fn null_and_empty_data_are_kept_apart() {
    let mut leader = Leader::new();
    leader.write(create_with("/null", 0, None, Acl::open())).unwrap();
    leader.write(create_with("/empty", 0, Some(b""), Acl::open())).unwrap();
    assert_eq!((leader.data("/null"), leader.data("/empty")), (None, Some("")));
    assert_eq!(leader.stat("/null").data_length + leader.stat("/empty").data_length, 0);
}

#[test]
fn set_data_moves_version_mzxid_and_mtime_and_nothing_else() {
    let mut leader = Leader::new();
    leader.make(&["/a", "/a/b"]);
    let (before, parent) = (leader.stat("/a/b"), leader.stat("/a"));
    leader.time = 5000;
    let outcome = leader.write(set("/a/b", "longer", 0)).unwrap();
    let after = Stat { version: 1, mzxid: leader.last, mtime: 5001, data_length: 6, ..before };
    assert_eq!(outcome, Outcome::Stat(after));
    assert_eq!((leader.stat("/a/b"), leader.stat("/a")), (after, parent));
    leader.write(set("/a/b", "longer", 1)).unwrap();
    assert_eq!(leader.changes[0].kind, ChangeKind::DataChanged, "the same data is a change too");
}

#[test]
fn set_acl_moves_the_lists_version_and_nothing_else() {
    let mut leader = Leader::new();
    leader.make(&["/a"]);
    let before = leader.stat("/a");
    let outcome = leader.write(set_acl("/a", only(Perms::READ), 0)).unwrap();
    assert_eq!(outcome, Outcome::Stat(Stat { aversion: 1, ..before }));
    assert_eq!(leader.stat("/a"), Stat { aversion: 1, ..before });
    assert_eq!(leader.changes, [], "nobody is told");
}

#[test]
fn delete_moves_the_parents_pzxid_and_not_its_count() {
    let mut leader = Leader::new();
    leader.make(&["/a", "/a/b"]);
    let before = leader.stat("/a");
    assert_eq!(leader.write(delete("/a/b", 0)), Ok(Outcome::Done));
    let after = Stat { pzxid: leader.last, cversion: 2, num_children: 0, ..before };
    assert_eq!(leader.stat("/a"), after);
    assert_eq!(leader.tree.node("/a").unwrap().persisted().cversion, 1);
    assert_eq!((leader.changes[0].kind, &*leader.changes[0].path), (ChangeKind::Deleted, "/a/b"));
}

#[test]
fn clients_see_creations_and_deletions_in_cversion() {
    let mut leader = Leader::new();
    leader.make(&["/p", "/p/a"]);
    assert_eq!(leader.stat("/p").cversion, 1);
    leader.write(delete("/p/a", -1)).unwrap();
    assert_eq!(leader.stat("/p").cversion, 2);
    leader.make(&["/p/a", "/p/b"]);
    leader.write(delete("/p/a", -1)).unwrap();
    leader.write(delete("/p/b", -1)).unwrap();
    assert_eq!(leader.stat("/p").cversion, 6);
}

#[test]
fn versions_wrap_around_and_skip_minus_one() {
    for (old, new) in [(i32::MAX, i32::MIN), (-3, -2), (-2, 0), (0, 1)] {
        let stat = StatPersisted { version: old, aversion: old, ..StatPersisted::default() };
        let mut leader = Leader::with_stat(stat);
        leader.write(set("/p", "x", old)).unwrap();
        leader.write(set_acl("/p", Acl::open(), old)).unwrap();
        let stat = leader.stat("/p");
        assert_eq!((stat.version, stat.aversion), (new, new), "after {old}");
    }
}

#[test]
fn sequential_names_count_creations_of_all_kinds_and_no_deletions() {
    let mut leader = Leader::new();
    leader.make(&["/q"]);
    for flags in [2, 3, 2, 3] {
        leader.write(create("/q/s-", flags)).unwrap();
    }
    leader.make(&["/q/plain"]);
    for (path, op, flags, ttl) in [
        ("/q/", OpCode::Create, 2, None),
        ("/q/c-", OpCode::CreateContainer, 2, None),
        ("/q/t-", OpCode::CreateTtl, 6, Some(9)),
        ("/q/.", OpCode::Create2, 3, None),
    ] {
        leader.write(create_by(op, path, flags, ttl)).unwrap();
    }
    let names = [
        ".0000000008",
        "0000000005",
        "c-0000000006",
        "plain",
        "s-0000000000",
        "s-0000000001",
        "s-0000000002",
        "s-0000000003",
        "t-0000000007",
    ];
    assert_eq!(leader.children("/q"), names);
    for name in names {
        leader.write(delete(&format!("/q/{name}"), -1)).unwrap();
    }
    // Refusals count for nothing.
    assert_eq!(leader.write(create("/q/\u{1}", 2)), Err(BadArguments));
    leader.write(create("/q/s-", 2)).unwrap();
    assert_eq!(leader.children("/q"), ["s-0000000009"]);
    // Nor do the system's own nodes.
    leader.write(create("/s-", 2)).unwrap();
    assert!(leader.has("/s-0000000001"));
}

#[test]
fn proposals_that_are_not_applied_yet_count_for_names_and_versions() {
    let mut leader = Leader::new();
    leader.propose(create("/q", 0)).unwrap();
    for _ in 0..3 {
        leader.propose(create("/q/s-", 2)).unwrap();
    }
    leader.propose(set("/q", "one", 0)).unwrap();
    assert_eq!(leader.propose(set("/q", "two", 0)), Err(BadVersion));
    leader.propose(set("/q", "two", 1)).unwrap();
    assert_eq!(leader.propose(delete("/q", -1)), Err(NotEmpty));
    leader.propose(delete("/q/s-0000000000", 0)).unwrap();
    assert_eq!(leader.propose(create("/q/s-0000000001", 0)), Err(NodeExists));
    leader.propose(create("/q/s-0000000000", 0)).unwrap();
    assert!(!leader.has("/q"), "nothing is applied");
    leader.apply_all();
    assert_eq!(leader.children("/q"), ["s-0000000000", "s-0000000001", "s-0000000002"]);
    assert_eq!((leader.data("/q"), leader.stat("/q").version), (Some("two"), 2));
}

#[test]
fn half_of_what_is_proposed_may_be_applied() {
    let mut leader = Leader::new();
    leader.make(&["/q"]);
    leader.propose(set("/q", "one", 0)).unwrap();
    leader.propose(set("/q", "two", 1)).unwrap();
    leader.apply_one();
    assert_eq!(leader.data("/q"), Some("one"));
    assert_eq!(leader.propose(set("/q", "three", 1)), Err(BadVersion), "two is on its way");
    leader.propose(set("/q", "three", 2)).unwrap();
    leader.apply_all();
    assert_eq!(leader.data("/q"), Some("three"));
}

#[test]
fn the_count_of_names_is_a_number_of_32_bits_and_never_goes_back() {
    let stat = StatPersisted { cversion: i32::MAX - 1, ..StatPersisted::default() };
    let mut leader = Leader::with_stat(stat);
    leader.write(create("/p/s-", 2)).unwrap();
    leader.write(create("/p/s-", 2)).unwrap();
    assert_eq!(leader.children("/p"), ["s-2147483646", "s-2147483647"]);
    let count = |leader: &Leader| leader.tree.node("/p").unwrap().persisted().cversion;
    assert_eq!(count(&leader), i32::MAX);
    let pzxid = leader.stat("/p").pzxid;
    // As in ZooKeeper: names with this prefix are used up.
    for _ in 0..2 {
        assert_eq!(leader.write(create("/p/s-", 2)), Err(NodeExists));
    }
    leader.make(&["/p/other"]);
    assert_eq!((count(&leader), leader.stat("/p").pzxid), (i32::MAX, pzxid));
    assert_eq!(leader.stat("/p").cversion, i32::MAX.wrapping_mul(2).wrapping_sub(3));
}

#[test]
fn followers_read_the_name_out_of_the_transaction() {
    let mut leader = Leader::new();
    leader.make(&["/q"]);
    leader.propose(create("/q/s-", 2)).unwrap();
    let payload = &leader.log.last().unwrap().payload;
    let (header, txn, digest) = Txn::decode_payload(payload).unwrap();
    let Txn::Create(txn) = txn else { panic!("a create, not {txn:?}") };
    assert_eq!((&*txn.path, txn.parent_cversion), ("/q/s-0000000000", 1));
    assert_eq!((header.zxid, header.time), (leader.last, leader.time));
    assert_eq!(digest.map(|digest| digest.tree as u64), Some(leader.pending.digest()));
    leader.apply_all();
}

#[test]
fn what_is_applied_twice_changes_nothing_more() {
    let mut leader = Leader::new();
    leader.make(&["/a", "/a/b"]);
    leader.write(set("/a/b", "new", 0)).unwrap();
    leader.write(set_acl("/a", only(Perms::ALL), 0)).unwrap();
    leader.write(create("/e", 1)).unwrap();
    leader.write(delete("/a/b", 1)).unwrap();
    let tree = leader.tree.clone();
    let last = leader.log.last().unwrap();
    replay(&mut leader.tree, &last.payload, &mut Vec::new());
    assert!(leader.tree == tree, "the last transaction was applied twice");
    let all = leader.log.clone();
    for logged in &all {
        replay(&mut leader.tree, &logged.payload, &mut Vec::new());
    }
    assert_eq!(leader.children("/"), ["a", "e", "zookeeper"]);
    assert_eq!(leader.stat("/a"), tree.node("/a").unwrap().stat());
    assert_eq!(leader.stat("/").pzxid, tree.node("/").unwrap().stat().pzxid);
}

#[test]
fn a_replay_never_sets_a_parent_back() {
    let mut leader = Leader::new();
    leader.make(&["/a", "/a/b"]);
    leader.write(delete("/a/b", -1)).unwrap();
    let early = leader.log.clone();
    // A snapshot that was written meanwhile has all of this.
    leader.make(&["/a/c"]);
    let parent = leader.stat("/a");
    for logged in &early {
        replay(&mut leader.tree, &logged.payload, &mut Vec::new());
    }
    assert_eq!(leader.stat("/a"), parent);
}

#[test]
fn a_deletion_of_what_is_gone_already_moves_the_parents_pzxid() {
    let mut leader = Leader::new();
    leader.make(&["/a"]);
    let op = OpCode::Delete.code();
    let header = TxnHeader { session: ME, cxid: 0, zxid: Zxid(9), time: 9, op };
    let txn = Txn::Delete(DeleteTxn { path: "/a/gone".into() });
    let outcome = apply(&mut leader.tree, &header, &txn, &mut Vec::new());
    assert_eq!(outcome, Outcome::failed(NoNode));
    assert_eq!(leader.stat("/a").pzxid, Zxid(9), "the parent in the snapshot may be older");
}

#[test]
fn a_node_that_is_there_before_its_creation_is_applied_gets_its_list() {
    let mut leader = Leader::new();
    leader.make(&["/a"]);
    let creation = leader.log.last().unwrap().payload.clone();
    let before = leader.tree.node("/a").unwrap().acl().clone();
    // A snapshot that was written meanwhile has the node, and a list from before or after.
    leader.write(set_acl("/a", only(Perms::READ), 0)).unwrap();
    replay(&mut leader.tree, &creation, &mut Vec::new());
    assert_eq!(leader.tree.node("/a").unwrap().acl(), &before);
    let change = leader.log.last().unwrap().payload.clone();
    replay(&mut leader.tree, &change, &mut Vec::new());
    assert_eq!(leader.tree.node("/a").unwrap().acl()[..], only(Perms::READ));
}

#[test]
fn every_child_is_listed_once_and_counted() {
    let mut leader = Leader::new();
    leader.make(&["/a", "/a/b", "/a/b/c", "/ab", "/a/d"]);
    let below = |path: &str| leader.tree.count_below(leader.tree.node(path).unwrap());
    assert_eq!((below("/a"), below("/ab"), below("/zookeeper"), below("/")), (3, 0, 2, 8));
    let names: BTreeSet<&str> = leader.children("/").into_iter().collect();
    assert_eq!(names, ["a", "ab", "zookeeper"].into());
    assert_eq!(leader.tree.len(), 9);
    assert_eq!(leader.stat("/a").num_children, 2);
    assert_eq!(leader.stat("/a").pzxid, Zxid(5));
}
