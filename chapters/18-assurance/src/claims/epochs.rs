//! Claim 8: the new epoch is the largest epoch of any zxid in the logs, plus one.
//!
//! It is one more than the largest epoch that a quorum has *accepted*, which each server keeps in a
//! file of its own. An epoch can be established without a transaction, and then no log knows of it:
//! by the rule as stated it is used twice, two transactions have one zxid, and those who compare
//! zxids take two histories for the same.
//!
//! Book: chapter 9. As ZooKeeper: `Leader.getEpochToPropose`, and the file `acceptedEpoch`.

use machines::Trace;
use zxid::Zxid;

use super::bent::Bend;
use super::crowd::{Crowd, node};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reused {
    /// The epochs of the three leaders, in their order.
    pub epochs: [u32; 3],
    /// The first transaction of the last leader.
    pub zxid: Zxid,
    /// What servers 1 to 3 have by this name in the end, when all serve.
    pub contents: [Option<String>; 3],
    /// The law that was broken, if any.
    pub broken: Option<String>,
}

/// Three servers with a transaction of epoch 1. Servers 1 and 3 establish an epoch without 2, and
/// its leader, 3, logs something that nobody else gets. It stays away, and servers 1 and 2
/// establish an epoch and write. Then 3 is back.
pub fn epoch_of_the_log(bend: Bend, seed: u64) -> (Trace, Reused) {
    let mut crowd = Crowd::new(3, bend, seed);
    let all_serve = |crowd: &Crowd| (1..=3).all(|server| crowd.serves(server));
    assert!(crowd.until(all_serve), "all servers come to serve");
    let (old, first) = crowd.leaders()[0];
    crowd.write(old, "before");
    assert!(crowd.until(|crowd| crowd.applied(&[1, 2, 3], Zxid::new(1, 1))), "it is done");

    (1..=3).for_each(|server| crowd.world.crash(node(server)));
    [1, 3].into_iter().for_each(|server| crowd.world.restart(node(server)));
    assert!(crowd.until(|crowd| crowd.serves(1) && crowd.serves(3)), "1 and 3 are a quorum");
    let (old, second) = crowd.leaders()[0];
    assert_eq!(old, 3, "of equal histories the larger number wins");
    crowd.write_alone(old, "of the old leader");

    crowd.world.crash(node(1));
    [1, 2].into_iter().for_each(|server| crowd.world.restart(node(server)));
    assert!(crowd.until(|crowd| crowd.serves(1) && crowd.serves(2)), "1 and 2 are a quorum");
    let (new, third) = crowd.leaders()[0];
    let zxid = Zxid::new(third, 1);
    crowd.write(new, "of the new leader");
    assert!(crowd.until(|crowd| crowd.applied(&[1, 2], zxid)), "it is done");
    crowd.world.restart(node(old));
    assert!(crowd.until(|crowd| crowd.applied(&[old], zxid) && crowd.serves(old)), "it is back");

    let contents = [1, 2, 3].map(|server| crowd.content(server, zxid));
    let (epochs, broken) = ([first, second, third], crowd.broken());
    (crowd.trace(), Reused { epochs, zxid, contents, broken })
}
