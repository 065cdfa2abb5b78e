//! Claims of chapter 8.

use std::time::Duration;

use ::election::claims::{election_without, failures_survived, third_of_five};
use zxid::ServerId;

use super::{Experiment, SEED, scene};

/// Claim 18: even numbers survive more.
pub(super) fn even() -> Experiment {
    let survived: Vec<String> =
        (1..=7).map(|servers| format!("{servers}: {}", failures_survived(servers))).collect();
    let (trace, leader) = election_without(4, 2, SEED);
    let outcome = format!(
        "Nobody leads. How many failures so many servers survive: {}.",
        survived.join(", ")
    );
    let title = "Two of four servers are left, as many as one of three would be too few";
    Experiment::of(
        vec![scene(title, trace, outcome)],
        &[
            (leader.is_none(), "two of four elected a leader"),
            (
                (1..=3).all(|n| failures_survived(2 * n) == failures_survived(2 * n - 1)),
                "an even number survives more",
            ),
        ],
    )
}

/// Claim 31: the third of five.
pub(super) fn third() -> Experiment {
    let boot = |millis: u64| third_of_five(Duration::from_millis(millis), SEED);
    let ((slow, three), (fast, five)) = (boot(300), boot(100));
    let who = |leader: Option<ServerId>| {
        leader.map_or("Nobody leads.".to_string(), |server| format!("Server {server} leads."))
    };
    Experiment::of(
        vec![
            scene("Five empty servers, 300 ms apart", slow, who(three.leader)),
            scene("Five empty servers, 100 ms apart", fast, who(five.leader)),
        ],
        &[
            (three.leader == Some(ServerId(3)), "the third does not lead"),
            (five.leader == Some(ServerId(5)), "the fifth does not lead"),
        ],
    )
}
