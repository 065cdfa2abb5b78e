//! Random histories: the model, the replicas and the digest all agree on them.

use std::collections::BTreeMap;

use machines::Dice;
use znodes::{Pending, Tree};

use crate::leader::{Leader, replay};
use crate::wishes::{Model, Wish, somebody};

/// The digest of a tree, computed from nothing but its nodes, as the disk format defines it.
fn digest(tree: &Tree) -> u64 {
    let mut sum = 0u64;
    tree.visit_all(|path, node| {
        if path.starts_with("/zookeeper/") {
            return true;
        }
        let stat = node.persisted();
        let mut bytes = if path == "/" { Vec::new() } else { path.as_bytes().to_vec() };
        bytes.extend(node.data().unwrap_or_default());
        for number in [stat.czxid.0 as i64, stat.mzxid.0 as i64, stat.pzxid.0 as i64] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(stat.ctime.to_be_bytes());
        bytes.extend(stat.mtime.to_be_bytes());
        for number in [stat.version, stat.cversion, stat.aversion] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(stat.ephemeral_owner.to_be_bytes());
        sum = sum.wrapping_add(u64::from(crc32fast::hash(&bytes)));
        true
    });
    sum
}

#[test]
fn a_model_that_knows_nothing_of_transactions_agrees() {
    let mut outcomes = BTreeMap::new();
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let (mut leader, mut model) = (Leader::new(), Model::new());
        let patience = dice.below(12);
        for _ in 0..200 {
            let (who, wish) = (somebody(&mut dice), Wish::random(&mut dice, false));
            let proposed = wish.propose(who, &mut leader);
            let granted = model.grant(who, &wish, (leader.last, leader.time));
            assert_eq!(proposed, granted, "seed {seed}: {wish:?}");
            *outcomes.entry(granted.err()).or_insert(0) += 1;
            // So many may wait for the disk.
            while leader.log.len() - leader.applied > patience {
                leader.apply_one();
            }
        }
        leader.apply_all();
        model.assert_is(&leader.tree);
        assert_eq!(leader.tree.digest(), digest(&leader.tree), "seed {seed}");
        let nothing = format!("{:?}", Pending::over(&leader.tree));
        assert_eq!(format!("{:?}", leader.pending), nothing, "seed {seed} leaves something behind");
    }
    assert!(outcomes.len() >= 6, "each outcome comes up: {outcomes:?}");
    assert!(outcomes.values().all(|count| *count > 20), "and not just once: {outcomes:?}");
}

#[test]
fn replicas_that_apply_the_same_transactions_are_equal() {
    for seed in 0..100 {
        let mut dice = Dice::new(seed);
        let mut leader = Leader::new();
        let mut follower = Tree::new(seed, true);
        for _ in 0..150 {
            let (who, wish) = (somebody(&mut dice), Wish::random(&mut dice, false));
            wish.propose(who, &mut leader).ok();
        }
        leader.apply_all();
        for logged in &leader.log {
            replay(&mut follower, &logged.payload, &mut Vec::new());
            assert_eq!(follower.digest(), logged.digest, "seed {seed}");
        }
        assert!(follower == leader.tree, "seed {seed}");
        assert_eq!(digest(&follower), follower.digest());
    }
}

#[test]
fn the_digest_of_a_known_history_is_known() {
    assert_eq!(digest(&Tree::new(5, true)), 0x51c6_d660);
    let mut leader = Leader::new();
    let empty = leader.tree.digest();
    leader.make(&["/a"]);
    assert_ne!(leader.tree.digest(), empty);
    assert_eq!(leader.tree.digest(), digest(&leader.tree));
    // Nothing below /zookeeper counts, but what its creation does to /zookeeper does.
    let mut other = leader.tree.digest();
    leader.make(&["/zookeeper/quota/x"]);
    assert_eq!(leader.tree.digest(), other);
    leader.make(&["/zookeeper/x"]);
    assert_ne!(std::mem::replace(&mut other, leader.tree.digest()), other);
}
