//! Claim 2, on complete servers with clients.

use assurance::claims::{Reads, deposed_leader, stale_follower};

use super::{Experiment, SEED, Scene, scene};

/// Claim 2: all clients see the same data at all times.
pub(super) fn strong() -> Experiment {
    let (behind_trace, behind) = stale_follower(SEED);
    let (word_trace, word) = deposed_leader(true, SEED);
    let (asks_trace, asks) = deposed_leader(false, SEED);
    let old = |facts: &Reads| facts.plain.is_some_and(|read| read < facts.written);
    let all = [&behind, &word, &asks];
    let holds = [
        (all.into_iter().all(old), "a plain read was not stale"),
        (behind.synced == Some(behind.written), "a sync did not bring a follower up to date"),
        (word.synced == word.plain && !word.linearizable, "a leader's own word was enough"),
        (word.broken.is_some(), "nobody noticed the stale read after a sync"),
        (asks.synced.is_none(), "a deposed leader answered a sync"),
        (behind.linearizable && asks.linearizable, "after a sync a read was stale"),
        (
            all.into_iter().all(|it| it.all_sequential && !it.all_linearizable),
            "all is as of one copy, or a client went back",
        ),
        (all.into_iter().all(|it| it.later == Some(it.written)), "the write was lost"),
        (behind.broken.is_none() && asks.broken.is_none(), "an invariant was broken"),
    ];
    let scenes = vec![
        told("Client 2 reads at server 2, which hears of the write late", behind_trace, &behind),
        told(
            "Client 2 reads at a deposed leader, which answers a sync by its own word, as the \
             original does",
            word_trace,
            &word,
        ),
        told("The same, and the leader asks a quorum before it answers", asks_trace, &asks),
    ];
    Experiment::of(scenes, &holds)
}

fn told(title: &str, trace: machines::Trace, facts: &Reads) -> Scene {
    let synced = match facts.synced {
        Some(read) => format!("read {read}"),
        None => "got no answer".to_string(),
    };
    let plain = facts.plain.map_or("nothing".to_string(), |read| read.to_string());
    let later = facts.later.map_or("nothing".to_string(), |read| read.to_string());
    let outcome = format!(
        "After {} was confirmed to client 1, client 2 read {plain}; after a sync it {synced}; when \
         all was well again, it read {later} after a sync.",
        facts.written
    );
    scene(title, trace, outcome)
}
