//! What a creation will be: the leader says it in a transaction, and nothing is applied yet.

use jute::records::ErrorCode::*;
use jute::records::{OpCode, Perms, Txn};

use crate::leader::{Leader, ME, create, create_by, create_with, delete, only, set_acl};

/// The transaction that was prepared last.
fn agreed(leader: &Leader) -> Txn<'_> {
    let logged = leader.log.last().expect("something was prepared");
    let (_, txn, _) = Txn::decode_payload(&logged.payload).expect("what was encoded decodes");
    txn
}

/// The node that it creates.
fn name(leader: &Leader) -> String {
    match agreed(leader) {
        Txn::Create(txn) => txn.path.to_string(),
        Txn::CreateContainer(txn) => txn.path.to_string(),
        Txn::CreateTtl(txn) => txn.path.to_string(),
        other => panic!("a creation, not {other:?}"),
    }
}

#[test]
fn the_transaction_of_a_sequential_node_says_its_whole_name() {
    let mut leader = Leader::new();
    leader.propose(create("/q", 0)).unwrap();
    assert_eq!(name(&leader), "/q");
    leader.propose(create("/q/s-", 2)).unwrap();
    assert_eq!(name(&leader), "/q/s-0000000000", "no follower chooses a name");
    leader.propose(create("/q/e-", 3)).unwrap();
    assert_eq!(name(&leader), "/q/e-0000000001", "names sort as numbers do");
    leader.propose(create_by(OpCode::CreateTtl, "/q/", 6, Some(9))).unwrap();
    assert_eq!(name(&leader), "/q/0000000002");
}

#[test]
fn a_sequential_name_never_comes_back() {
    let mut leader = Leader::new();
    leader.propose(create("/q", 0)).unwrap();
    leader.propose(create("/q/s-", 2)).unwrap();
    leader.propose(create("/q/s-", 2)).unwrap();
    leader.propose(delete("/q/s-0000000001", -1)).unwrap();
    leader.propose(create("/q/s-", 2)).unwrap();
    assert_eq!(name(&leader), "/q/s-0000000002", "whoever waits for 1 would watch a stranger");
    // Creations of all kinds count.
    leader.propose(create("/q/plain", 0)).unwrap();
    leader.propose(create("/q/s-", 2)).unwrap();
    assert_eq!(name(&leader), "/q/s-0000000004");
}

#[test]
fn a_name_is_taken_from_the_moment_at_which_it_is_agreed() {
    let mut leader = Leader::new();
    leader.propose(create("/a", 0)).unwrap();
    assert_eq!(leader.propose(create("/a", 0)), Err(NodeExists), "the first is on its way");
    assert_eq!(leader.propose(create("/a", 1)), Err(NodeExists));
    leader.propose(delete("/a", -1)).unwrap();
    leader.propose(create("/a", 0)).unwrap();
    assert!(!leader.has("/a"), "nothing is applied");
}

#[test]
fn an_ephemeral_node_that_is_on_its_way_gets_no_children() {
    let mut leader = Leader::new();
    leader.propose(create("/e", 1)).unwrap();
    assert_eq!(leader.propose(create("/e/x", 0)), Err(NoChildrenForEphemerals));
    assert_eq!(leader.propose(create("/e/x", 3)), Err(NoChildrenForEphemerals));
    leader.propose(create_by(OpCode::CreateContainer, "/c", 4, None)).unwrap();
    leader.propose(create_by(OpCode::CreateTtl, "/t", 5, Some(9))).unwrap();
    for path in ["/c/x", "/t/x"] {
        leader.propose(create(path, 1)).unwrap();
    }
}

#[test]
fn who_may_not_create_does_not_learn_which_names_exist() {
    let mut leader = Leader::new();
    leader.propose(create("/closed", 0)).unwrap();
    leader.propose(create("/closed/child", 0)).unwrap();
    leader.propose(set_acl("/closed", only(Perms::READ), -1)).unwrap();
    for path in ["/closed/child", "/closed/other"] {
        assert_eq!(leader.propose(create(path, 0)), Err(NoAuth), "{path}");
    }
}

#[test]
fn what_is_looked_at_first_decides_on_the_error() {
    let mut leader = Leader::new();
    leader.propose(create("/a", 0)).unwrap();
    for (path, error) in [
        ("", BadArguments),
        ("a", BadArguments),
        ("/", NodeExists),
        ("/a", NodeExists),
        ("/a/", BadArguments),
        ("/a/..", BadArguments),
        ("/nope/x", NoNode),
        ("/nope/x\0", BadArguments),
        ("/zookeeper/config/x", NoAuth),
    ] {
        assert_eq!(leader.propose(create(path, 0)), Err(error), "{path:?}");
    }
    let without_a_list = create_with("/nope/x", 0, None, Vec::new());
    assert_eq!(leader.propose(without_a_list), Err(InvalidAcl));
    assert_eq!(leader.propose(create("/a/x", 7)), Err(BadArguments));
}

#[test]
fn the_kind_decides_which_transaction_it_is() {
    let mut leader = Leader::new();
    // Each says how often the root will have got a child.
    leader.propose(create("/p", 0)).unwrap();
    assert!(matches!(agreed(&leader), Txn::Create(t) if !t.ephemeral && t.parent_cversion == 1));
    leader.propose(create("/e", 1)).unwrap();
    assert!(matches!(agreed(&leader), Txn::Create(t) if t.ephemeral && t.parent_cversion == 2));
    leader.propose(create_by(OpCode::CreateContainer, "/c", 4, None)).unwrap();
    assert!(matches!(agreed(&leader), Txn::CreateContainer(t) if t.parent_cversion == 3));
    leader.propose(create_by(OpCode::CreateTtl, "/t", 5, Some(9))).unwrap();
    assert!(matches!(agreed(&leader), Txn::CreateTtl(t) if t.ttl == 9 && t.parent_cversion == 4));
}

#[test]
fn what_is_prepared_next_sees_the_new_node_and_its_parent() {
    let mut leader = Leader::new();
    leader.propose(create("/a", 1)).unwrap();
    let will_be = |path| leader.pending.node(&leader.tree, path).expect("it will be there");
    let (node, above) = (will_be("/a"), will_be("/"));
    assert_eq!((node.stat.czxid, node.stat.ctime), (leader.last, leader.time));
    assert_eq!((node.stat.ephemeral_owner, node.data_length), (ME.0, 1));
    assert_eq!((above.stat.cversion, above.stat.pzxid), (1, leader.last));
}
