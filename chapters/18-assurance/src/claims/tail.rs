//! Claims 9 and 24: what a dead leader had not committed is always discarded; and an old leader
//! that comes back cannot win, because its zxid is smaller.
//!
//! Its zxid is larger, as long as the new epoch has no transaction. It does not win since a quorum
//! has the new epoch on disk, and votes are compared by that first; then its tail is cut. But if it
//! is back before any other epoch is established, it is elected, and what it had proposed is
//! committed. Its client was told neither.
//!
//! Book: chapter 10.

use std::time::Duration;

use machines::{Kind, Trace};
use zxid::Zxid;

use super::bent::Bend;
use super::crowd::{Crowd, node};

/// When the old leader comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// Before there is another: the others start again with it.
    InTime,
    /// When another leads, in a new epoch.
    ToALeader,
    /// When another has led, in a new epoch, and has crashed: to the next election.
    ToAnElection,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The transaction that the old leader alone has.
    pub zxid: Zxid,
    /// Whether the old leader delivered it before it crashed, so that a client could be told.
    pub told: bool,
    /// When it is back: the end of its log, and the furthest one of the others.
    pub ends: (Zxid, Zxid),
    /// Who leads in the end, and in which epoch.
    pub leader: (i64, u32),
    /// Who has the transaction in the end, of those that run.
    pub has_it: Vec<i64>,
    /// Who delivered it.
    pub delivered: Vec<i64>,
    /// The law that was broken, if any.
    pub broken: Option<String>,
}

/// Three servers. The leader of epoch 1, server 3, logs a second transaction that reaches nobody,
/// and crashes. Then it is back.
pub fn uncommitted_tail(back: Back, seed: u64) -> (Trace, Tail) {
    let (old, zxid) = (3, Zxid::new(1, 2));
    let mut crowd = Crowd::new(3, Bend::Nothing, seed);
    let all_serve = |crowd: &Crowd| (1..=3).all(|server| crowd.serves(server));
    assert!(crowd.until(all_serve), "all servers come to serve");
    assert_eq!(crowd.leaders(), [(old, 1)], "of equal histories the largest number wins");
    crowd.write(old, "done");
    assert!(crowd.until(|crowd| crowd.applied(&[1, 2, 3], Zxid::new(1, 1))), "it is done");
    crowd.write_alone(old, "not done");
    let deliver = format!("Deliver {zxid}");
    let told = crowd.count(old, Kind::Answered, &deliver) > 0;

    if back == Back::InTime {
        [1, 2].into_iter().for_each(|server| crowd.world.crash(node(server)));
    } else {
        let another_leads = |crowd: &Crowd| !crowd.leaders().is_empty();
        assert!(crowd.until(another_leads), "1 and 2 are a quorum");
        crowd.run(Duration::from_secs(1));
    }
    let ends = (crowd.on_disk(old), crowd.on_disk(1).max(crowd.on_disk(2)));
    match back {
        Back::InTime => {
            [1, 2].into_iter().for_each(|server| crowd.world.restart(node(server)));
        }
        Back::ToALeader => {}
        Back::ToAnElection => {
            let (leader, _) = crowd.leaders()[0];
            crowd.world.crash(node(leader));
        }
    }
    crowd.world.restart(node(old));
    let serves_again = |crowd: &Crowd| crowd.serves(old) && !crowd.leaders().is_empty();
    assert!(crowd.until(serves_again), "two of three run");
    crowd.run(Duration::from_secs(1));

    let has = |server: &i64| crowd.content(*server, zxid).is_some();
    let delivers = |server: &i64| crowd.count(*server, Kind::Answered, &deliver) > 0;
    let facts = Tail {
        zxid,
        told,
        ends,
        leader: crowd.leaders()[0],
        has_it: (1..=3).filter(has).collect(),
        delivered: (1..=3).filter(delivers).collect(),
        broken: crowd.broken(),
    };
    (crowd.trace(), facts)
}
