//! Claim 25: there is never more than one leader.
//!
//! In one epoch at most one can commit. But a leader that is cut off does not know it at once: while
//! the others have chosen another, it goes on answering reads from its memory, until it has heard
//! nothing of a quorum for about syncLimit times tickTime. What it is asked to write meanwhile it
//! proposes to itself, and nobody is told that it was done.
//!
//! Book: chapter 18.

use std::time::Duration;

use machines::Trace;
use zxid::Zxid;

use super::bent::Bend;
use super::crowd::{Crowd, SYNC_LIMIT, TICK, node};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwoLeaders {
    /// For how long two servers led, each in its own epoch, and both served.
    pub together: Duration,
    /// Their epochs.
    pub epochs: Vec<u32>,
    /// What a reader by the old leader had not seen at the end of that time, though it was done.
    pub unseen: bool,
    /// Whether what the old leader was asked to write was ever delivered by anybody.
    pub old_write_done: bool,
    /// Whether the old leader stopped serving by itself, still cut off; how long after the cut.
    pub noticed_after: Option<Duration>,
    /// About how long that may take.
    pub limit: Duration,
    /// The law that was broken, if any.
    pub broken: Option<String>,
}

/// Three servers. The leader, 3, is cut off; its clock is a little slow. The others choose another
/// and write, and a client of the old leader writes too.
pub fn two_leaders(seed: u64) -> (Trace, TwoLeaders) {
    let mut crowd = Crowd::new(3, Bend::Nothing, seed);
    let all_serve = |crowd: &Crowd| (1..=3).all(|server| crowd.serves(server));
    assert!(crowd.until(all_serve), "all servers come to serve");
    crowd.write(3, "before");
    assert!(crowd.until(|crowd| crowd.applied(&[1, 2, 3], Zxid::new(1, 1))), "it is done");

    crowd.world.set_drift(node(3), -200_000);
    crowd.world.part(&[node(3)], &[node(1), node(2)]);
    let cut = crowd.world.now();
    crowd.write(3, "to nobody");
    let both = crowd.until(|crowd| crowd.leaders().len() > 1);
    let (begin, leaders) = (crowd.world.now(), crowd.leaders());
    let mut unseen = false;
    if both {
        let new = leaders.iter().max_by_key(|(_, epoch)| *epoch).expect("there are two").0;
        crowd.write(new, "after");
        crowd.until(|crowd| crowd.applied(&[1, 2], Zxid::new(2, 1)) || crowd.leaders().len() < 2);
        let done = crowd.applied(&[1, 2], Zxid::new(2, 1));
        unseen = done && crowd.serves(3) && !crowd.applied(&[3], Zxid::new(2, 1));
    }
    let gave_up = crowd.until(|crowd| !crowd.serves(3));
    let together = if both { crowd.world.now() - begin } else { Duration::ZERO };
    let noticed_after = gave_up.then(|| crowd.world.now() - cut);

    crowd.world.set_drift(node(3), 0);
    crowd.world.heal();
    let agreed = |crowd: &Crowd| crowd.applied(&[1, 2, 3], Zxid::new(2, 1));
    assert!(crowd.until(agreed), "all come to have the same");
    crowd.run(Duration::from_secs(1));
    let old = Zxid::new(1, 2);
    let lines = crowd.world.trace().lines();
    let old_write_done = lines.iter().any(|line| line.text == format!("Deliver {old}"));
    let facts = TwoLeaders {
        together,
        epochs: leaders.iter().map(|(_, epoch)| *epoch).collect(),
        unseen,
        old_write_done,
        noticed_after,
        limit: TICK * SYNC_LIMIT,
        broken: crowd.broken(),
    };
    (crowd.trace(), facts)
}
