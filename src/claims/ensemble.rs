//! Claims that take a whole ensemble: production members, watched by the laws of chapter 18.

use assurance::claims::{
    Back, Bend, Early, Reused, Tail, WrongOrder, commit_before_the_leaders_disk, epoch_of_the_log,
    two_leaders, uncommitted_tail, wrong_vote_order,
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

/// Claim 8: the new epoch is that of the largest zxid in the logs, plus one.
pub(super) fn next_epoch() -> Experiment {
    let (log_trace, log) = epoch_of_the_log(Bend::EpochOfTheLog, SEED);
    let (ours_trace, ours) = epoch_of_the_log(Bend::Nothing, SEED);
    let says = |facts: &Reused| {
        let [first, second, third] = facts.epochs;
        let has = facts.contents.each_ref().map(|it| it.as_deref().unwrap_or("nothing"));
        format!(
            "The leaders had epochs {first}, {second} and {third}. As {} servers 1, 2 and 3 have: {}.",
            facts.zxid,
            has.join("; ")
        )
    };
    let same = |facts: &Reused| {
        let [first, second, third] = &facts.contents;
        first.is_some() && first == second && second == third
    };
    let holds = [
        (log.epochs[1] == log.epochs[2] && !same(&log), "no zxid was used twice"),
        (log.broken.is_some(), "no law was broken"),
        (ours.epochs[1] < ours.epochs[2] && same(&ours), "by the rule of ZooKeeper it was, too"),
        (ours.broken.is_none(), "the rule of ZooKeeper broke a law"),
    ];
    let first = "Whoever starts knows no epoch but that of the last transaction in its log";
    let second = "Each server keeps on disk which epoch it has accepted";
    let scenes = vec![scene(first, log_trace, says(&log)), scene(second, ours_trace, says(&ours))];
    Experiment::of(scenes, &holds)
}

/// Claim 9: what the dead leader had not committed is always discarded.
pub(super) fn discarded() -> Experiment {
    let (late_trace, late) = uncommitted_tail(Back::ToALeader, SEED);
    let (soon_trace, soon) = uncommitted_tail(Back::InTime, SEED);
    let holds = [
        (!late.told && !soon.told, "a client could be told that it was done"),
        (late.has_it.is_empty() && late.delivered.is_empty(), "a late one was kept"),
        (soon.has_it.len() == 3 && soon.delivered.len() == 3, "an early one was not committed"),
        (late.broken.is_none() && soon.broken.is_none(), "a law was broken"),
    ];
    let first = "It comes back when another leads, which has begun an epoch without it";
    let second = "It comes back before there is another, and is elected again";
    let scenes =
        vec![scene(first, late_trace, kept(&late)), scene(second, soon_trace, kept(&soon))];
    Experiment::of(scenes, &holds)
}

/// Claim 24: an old leader that is back cannot win, since its zxid is smaller.
pub(super) fn old_leader() -> Experiment {
    let (late_trace, late) = uncommitted_tail(Back::ToAnElection, SEED);
    let (soon_trace, soon) = uncommitted_tail(Back::InTime, SEED);
    let holds = [
        (late.ends.0 > late.ends.1, "its zxid was smaller"),
        (late.leader.0 != 3 && late.has_it.is_empty(), "it won, with a larger zxid"),
        (soon.leader.0 == 3 && soon.has_it.len() == 3, "it lost, though nobody was ahead"),
        (late.broken.is_none() && soon.broken.is_none(), "a law was broken"),
    ];
    let first = "It comes to an election after another leader has begun an epoch, and crashed";
    let second = "It comes to the election that follows its own crash";
    let scenes =
        vec![scene(first, late_trace, kept(&late)), scene(second, soon_trace, kept(&soon))];
    Experiment::of(scenes, &holds)
}

fn kept(facts: &Tail) -> String {
    let ((mine, theirs), (leader, epoch), zxid) = (facts.ends, facts.leader, facts.zxid);
    let end = match facts.has_it.as_slice() {
        [] => format!("{zxid} is gone"),
        some => format!("{zxid} is committed, and in the logs of {some:?}"),
    };
    format!(
        "When server 3 came back its log ended at {mine}, and those of the others at {theirs}. Server \
         {leader} leads in epoch {epoch}; {end}."
    )
}

/// Claim 32: in discovery the leader fetches the newest proposals.
pub(super) fn fetched() -> Experiment {
    let (trace, facts) = wrong_vote_order(Bend::VoteOrder, SEED);
    let outcome = format!(
        "Server 3 was elected and lacked a transaction that its followers had. They told it where \
         their histories end, and {} transactions; it gave up {} times.",
        facts.fetched, facts.refusals
    );
    let holds = [
        (facts.refusals > 0, "a server that was behind was not refused"),
        (facts.fetched == 0, "it was given what it lacked"),
        (!facts.has_it.is_empty() && facts.broken.is_none(), "the write was lost"),
    ];
    let title = "Votes are compared by server alone, so one that is behind is elected";
    Experiment::of(vec![scene(title, trace, outcome)], &holds)
}
