//! Claims about atomic commit, and experiments that test them.
//!
//! Each function plays one course of events and gives back its trace, who decided what, and who
//! still waits. Nothing is asserted here: what the outcome must be is for tests, and for the reader.
//!
//! Book: chapter 3.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use machines::{NodeId, Trace};

use crate::laws::Broken;
use crate::message::{Outcome, Txn};
use crate::schedule::Schedule;
use crate::stage::{FIRST, Play, Scene, Stage, transfer};
use crate::timeouts::Timeouts;

/// The first transaction of the second application, where there is one.
pub const SECOND: Txn = Txn { application: 2, number: 1 };

/// What came of an experiment.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// All that happened.
    pub trace: Trace,
    /// Who decided what on the first transaction. The application counts: it was told.
    pub decided: BTreeMap<NodeId, Outcome>,
    /// Who runs, has promised, and still does not know.
    pub in_doubt: BTreeSet<NodeId>,
    /// The same of the second transaction, where there is one.
    pub second: BTreeMap<NodeId, Outcome>,
    /// The first law that was broken.
    pub broken: Option<Broken>,
}

impl Experiment {
    /// Whether some have committed and others have aborted.
    pub fn is_split(&self) -> bool {
        self.decided.values().collect::<BTreeSet<_>>().len() == 2
    }
}

/// Two phases, and nothing fails.
pub fn two_phases(seed: u64) -> Experiment {
    experiment(&Scene::transfer(Play::TwoPhases, seed), "", 10)
}

/// Two phases, and a second application wants the same accounts: it waits in line.
pub fn second_waits(seed: u64) -> Experiment {
    experiment(&two_applications(seed), SECOND_COMES, 10)
}

/// Claim 28, first part. The coordinator dies when all have voted and nobody was told: everybody is
/// in doubt and stays so, and whoever else wants the accounts gets nowhere. Nothing is inconsistent.
pub fn coordinator_dies(seed: u64) -> Experiment {
    let schedule = format!("{SECOND_COMES}when \"→ 1 Voted 1.1\"#2 crash 1");
    experiment(&two_applications(seed), &schedule, 20)
}

/// The same, and the coordinator comes back: what was not on its disk has aborted.
pub fn coordinator_returns(seed: u64) -> Experiment {
    let crash = "when \"→ 1 Voted 1.1\"#2 power-loss 1\nafter 5s restart 1";
    experiment(&two_applications(seed), &format!("{SECOND_COMES}{crash}"), 20)
}

/// The coordinator dies when it has told one of two. The other asks that one.
pub fn one_was_told(seed: u64) -> Experiment {
    let schedule = "when \"1 → 3 Decision\" reset 1 3\nthen crash 1";
    experiment(&Scene::transfer(Play::TwoPhases, seed), schedule, 20)
}

/// As before, but the two cannot reach each other: one has committed, the other is in doubt.
pub fn window(seed: u64) -> Experiment {
    let schedule = "when \"1 → 3 Decision\" reset 1 3\nthen crash 1\nthen cut 2 from 3";
    experiment(&Scene::transfer(Play::TwoPhases, seed), schedule, 20)
}

/// The coordinator dies before it has asked one of two. The other asks that one, which is free to
/// abort, and does.
pub fn one_was_not_asked(seed: u64) -> Experiment {
    let schedule = "when \"c1 answered Asked\" cut 3 from 1\nwhen \"2 → 1 Voted\" crash 1";
    experiment(&Scene::transfer(Play::TwoPhases, seed), schedule, 20)
}

/// Over-conservative: all could commit, but one vote is late, and everything is aborted.
pub fn late_vote(seed: u64) -> Experiment {
    let schedule = "when \"3 ← 1 Prepare\" cut 3 from 1\nafter 2s mend all";
    experiment(&Scene::transfer(Play::TwoPhases, seed), schedule, 20)
}

/// Claim 28, second part. The coordinator dies when it has told one of two, and the other loses
/// patience and aborts on its own: a heuristic decision.
pub fn one_decides_alone(seed: u64) -> Experiment {
    let schedule = "when \"1 → 3 Decision\" reset 1 3\nthen crash 1\nthen cut 2 from 3\n\
                    after 5s mend all";
    experiment(&Scene::transfer(Play::Heuristics, seed), schedule, 20)
}

/// Claim 28, third part. The coordinator has told one of two, and loses its disk. When it is back it
/// finds no commit in its log, presumes an abort, and says so to the other. The two could have asked
/// each other, but that way is cut.
pub fn log_is_lost(seed: u64) -> Experiment {
    let schedule = "when \"1 → 3 Decision\" reset 1 3\nthen new-disk 1\nthen cut 2 from 3\n\
                    after 1s restart 1";
    experiment(&Scene::transfer(Play::TwoPhases, seed), schedule, 20)
}

/// Three phases, and nothing fails.
pub fn three_phases(seed: u64) -> Experiment {
    experiment(&Scene::transfer(Play::ThreePhases(Timeouts::Together), seed), "", 10)
}

/// Claim 12, what is true of it. The coordinator dies at the moment at which two phases block: those
/// that are left decide without it.
pub fn nobody_is_blocked(seed: u64) -> Experiment {
    experiment(
        &Scene::transfer(Play::ThreePhases(Timeouts::Together), seed),
        "when \"→ 1 Voted\"#2 crash 1",
        20,
    )
}

/// Claim 12, as it is often told, with timeouts that ask nobody: one crash is enough. The coordinator
/// dies between two messages, so one knows that all have voted yes and the other does not.
pub fn timeouts_alone(seed: u64) -> Experiment {
    let schedule = "when \"1 → 3 PreCommit\" reset 1 3\nthen crash 1";
    experiment(&Scene::transfer(Play::ThreePhases(Timeouts::Alone), seed), schedule, 20)
}

/// The same crash, and they ask each other: they decide alike.
pub fn timeouts_together(seed: u64) -> Experiment {
    let schedule = "when \"1 → 3 PreCommit\" reset 1 3\nthen crash 1";
    experiment(&Scene::transfer(Play::ThreePhases(Timeouts::Together), seed), schedule, 20)
}

/// Claim 12, refuted. Nobody dies; one is cut off when only the others know that all have voted yes.
/// Each side takes the other for dead.
pub fn partition(seed: u64) -> Experiment {
    let schedule = "when \"1 → 3 PreCommit\" cut 3 from 1 2\nafter 10s mend all";
    experiment(&Scene::transfer(Play::ThreePhases(Timeouts::Together), seed), schedule, 20)
}

/// Claim 12, refuted without a partition: nobody dies and everything gets through, but late.
pub fn slow_network(seed: u64) -> Experiment {
    let schedule = "when \"→ 1 Voted\"#2 delay 5s";
    experiment(&Scene::transfer(Play::ThreePhases(Timeouts::Together), seed), schedule, 40)
}

/// Where three phases block as well: all have crashed, and one of them is not back. It may have been
/// the last, and may have decided.
pub fn total_failure(seed: u64) -> Experiment {
    let schedule = "when \"→ 1 PreCommitted\"#2 crash 1\nthen crash 2\nthen crash 3\n\
                    after 1s restart 2\nthen restart 3";
    experiment(&Scene::transfer(Play::ThreePhases(Timeouts::Together), seed), schedule, 30)
}

/// The second application begins when the first has its locks.
const SECOND_COMES: &str = "when \"c1 answered Asked\" restart c2\n";

/// Two applications that want the same accounts.
fn two_applications(seed: u64) -> Scene {
    let transfers = vec![vec![transfer(&[(2, -30), (3, 30)])], vec![transfer(&[(2, -5), (3, 5)])]];
    Scene { transfers, ..Scene::transfer(Play::TwoPhases, seed) }
}

/// Plays a schedule for so many seconds.
fn experiment(scene: &Scene, schedule: &str, seconds: u64) -> Experiment {
    let schedule: Schedule = schedule.parse().expect("the schedules here can be read");
    let mut stage = Stage::recorded(scene);
    if scene.transfers.len() == 2 {
        stage.world.keep_down(SECOND.client());
    }
    let missing = schedule.play(&mut stage, Duration::from_secs(seconds));
    assert!(missing.is_empty(), "what {missing:?} waits for does not happen");
    let laws = stage.laws();
    let running = |node: &NodeId| stage.world.running(*node);
    Experiment {
        trace: stage.trace(),
        decided: laws.decided(FIRST),
        in_doubt: laws.in_doubt(FIRST).into_iter().filter(running).collect(),
        second: laws.decided(SECOND),
        broken: laws.broken().cloned(),
    }
}
