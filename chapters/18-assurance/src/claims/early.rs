//! Claim 17: every server, or more than half of the followers, must agree before a commit, and the
//! leader writes its own log first.
//!
//! A quorum of the voters must have it on disk, and the leader is one of them, like any other. Of
//! five servers, two followers and the leader are enough; and so are three followers, before the
//! leader's own disk is done. Nobody is asked whether it agrees.
//!
//! Book: chapter 18. As ZooKeeper: the leader's `SyncRequestProcessor` acknowledges to itself.

use machines::{Kind, Trace};
use zxid::Zxid;

use super::bent::Bend;
use super::crowd::{Crowd, node};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Early {
    /// Who had the transaction on disk when its leader committed it.
    pub on_disk: Vec<u64>,
    /// Who leads.
    pub leader: u64,
    /// Whether it was committed at all.
    pub committed: bool,
    /// The law that was broken, if any.
    pub broken: Option<String>,
}

/// Five servers, of which 5 leads. With `slow_leader` its disk is very slow, and with it the
/// writing of its own log; otherwise followers 1 and 2 are down, and 3 and 4 are all it has.
pub fn commit_before_the_leaders_disk(slow_leader: bool, seed: u64) -> (Trace, Early) {
    let leader = 5;
    let mut crowd = Crowd::new(5, Bend::Nothing, seed);
    let all_serve = |crowd: &Crowd| (1..=5).all(|server| crowd.serves(server));
    assert!(crowd.until(all_serve), "all servers come to serve");
    assert_eq!(crowd.leaders(), [(leader, 1)], "of equal histories the largest number wins");
    if slow_leader {
        crowd.world.slow(node(leader), 200);
    } else {
        crowd.world.crash(node(1));
        crowd.world.crash(node(2));
    }
    crowd.write(leader, "x");
    let written = Zxid::new(1, 1);
    let delivered = |crowd: &Crowd| crowd.count(leader, Kind::Answered, "Deliver 1.1") > 0;
    let delivers = |crowd: &Crowd| crowd.applied(&[leader], written) || delivered(crowd);
    let committed = crowd.until(delivers);
    let has = |server: &i64| crowd.on_disk(*server) >= written;
    let on_disk = (1..=5).filter(has).map(|server| server as u64).collect();
    let broken = crowd.broken();
    (crowd.trace(), Early { on_disk, leader: leader as u64, committed, broken })
}
