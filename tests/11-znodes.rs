//! Chapter 11: what must hold of the tree and of its transactions.
//!
//! Here: which requests are refused, and for which reason if there are several.

#[path = "11-znodes/creations.rs"]
mod creations;
#[path = "11-znodes/effects.rs"]
mod effects;
#[path = "11-znodes/kinds.rs"]
mod kinds;
#[path = "11-znodes/leader.rs"]
mod leader;
#[path = "11-znodes/multi.rs"]
mod multi;
#[path = "11-znodes/quota.rs"]
mod quota;
#[path = "11-znodes/random.rs"]
mod random;
#[path = "11-znodes/walk.rs"]
mod walk;
#[path = "11-znodes/wishes.rs"]
mod wishes;

use jute::records::ErrorCode::*;
use jute::records::{Acl, ErrorCode, OpCode, Perms};
use leader::{Leader, check, create, create_by, create_with, delete, only, reap, set, set_acl};
use znodes::{MAX_TTL, Op, Tree, path};

/// Every permission but these.
fn all_but(perms: Perms) -> Vec<Acl> {
    only(Perms(Perms::ALL.0 & !perms.0))
}

/// With `/a` and `/a/b`, an ephemeral `/e`, and nodes that lack one permission each.
fn furnished() -> Leader {
    let mut leader = Leader::new();
    leader.make(&["/a", "/a/b"]);
    leader.write(create("/e", 1)).unwrap();
    for (path, lacks) in [
        ("/no-create", Perms::CREATE),
        ("/no-delete", Perms::DELETE),
        ("/no-write", Perms::WRITE),
        ("/no-read", Perms::READ),
        ("/no-admin", Perms::ADMIN),
    ] {
        leader.write(create(path, 0)).unwrap();
        leader.make(&[&format!("{path}/child")]);
        leader.write(set_acl(path, all_but(lacks), -1)).unwrap();
    }
    leader
}

/// What is refused takes a zxid, changes nothing, and says why.
fn refused(leader: &mut Leader, op: Op<'_>, error: ErrorCode) {
    let (tree, last) = (leader.tree.clone(), leader.last);
    let asked = format!("{op:?}");
    assert_eq!(leader.write(op).err(), Some(error), "{asked}");
    assert!(leader.tree == tree, "{asked} was refused and changed something");
    assert_eq!(leader.last.0, last.0 + 1, "a write that is refused takes a zxid too");
}

#[test]
fn paths_are_valid_or_not() {
    for valid in [
        "/",
        "/a",
        "/a/b",
        "/a b",
        "/.x",
        "/...",
        "/a.",
        "/a/.b",
        "/a/..b",
        "/\u{20}",
        "/\u{7e}",
        "/\u{a0}",
        "/\u{d7ff}",
        "/\u{f900}",
        "/\u{ffef}",
        "/zookeeper/x",
        "/ä/ö",
    ] {
        assert!(path::is_valid(valid), "{valid:?} is valid");
    }
    for invalid in [
        "",
        "a",
        "a/b",
        "/a/",
        "//",
        "//a",
        "/a//b",
        "/.",
        "/..",
        "/a/.",
        "/a/..",
        "/./a",
        "/../a",
        "/a/../b",
        "/a\0",
        "/\0",
        "/\u{1}",
        "/\u{1f}",
        "/\u{7f}",
        "/\u{80}",
        "/\u{9f}",
        "/\u{e000}",
        "/\u{f8ff}",
        "/\u{fff0}",
        "/\u{ffff}",
        "/\u{10000}",
        "/\u{1f600}",
        "/a/\u{10ffff}",
    ] {
        assert!(!path::is_valid(invalid), "{invalid:?} is not valid");
    }
}

#[test]
fn create_refuses_bad_paths_with_the_error_of_zookeeper() {
    let mut leader = furnished();
    for (path, error) in [
        ("/", NodeExists),
        ("", BadArguments),
        ("a", BadArguments),
        ("/a/", BadArguments),
        ("/nope/", NoNode),
        ("/a//x", NoNode),
        ("/a/./x", NoNode),
        ("/a/.", BadArguments),
        ("/a/..", BadArguments),
        ("/a/x\0", BadArguments),
        ("/nope/x\0", BadArguments),
        ("/a/\u{1}", BadArguments),
        ("/a/b", NodeExists),
        ("/nope/x", NoNode),
        ("/e/child", NoChildrenForEphemerals),
        ("/zookeeper/config/x", NoAuth),
    ] {
        refused(&mut leader, create(path, 0), error);
    }
    leader.make(&["/zookeeper/x", "/zookeeper/quota/x"]);
}

/// Each request is wrong in two ways; the one that is looked at first decides.
#[test]
fn create_looks_at_what_is_asked_in_the_order_of_zookeeper() {
    let mut leader = furnished();
    let none = Vec::new;
    let acl = |path, acl| create_with(path, 0, None, acl);
    // The path before the list, the list before the parent, the parent before the permission.
    refused(&mut leader, acl("a", none()), BadArguments);
    refused(&mut leader, acl("/nope/x", none()), InvalidAcl);
    refused(&mut leader, acl("/no-create/x", none()), InvalidAcl);
    refused(&mut leader, acl("/no-create/nope/x", Acl::open()), NoNode);
    // The permission before the last part of the path, and before whether the node is there.
    refused(&mut leader, create("/no-create/.", 0), NoAuth);
    refused(&mut leader, create("/no-create/child", 0), NoAuth);
    // The path, the permission of the parent, and then that the parent is ephemeral.
    refused(&mut leader, create("/e/.", 0), BadArguments);
    leader.write(set_acl("/e", all_but(Perms::CREATE), -1)).unwrap();
    refused(&mut leader, create("/e/x", 0), NoAuth);
    // What kind of node is asked for comes before all of that.
    refused(&mut leader, create_by(OpCode::CreateTtl, "/nope/x", 5, Some(0)), BadArguments);
    refused(&mut leader, create_by(OpCode::Create2, "/nope/x", 7, None), BadArguments);
    let mut without_ttl = Leader::over(Tree::new(7, false));
    refused(&mut without_ttl, create_by(OpCode::CreateTtl, "a", 5, Some(0)), Unimplemented);
    refused(&mut without_ttl, create_by(OpCode::Create, "a", 6, None), Unimplemented);
    refused(&mut without_ttl, create_by(OpCode::CreateTtl, "a", 7, Some(5)), BadArguments);
}

#[test]
fn flags_and_times_to_live_must_fit_the_operation() {
    let mut leader = Leader::new();
    for op in [OpCode::Create, OpCode::Create2, OpCode::CreateContainer] {
        for flags in [-1, 5, 6, 7, i32::MAX, i32::MIN] {
            refused(&mut leader, create_by(op, "/x", flags, None), BadArguments);
        }
    }
    for flags in -1..=7 {
        for ttl in [0, -1, i64::MIN, MAX_TTL + 1, i64::MAX] {
            refused(
                &mut leader,
                create_by(OpCode::CreateTtl, "/x", flags, Some(ttl)),
                BadArguments,
            );
        }
    }
    for flags in [0, 1, 2, 3, 4] {
        refused(&mut leader, create_by(OpCode::CreateTtl, "/x", flags, Some(5)), BadArguments);
    }
    for ttl in [1, MAX_TTL] {
        let path = format!("/t{ttl}");
        leader.write(create_by(OpCode::CreateTtl, &path, 5, Some(ttl))).unwrap();
    }
}

#[test]
fn delete_looks_at_what_is_asked_in_the_order_of_zookeeper() {
    let mut leader = furnished();
    for (path, version, error) in [
        ("", -1, BadArguments),
        ("a", -1, BadArguments),
        ("/a/b\0", -1, BadArguments),
        ("/", -1, BadArguments),
        ("/zookeeper", 9, BadArguments),
        ("/zookeeper/quota", -1, BadArguments),
        ("/zookeeper/config", -1, BadArguments),
        ("/nope/x", -1, NoNode),
        // The permission before the node, the node before the version, then the children.
        ("/no-delete/nope", -1, NoAuth),
        ("/no-delete/child", 9, NoAuth),
        ("/a/nope", 9, NoNode),
        ("/a/", -1, NoNode),
        ("/a/.", -1, NoNode),
        ("/a", 9, BadVersion),
        ("/a", -2, BadVersion),
        ("/a", 0, NotEmpty),
        ("/a", -1, NotEmpty),
    ] {
        refused(&mut leader, delete(path, version), error);
    }
    // It is the parent's to give: the node's own list does not count.
    leader.write(set_acl("/a/b", only(Perms(0)), -1)).unwrap();
    leader.write(delete("/a/b", 0)).unwrap();
    leader.write(delete("/no-create/child", -1)).unwrap();
    leader.write(delete("/a", -1)).unwrap();
}

#[test]
fn set_data_looks_at_what_is_asked_in_the_order_of_zookeeper() {
    let mut leader = furnished();
    for (path, version, error) in [
        ("", -1, BadArguments),
        ("a", -1, BadArguments),
        ("/a/", -1, BadArguments),
        ("/nope/.", -1, BadArguments),
        ("/a\0", -1, BadArguments),
        ("/nope", 9, NoNode),
        ("/no-write", 9, NoAuth),
        ("/a", 1, BadVersion),
        ("/a", -2, BadVersion),
        ("/zookeeper/config", -1, NoAuth),
    ] {
        refused(&mut leader, set(path, "new", version), error);
    }
    for path in ["/", "/zookeeper", "/a", "/a/b", "/no-write/child"] {
        leader.write(set(path, "new", 0)).unwrap();
        assert_eq!(leader.data(path), Some("new"));
    }
}

#[test]
fn set_acl_looks_at_what_is_asked_in_the_order_of_zookeeper() {
    let mut leader = furnished();
    for (path, acl, version, error) in [
        ("/a/", Vec::new(), -1, BadArguments),
        ("", Acl::open(), -1, BadArguments),
        ("/nope", Vec::new(), 9, InvalidAcl),
        ("/no-admin", Vec::new(), 9, InvalidAcl),
        ("/nope", Acl::open(), 9, NoNode),
        ("/no-admin", Acl::open(), 9, NoAuth),
        ("/a", Acl::open(), 1, BadVersion),
        ("/a", Acl::open(), -2, BadVersion),
    ] {
        refused(&mut leader, set_acl(path, acl, version), error);
    }
    // Its version is that of the list, not of the data.
    leader.write(set("/a", "new", 0)).unwrap();
    leader.write(set_acl("/a", Acl::open(), 0)).unwrap();
    refused(&mut leader, set_acl("/a", Acl::open(), 0), BadVersion);
}

#[test]
fn check_looks_at_what_is_asked_in_the_order_of_zookeeper() {
    let mut leader = furnished();
    for (path, version, error) in [
        ("", -1, BadArguments),
        ("/a/", 9, BadArguments),
        ("/nope", 9, NoNode),
        ("/no-read", 9, NoAuth),
        ("/a", 1, BadVersion),
        ("/a", -2, BadVersion),
    ] {
        refused(&mut leader, check(path, version), error);
    }
    let before = leader.tree.clone();
    leader.write(check("/a", 0)).unwrap();
    leader.write(check("/no-write", -1)).unwrap();
    assert!(leader.tree == before, "a check changes nothing");
}

#[test]
fn the_reaper_asks_nobody_but_checks_again() {
    let mut leader = furnished();
    for (path, error) in [
        ("/", BadArguments),
        ("/zookeeper/quota", BadArguments),
        ("x", BadArguments),
        ("/nope", NoNode),
        ("/nope/x", NoNode),
        ("/a", NotEmpty),
        ("/e", BadVersion),
        // It may have taken the place of a container in the meantime.
        ("/a/b", BadVersion),
    ] {
        refused(&mut leader, reap(path), error);
    }
    let path = "/no-delete/container";
    leader.write(create_by(OpCode::CreateContainer, path, 4, None)).unwrap();
    leader.write(reap(path)).unwrap();
    assert!(!leader.has(path));
}

#[test]
fn lists_are_stored_as_they_were_resolved() {
    let mut leader = Leader::new();
    let auth = || vec![Acl::new(Perms::ALL, "auth", "")];
    let me = [Acl::new(Perms::ALL, "digest", "me")];
    leader.write(create_with("/mine", 0, None, auth())).unwrap();
    leader.make(&["/later"]);
    leader.write(set_acl("/later", auth(), -1)).unwrap();
    for path in ["/mine", "/later"] {
        assert_eq!(**leader.tree.node(path).unwrap().acl(), me);
    }
    // What is only proposed counts already.
    leader.make(&["/p"]);
    leader.propose(set_acl("/p", only(Perms::ADMIN), -1)).unwrap();
    assert_eq!(leader.propose(create("/p/x", 0)), Err(NoAuth));
    leader.apply_all();
}
