//! The programs of chapters 9 and 10: each comes to what it is to show.

use machines::{Kind, Trace};
use sync::{Program, Scene, Way, run_program};

fn run(scene: Scene, seed: u64) -> Trace {
    run_program(&Program { servers: 3, observers: 1, seed, scene })
}

/// What voters received, by its first words.
fn received(trace: &Trace, what: &str) -> usize {
    let lines = trace.lines().iter();
    lines.filter(|line| line.kind == Kind::Received && line.text.starts_with(what)).count()
}

#[test]
fn each_way_back_is_the_one_that_was_asked_for() {
    for seed in 1..20 {
        for (way, sent, not_sent) in [
            (Way::Diff, "Diff 1.4", "Trunc"),
            (Way::Disk, "Diff 1.6", "Snap"),
            (Way::Trunc, "Trunc 1.2", "Snap"),
            (Way::TruncDiff, "Trunc 1.2", "Snap"),
            (Way::Snap, "Snap 1.6", "Trunc"),
        ] {
            let trace = run(Scene::Return(way), seed);
            assert!(received(&trace, sent) > 0, "{way:?}, seed {seed}:\n{trace}");
            assert_eq!(received(&trace, not_sent), 0, "{way:?}, seed {seed}:\n{trace}");
            let fetched = trace.lines().iter().any(|line| line.kind == Kind::Fetched);
            assert_eq!(fetched, way == Way::Disk, "only one way reads the log on disk");
        }
    }
}

#[test]
fn what_one_follower_has_is_decided_though_the_leader_has_crashed() {
    for seed in 1..20 {
        let trace = run(Scene::Broadcast { writes: 2, crash: true }, seed);
        let delivered = trace.lines().iter().filter(|line| line.text == "Deliver 1.2").count();
        assert!(delivered >= 3, "seed {seed}:\n{trace}");
        let trace = run(Scene::Broadcast { writes: 3, crash: false }, seed);
        assert_eq!(received(&trace, "Inform"), 3, "an observer is told what is decided");
    }
}
