//! Puzzles: schedules that a learner constructs, and what is wrong with those that do not do it.
//!
//! Always true: a schedule that is accepted does what was asked, and does not without any one of
//! its cues.
//!
//! Book: chapter 3, exercises 3.2 and 3.3.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use machines::{NodeId, Trace};

use crate::message::Outcome;
use crate::schedule::{Act, Cue, Schedule};
use crate::stage::{FIRST, MANAGER, Play, Scene, Stage};
use crate::timeouts::Timeouts;

/// How many cues a schedule may have.
pub const BUDGET: usize = 4;

/// How long a schedule is played: a minute is more than any timeout.
const MINUTE: Duration = Duration::from_secs(60);

/// Why a schedule does not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It has more cues than may be needed.
    TooLong(usize),
    /// What it does is against the rules of this puzzle.
    Forbidden(Act),
    /// What a cue waits for never happens.
    NeverGiven(Cue),
    /// It would do the same without this cue.
    Needless(Cue),
    /// A participant that runs had not voted yes, and so it was free to abort, and told the others.
    FreeToAbort(NodeId),
    /// The coordinator came back and told.
    OnlySlow,
    /// No participant that runs has promised anything.
    NobodyPromised,
    /// A participant that runs knows the outcome: the others wait for it, not for the coordinator.
    SomebodyKnows(NodeId),
    /// Everybody knew the outcome before anything was done.
    TooLate,
    /// There were crashes, and nobody took somebody that ran for dead.
    OnlyCrashes,
    /// All that decided decided alike.
    Agreed(Outcome),
    /// Nobody has decided at all.
    Undecided,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::TooLong(cues) => {
                write!(f, "the schedule has {cues} cues; {BUDGET} are more than enough")
            }
            Wrong::Forbidden(act) => {
                write!(f, "`{act}` loses what a server was promised to keep; do without it")
            }
            Wrong::NeverGiven(cue) => write!(f, "what `{cue}` waits for never happens"),
            Wrong::Needless(cue) => write!(f, "the same happens without `{cue}`"),
            Wrong::FreeToAbort(node) => write!(
                f,
                "{node} had not voted yes: it may abort, and whoever asks it knows; so nothing is \
                 blocked"
            ),
            Wrong::OnlySlow => {
                write!(f, "the coordinator comes back and tells: not blocked, only slow")
            }
            Wrong::NobodyPromised => {
                write!(f, "no participant that runs has voted yes: all may abort on their own")
            }
            Wrong::SomebodyKnows(node) => {
                write!(
                    f,
                    "{node} runs and knows the outcome: it is only cut off from those in doubt"
                )
            }
            Wrong::TooLate => write!(f, "everybody knew the outcome before anything was done"),
            Wrong::OnlyCrashes => write!(
                f,
                "with crashes alone three phases are safe; you need a *false* suspicion: somebody \
                 that runs and is taken for dead, since nothing gets through or it is late"
            ),
            Wrong::Agreed(outcome) => write!(f, "all that decided decided to {outcome}"),
            Wrong::Undecided => write!(f, "nobody has decided anything"),
        }
    }
}

/// Exercise 3.2: after the schedule, at least one live participant of a two-phase commit is in doubt,
/// none that lives can decide, and none of its cues is needless. Gives the trace.
pub fn judge_block(schedule: &Schedule) -> Result<Trace, Wrong> {
    judge(schedule, blocks)
}

/// Exercise 3.3: after the schedule, one site of a three-phase commit has committed and another has
/// aborted, and none of its cues is needless. Gives the trace.
pub fn judge_split(schedule: &Schedule) -> Result<Trace, Wrong> {
    judge(schedule, splits)
}

fn judge(
    schedule: &Schedule,
    verdict: fn(&Schedule) -> Result<Trace, Wrong>,
) -> Result<Trace, Wrong> {
    let lost = schedule.0.iter().find(|cue| matches!(cue.act, Act::NewDisk(_)));
    if let Some(cue) = lost {
        return Err(Wrong::Forbidden(cue.act.clone()));
    }
    if schedule.0.len() > BUDGET {
        return Err(Wrong::TooLong(schedule.0.len()));
    }
    let trace = verdict(schedule)?;
    let needless = (0..schedule.0.len()).find(|index| verdict(&schedule.without(*index)).is_ok());
    needless.map_or(Ok(trace), |index| Err(Wrong::Needless(schedule.0[index].clone())))
}

fn blocks(schedule: &Schedule) -> Result<Trace, Wrong> {
    let stage = played(Play::TwoPhases, schedule)?;
    let decided = stage.laws().decided(FIRST);
    let runs = |node: &NodeId| stage.world.running(*node) && *node != MANAGER;
    let in_doubt: BTreeSet<NodeId> =
        stage.laws().in_doubt(FIRST).into_iter().filter(|node| runs(node)).collect();
    let banks = [NodeId::Server(2), NodeId::Server(3)].into_iter().filter(|node| runs(node));
    let promised = |node: &NodeId| stage.laws().has_promised(FIRST, *node);
    if !in_doubt.is_empty() {
        let knows = banks.into_iter().find(|node| decided.contains_key(node));
        return knows.map_or(Ok(stage.trace()), |node| Err(Wrong::SomebodyKnows(node)));
    }
    if let Some(free) = banks.clone().find(|node| !promised(node))
        && banks.clone().any(|node| promised(&node))
    {
        return Err(Wrong::FreeToAbort(free));
    }
    let back = |cue: &Cue| matches!(cue.act, Act::Restart(MANAGER) | Act::Resume(MANAGER));
    if schedule.0.iter().any(|cue| back(cue) || cue.act == Act::MendAll) {
        return Err(Wrong::OnlySlow);
    }
    match banks.into_iter().any(|node| promised(&node)) {
        true => Err(Wrong::TooLate),
        false => Err(Wrong::NobodyPromised),
    }
}

fn splits(schedule: &Schedule) -> Result<Trace, Wrong> {
    let stage = played(Play::ThreePhases(Timeouts::Together), schedule)?;
    let outcomes: BTreeSet<Outcome> = stage.laws().decided(FIRST).into_values().collect();
    if outcomes.len() == 2 {
        return Ok(stage.trace());
    }
    let crash = |cue: &Cue| {
        matches!(cue.act, Act::Crash(_) | Act::PowerLoss(_) | Act::Restart(_) | Act::Reset(..))
    };
    if schedule.0.iter().all(crash) {
        return Err(Wrong::OnlyCrashes);
    }
    Err(outcomes.first().map_or(Wrong::Undecided, |outcome| Wrong::Agreed(*outcome)))
}

fn played(play: Play, schedule: &Schedule) -> Result<Stage, Wrong> {
    let mut stage = Stage::recorded(&Scene::transfer(play, 1));
    match schedule.play(&mut stage, MINUTE) {
        // To wait for longer than the puzzle lasts is no help either.
        [cue, ..] => Err(Wrong::NeverGiven(cue.clone())),
        [] => Ok(stage),
    }
}
