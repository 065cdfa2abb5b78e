//! Claims of chapter 2, on its store.

use consistency::GiveUp;
use consistency::claims::{atomic, bounded, minority, one_image};
use consistency::{Program, Promise, run_program};

use super::{Experiment, SEED, scene};

/// Claim 3: a change is seen by all servers in real time.
pub(super) fn bound() -> Experiment {
    let (trace, facts) = bounded(SEED);
    let missed = facts.oldest_missed.as_millis();
    let limit = facts.bound.as_millis();
    let told = facts.told_after.map_or(0, |after| after.as_millis());
    let outcome = format!(
        "Server 3 answered {} reads, {} of them without what was confirmed before. The oldest write \
         that it missed was {missed} ms old; the bound is {limit} ms. After {told} ms it let go of \
         its client.",
        facts.reads, facts.stale
    );
    let title = "Server 3 is cut off from the others, and its client goes on reading";
    Experiment::of(
        vec![scene(title, trace, outcome)],
        &[
            (facts.stale > 0, "no read was stale"),
            (facts.oldest_missed <= facts.bound, "a read was older than the bound"),
            (facts.told_after.is_some(), "the client was never told"),
        ],
    )
}

/// Claim 19: CP means waiting for ever.
pub(super) fn waiting() -> Experiment {
    let (trace, facts) = minority(SEED);
    let ((asked, answered), (alone, told)) = (facts.majority, facts.minority);
    let dropped = facts.dropped_after.map_or(0, |after| after.as_millis());
    let outcome = format!(
        "The majority answered {answered} of {asked} writes. The client of the minority was dropped \
         after {dropped} ms; of {alone} requests after that, {told} were answered, and none was kept \
         waiting. After the cut it reads what the majority wrote."
    );
    let title = "Servers 4 and 5 of five are cut off";
    Experiment::of(
        vec![scene(title, trace, outcome)],
        &[
            (answered == asked, "the majority did not go on"),
            (told == 0, "the minority answered"),
            (facts.dropped_after.is_some(), "a client was kept waiting"),
            (facts.after_healing == Some(facts.last_written), "the minority did not catch up"),
        ],
    )
}

/// Claim 26: all machines apply a write, or none does.
pub(super) fn all_or_nothing() -> Experiment {
    let (trace, facts) = atomic(SEED);
    let outcome = format!(
        "When the write was confirmed, servers {:?} had it and {:?} had not. Later all had it: {:?}.",
        facts.had_it, facts.lacked_it, facts.caught_up
    );
    let title = "Server 4 of five is cut off and 5 is down, while 8 is written in place of 7";
    Experiment::of(
        vec![scene(title, trace, outcome)],
        &[
            (!facts.lacked_it.is_empty(), "nobody lacked the write"),
            (facts.caught_up.len() == 5, "somebody never caught up"),
            (facts.partial.is_empty(), "somebody had a part of it"),
        ],
    )
}

/// Claim 27: all clients see the same.
pub(super) fn image() -> Experiment {
    let (trace, facts) = one_image(SEED);
    let outcome = format!(
        "Client 1 wrote {}, moved, was sent elsewhere {} times by the server that is behind, and read \
         {}. Client 2 read {} by that server in the meantime, and a new client {}.",
        facts.written, facts.sent_elsewhere, facts.session, facts.other, facts.afresh
    );
    let title = "Server 3 is behind; client 1, which knows more, moves to it";
    Experiment::of(
        vec![scene(title, trace, outcome)],
        &[
            (facts.session == facts.written && !facts.went_back, "a session went back"),
            (facts.other != facts.written, "the other client saw the same"),
        ],
    )
}

/// Claim 30: pick two of three.
pub(super) fn two_of_three() -> Experiment {
    let play = |title: &str, program: Program| {
        let course = run_program(&program);
        let ((asked, answered), copy) = (course.during_partition(2), course.linearizable.is_ok());
        let seen = if copy { "as from one copy" } else { "not as from one copy" };
        let outcome = format!(
            "During the partition {answered} of {asked} requests to the side of one server were \
             answered; what all clients saw was {seen}."
        );
        (scene(title, course.trace, outcome), answered, copy)
    };
    let without_a = Program::giving_up(GiveUp::Availability, SEED);
    let (first, silent, safe) = play("Each operation gives up availability", without_a);
    let without_c = Program::giving_up(GiveUp::Consistency, SEED);
    let (second, heard, split) = play("Each operation gives up consistency", without_c);
    let mixed = Program { reads: Promise::Eventual, ..without_a };
    let (third, some, _) = play("Writes give up availability, reads consistency", mixed);
    Experiment::of(
        vec![first, second, third],
        &[
            (silent == 0 && safe, "without a quorum somebody was answered, or saw two copies"),
            (heard > 0 && !split, "the available side was silent, or nobody saw two copies"),
            (some > 0, "an operation cannot choose for itself"),
        ],
    )
}
