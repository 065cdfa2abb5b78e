//! Claim 7: votes are compared by zxid and then by server, or by server first.
//!
//! They are compared by epoch, then zxid, then server. A wrong order alone loses nothing: whoever is
//! ahead of the wrong leader is refused by it in discovery, and nobody is served until the others
//! elect without it. With discovery's check left out as well, a write is lost that a client was told
//! of. The vote is for speed, discovery is for safety.
//!
//! A leader that sends a follower away goes on waiting for a quorum, up to initLimit. So the others
//! may have an election of their own behind them before it is back: how long the stall lasts is a
//! matter of time limits, and that nothing is lost is not.
//!
//! Book: chapter 18.

use std::time::Duration;

use machines::{Kind, Trace};
use zxid::Zxid;

use super::bent::Bend;
use super::crowd::{Crowd, node};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongOrder {
    /// Whether the write was delivered by a quorum, so that a client could be told of it.
    pub acknowledged: bool,
    /// How often a server that lacks it went to lead, and gave up again.
    pub refusals: usize,
    /// What the server that lacks it was given of its followers' histories before it first gave up.
    pub fetched: usize,
    /// How long after the restart somebody led and served; nothing if nobody ever did.
    pub served_after: Option<Duration>,
    /// Who leads in the end, and in which epoch.
    pub leader: Option<(i64, u32)>,
    /// Who has the write in the end, in its log on disk.
    pub has_it: Vec<i64>,
    /// The law that was broken, if any.
    pub broken: Option<String>,
}

/// Three servers in epoch 1; server 3 has lost its power. The others write, and a client is told.
/// Then all lose their power, and start again, behind a bend.
pub fn wrong_vote_order(bend: Bend, seed: u64) -> (Trace, WrongOrder) {
    let mut crowd = Crowd::new(3, bend, seed);
    let all_serve = |crowd: &Crowd| (1..=3).all(|server| crowd.serves(server));
    assert!(crowd.until(all_serve), "all servers come to serve");
    crowd.run(Duration::from_secs(1));
    crowd.world.power_loss(node(3));
    let two_serve = |crowd: &Crowd| crowd.leaders().iter().any(|(server, _)| *server != 3);
    assert!(crowd.until(two_serve), "1 and 2 are a quorum");
    crowd.run(Duration::from_secs(1));
    let (leader, epoch) = crowd.leaders()[0];
    let written = Zxid::new(epoch, 1);
    crowd.write(leader, "x");
    let acknowledged = crowd.until(|crowd| crowd.applied(&[1, 2], written));

    for server in [1, 2] {
        crowd.world.power_loss(node(server));
    }
    let before = crowd.count(3, Kind::Answered, "Ceased");
    let from = crowd.world.trace().lines().len();
    // The one that lacks it is there first, and is heard.
    for server in [3, 1, 2] {
        crowd.world.restart(node(server));
    }
    let restarted = crowd.world.now();
    let served = crowd.until(|crowd| !crowd.leaders().is_empty());
    let served_after = served.then(|| crowd.world.now() - restarted);
    crowd.run(Duration::from_secs(30));
    let has = |server: &i64| crowd.on_disk(*server) == written;
    let lines = crowd.world.trace().lines()[from..].iter().filter(|line| line.node == node(3));
    let first = lines.take_while(|line| !line.text.starts_with("Ceased"));
    let fetched =
        first.filter(|line| line.kind == Kind::Received && line.text.starts_with("Proposal"));
    let facts = WrongOrder {
        acknowledged,
        refusals: crowd.count(3, Kind::Answered, "Ceased") - before,
        fetched: fetched.count(),
        served_after,
        leader: crowd.leaders().last().copied(),
        has_it: (1..=3).filter(has).collect(),
        broken: crowd.broken(),
    };
    (crowd.trace(), facts)
}
