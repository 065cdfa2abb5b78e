//! Claims that take a whole ensemble: production members, watched by the laws of chapter 18.

use assurance::claims::{
    Bend, Early, WrongOrder, commit_before_the_leaders_disk, two_leaders, wrong_vote_order,
};

use super::{Experiment, SEED, scene};

/// Claim 7: votes are compared by server first.
pub(super) fn vote_order() -> Experiment {
    let (wrong_trace, wrong) = wrong_vote_order(Bend::VoteOrder, SEED);
    let (lost_trace, lost) = wrong_vote_order(Bend::VoteOrderAndDiscovery, SEED);
    let says = |facts: &WrongOrder| match facts.has_it.as_slice() {
        [] => "The write that a client was told of is on no disk any more.".to_string(),
        some => format!(
            "Attempts of server 3 to lead that were refused: {}. The write is on the disks of {some:?}.",
            facts.refusals
        ),
    };
    let holds = [
        (wrong.acknowledged && lost.acknowledged, "no client was told of the write"),
        (wrong.refusals > 0 && wrong.broken.is_none(), "a wrong order alone did more than stall"),
        (!wrong.has_it.is_empty(), "a wrong order alone lost the write"),
        (lost.has_it.is_empty() && lost.broken.is_some(), "without the check nothing was lost"),
    ];
    let first = "Votes are compared by server; discovery refuses a leader that is behind";
    let second = "Votes are compared by server, and discovery refuses nobody";
    let scenes =
        vec![scene(first, wrong_trace, says(&wrong)), scene(second, lost_trace, says(&lost))];
    Experiment::of(scenes, &holds)
}

/// Claim 17: who must agree before a commit.
pub(super) fn agreement() -> Experiment {
    let (usual_trace, usual) = commit_before_the_leaders_disk(false, SEED);
    let (slow_trace, slow) = commit_before_the_leaders_disk(true, SEED);
    let says = |facts: &Early| {
        format!(
            "When server {} committed, it was on the disks of {:?}.",
            facts.leader, facts.on_disk
        )
    };
    let holds = [
        (usual.on_disk.len() == 3 && usual.on_disk.contains(&usual.leader), "more were needed"),
        (!slow.on_disk.contains(&slow.leader), "the leader's own disk was waited for"),
        (usual.broken.is_none() && slow.broken.is_none(), "a law was broken"),
    ];
    let scenes = vec![
        scene("Five servers, of which 1 and 2 are down", usual_trace, says(&usual)),
        scene("Five servers, and the leader's disk is slow", slow_trace, says(&slow)),
    ];
    Experiment::of(scenes, &holds)
}

/// Claim 25: never more than one leader.
pub(super) fn leaders() -> Experiment {
    let (trace, facts) = two_leaders(SEED);
    let outcome = format!(
        "Two servers led for {} ms, in epochs {:?}. The old one answered reads with what was; it \
         committed nothing.",
        facts.together.as_millis(),
        facts.epochs
    );
    let holds = [
        (facts.epochs.len() == 2 && facts.together.as_millis() > 0, "there was one leader only"),
        (facts.unseen, "the old leader's readers saw everything"),
        (!facts.old_write_done, "the old leader committed"),
        (facts.noticed_after.is_some(), "the old leader never noticed"),
        (facts.broken.is_none(), "a law was broken"),
    ];
    Experiment::of(vec![scene("The leader is cut off from the others", trace, outcome)], &holds)
}
