//! Quotas, as in the recorded conversation `quota.json`, and hard ones.

use jute::records::{Acl, ErrorCode};
use znodes::{Loading, OverQuota};

use crate::leader::{Leader, create, create_with, delete, set};

const LIMITS: &str = "/zookeeper/quota/qq/zookeeper_limits";
const STATS: &str = "/zookeeper/quota/qq/zookeeper_stats";

fn with_data<'a>(path: &'a str, data: &'a str) -> znodes::Op<'a> {
    create_with(path, 0, Some(data.as_bytes()), Acl::open())
}

fn limited(limits: &str) -> Leader {
    let mut leader = Leader::new();
    leader.write(create_with("/qq", 0, None, Acl::open())).unwrap();
    leader.write(create_with("/zookeeper/quota/qq", 0, None, Acl::open())).unwrap();
    leader.write(with_data(LIMITS, limits)).unwrap();
    leader.write(with_data(STATS, "count=0,bytes=0")).unwrap();
    leader
}

#[test]
fn the_use_is_counted_as_zookeeper_counts_it() {
    let mut leader = limited("count=2,bytes=-1=;byteHardLimit=-1;countHardLimit=-1");
    let stat = leader.stat(STATS);
    assert_eq!(leader.data(STATS), Some("count=1,bytes=0"), "the node itself counts");
    leader.write(with_data("/qq/a", "hello")).unwrap();
    assert_eq!(leader.data(STATS), Some("count=2,bytes=5"));
    assert_eq!(leader.tree.over_quota("/qq/a"), []);
    leader.write(with_data("/qq/b", "x")).unwrap();
    leader.write(with_data("/qq/c", "x")).unwrap();
    assert_eq!(leader.data(STATS), Some("count=4,bytes=7"));
    let over = OverQuota { path: "/qq".to_owned(), what: "nodes", limit: 2, used: 4 };
    assert_eq!(leader.tree.over_quota("/qq/c"), [over]);
    assert_eq!(leader.stat(STATS), stat, "no transaction has changed it");
    assert_eq!(leader.changes.len(), 1, "nobody is told of the books");
    leader.write(delete("/qq/c", -1)).unwrap();
    assert_eq!(leader.data(STATS), Some("count=3,bytes=6"));
    leader.write(set("/qq/a", "hi", -1)).unwrap();
    assert_eq!(leader.data(STATS), Some("count=3,bytes=3"));
    leader.make(&["/qqq"]);
    assert_eq!(leader.data(STATS), Some("count=3,bytes=3"), "/qqq is not below /qq");

    for path in [LIMITS, STATS, "/zookeeper/quota/qq"] {
        leader.write(delete(path, -1)).unwrap();
    }
    leader.make(&["/qq/d"]);
    assert_eq!(leader.tree.over_quota("/qq/d"), []);
}

#[test]
fn soft_limits_of_bytes_are_told_too() {
    let mut leader = limited("count=-1,bytes=4");
    leader.write(with_data("/qq/a", "hello")).unwrap();
    let over = OverQuota { path: "/qq".to_owned(), what: "bytes", limit: 4, used: 5 };
    assert_eq!(leader.tree.over_quota("/qq/a"), [over]);
}

#[test]
fn hard_limits_refuse_only_if_they_are_enforced() {
    let limits = "count=-1,bytes=-1=;byteHardLimit=5;countHardLimit=2";
    let mut leader = limited(limits);
    leader.enforce_quota = true;
    leader.write(with_data("/qq/a", "12345")).unwrap();
    assert_eq!(leader.write(create("/qq/b", 0)), Err(ErrorCode::QuotaExceeded));
    assert_eq!(leader.write(set("/qq/a", "123456", -1)), Err(ErrorCode::QuotaExceeded));
    leader.write(set("/qq/a", "54321", -1)).unwrap();
    leader.make(&["/elsewhere"]);
    // The quota is looked at after whether the node is there, and before the version.
    assert_eq!(leader.write(create("/qq/a", 0)), Err(ErrorCode::NodeExists));
    assert_eq!(leader.write(set("/qq/a", "123456", 9)), Err(ErrorCode::QuotaExceeded));

    leader.enforce_quota = false;
    leader.make(&["/qq/b"]);
    assert_eq!(leader.data(STATS), Some("count=3,bytes=6"));
}

#[test]
fn the_deepest_quota_counts() {
    let mut leader = limited("count=1,bytes=-1");
    leader.make(&["/qq/in", "/zookeeper/quota/qq/in"]);
    leader.write(with_data("/zookeeper/quota/qq/in/zookeeper_limits", "count=9,bytes=-1")).unwrap();
    leader.write(with_data("/zookeeper/quota/qq/in/zookeeper_stats", "")).unwrap();
    leader.make(&["/qq/in/x"]);
    let inner = leader.data("/zookeeper/quota/qq/in/zookeeper_stats");
    assert_eq!(inner, Some("count=2,bytes=2"));
    assert_eq!(leader.data(STATS), Some("count=2,bytes=1"));
    assert_eq!(leader.tree.over_quota("/qq/in/x"), []);
}

#[test]
fn limits_that_are_not_numbers_are_none() {
    for limits in ["", "count", "count=,bytes=", "count=x", "=;;,,==", "count=99999999999999999999"]
    {
        let mut leader = limited(limits);
        leader.enforce_quota = true;
        leader.make(&["/qq/a", "/qq/b"]);
        assert_eq!(leader.tree.over_quota("/qq/b"), [], "{limits}");
    }
}

#[test]
fn quotas_are_found_again_in_a_tree_that_was_loaded() {
    let mut leader = limited("count=2,bytes=-1");
    leader.make(&["/qq/a"]);
    let mut loading = Loading::new(1, true);
    leader.tree.visit_all(|path, node| {
        let path = if path == "/" { "" } else { path };
        // The books are out of date, as they may be in a snapshot that was taken meanwhile.
        let data = if path == STATS { Some(&b"count=77,bytes=77"[..]) } else { node.data() };
        assert!(loading.add(path, data, node.acl(), node.persisted()), "{path}");
        true
    });
    let mut again = Leader::over(loading.finish());
    assert!(again.tree == leader.tree);
    again.last = leader.last;
    again.make(&["/qq/b"]);
    assert_eq!(again.data(STATS), Some("count=3,bytes=2"));
    assert_eq!(again.tree.over_quota("/qq/b").len(), 1);
}
