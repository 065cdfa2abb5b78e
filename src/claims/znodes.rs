//! Claims of chapter 11, on a server without a network: what writes become.

use jute::records::ErrorCode;
use machines::Trace;

use super::{Experiment, Scene, scene};
use crate::shell::{Asked, asked};
use crate::workbench::{Done, Workbench};

/// Claim 4: a write must name the version.
pub(super) fn version() -> Experiment {
    let mut bench = Bench::new();
    bench.write("create /a x");
    let any = bench.write("set /a y");
    let stale = bench.write("set -v 0 /a z");
    let named = bench.write("set -v 1 /a z");
    let outcome = format!(
        "`set /a y` names none: {}. `set -v 0 /a z` comes when the version is 1: {}. `set -v 1 /a z`: {}.",
        said(&any),
        said(&stale),
        said(&named)
    );
    Experiment::of(
        vec![silent("A node of version 0 is set three times", outcome)],
        &[
            (any.refusal().is_none(), "a write without a version was refused"),
            (stale.refusal() == Some(ErrorCode::BadVersion), "an old version was not refused"),
            (named.refusal().is_none(), "the right version was refused"),
        ],
    )
}

/// Claim 22: sequential nodes are counted for each prefix.
pub(super) fn prefixes() -> Experiment {
    let mut bench = Bench::new();
    for line in ["create /p", "create -s /p/a-", "create -s /p/b-", "create /p/plain"] {
        bench.write(line);
    }
    bench.write("delete /p/plain");
    bench.write("create -s /p/a-");
    let tree = &bench.0.state().tree;
    let names: Vec<&str> = tree.node("/p").into_iter().flat_map(|node| node.children()).collect();
    let outcome = format!(
        "After a-, b-, a plain node that is deleted again, and a-, there are {}.",
        names.join(", ")
    );
    Experiment::of(
        vec![silent("Two prefixes and a plain node in one parent", outcome)],
        &[(
            names == ["a-0000000000", "b-0000000001", "a-0000000003"],
            "a prefix is counted by itself, or a plain node is not counted",
        )],
    )
}

/// Claim 34: the zxid counts requests.
pub(super) fn requests() -> Experiment {
    let mut bench = Bench::new();
    let good = bench.write("create /a x");
    let failed = bench.write("create /a x");
    let read = asked("get /a") == Ok(Asked::Read);
    let multi = bench.write("set /a y ; create /b ; create /c");
    let end = bench.0.close(1);
    let counters = [&good, &failed, &multi, &end].map(|done| done.zxid().counter());
    let outcome = format!(
        "The session begins with 1. A create takes {}, the same again, refused, {}; a read none; a \
         multi of three parts {}; the end of the session {}.",
        counters[0], counters[1], counters[2], counters[3]
    );
    Experiment::of(
        vec![silent("A session writes, fails, reads, writes three at once, and ends", outcome)],
        &[
            (counters == [2, 3, 4, 5], "something else takes a zxid, or does not"),
            (failed.refusal().is_some(), "the second create was not refused"),
            (read, "a read became a transaction"),
        ],
    )
}

/// A client with a session.
struct Bench(Workbench);

impl Bench {
    fn new() -> Bench {
        let mut bench = Workbench::new(false);
        bench.begin(1);
        Bench(bench)
    }

    fn write(&mut self, line: &str) -> Done {
        match asked(line) {
            Ok(Asked::Write(write)) => self.0.write(1, &write).expect("it can be asked"),
            other => panic!("{line} is a write, not {other:?}"),
        }
    }
}

fn said(done: &Done) -> String {
    done.refusal().map_or("done".to_string(), |why| format!("refused, {why}"))
}

/// Where nothing travels, there is no trace.
fn silent(title: &str, outcome: String) -> Scene {
    scene(title, Trace::default(), outcome)
}
