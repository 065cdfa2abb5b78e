//! Stories of Paxos, as text: what is done stands above the line, what happens below it.
//!
//! Connections and wires are left out, and of a proposer's message it is shown only that it arrives.
//! `UPDATE_GOLDENFILES=1` writes anew what happens.

use std::error::Error;

use goldenscript::{Command, Context, Runner};
use machines::{Kind, Line, NodeId};
use paxos::schedule::Stage;
use paxos::search::Scope;
use paxos::{Ballot, Courtesy, Program, Proposal, Scene, Value, run_program};

#[derive(Default)]
struct Story {
    stage: Option<Stage>,
    told: usize,
}

fn shown(line: &Line) -> bool {
    match line.kind {
        Kind::Received => !["Ask", "Leading"].iter().any(|what| line.text.starts_with(what)),
        Kind::Answered => !["Promised", "Accepted"].iter().any(|what| line.text.starts_with(what)),
        Kind::Crashed => true,
        _ => false,
    }
}

/// On the stage an answer may never arrive: it is shown that it was given.
fn shown_on_stage(line: &Line) -> bool {
    shown(line) || line.kind == Kind::Sent && matches!(line.node, NodeId::Server(_))
}

fn text(lines: &[Line], shown: fn(&Line) -> bool) -> String {
    lines.iter().filter(|line| shown(line)).map(|line| format!("{line}\n")).collect()
}

/// Reads `2 8 4 5`: ballot 2 with value 8, ballot 4 with value 5.
fn proposals(words: &[String]) -> Result<Vec<Proposal>, Box<dyn Error>> {
    let proposal = |pair: &[String]| {
        let [n, value] = pair else { return Err("a proposal is a ballot and a value".into()) };
        Ok(Proposal { n: Ballot(n.parse()?), value: Value::Number(value.parse()?) })
    };
    words.chunks(2).map(proposal).collect()
}

impl Runner for Story {
    type Command = Command;

    fn run(&mut self, command: &Command, _: &Context) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        let words: Vec<String> =
            std::iter::from_fn(|| args.next_pos().map(str::to_string)).collect();
        args.reject_next()?;
        match (command.name.as_str(), words.as_slice()) {
            ("log", []) => {
                let seen = run_program(&Program { scene: Scene::Log, seed: 1 });
                return Ok(text(seen.trace.lines(), shown));
            }
            ("stage", [rule, numbers @ ..]) => {
                let acceptor = match rule.as_str() {
                    "accepted" => Scope::ours(),
                    "received" => Scope::hearsay(false),
                    other => return Err(format!("there is no rule {other}").into()),
                };
                let proposals = proposals(numbers)?;
                self.stage = Some(Stage::new(&acceptor, &proposals, Courtesy::Eager));
            }
            (act, words) => {
                let act = format!("{act} {}", words.join(" "));
                let stage = self.stage.as_mut().ok_or("a story begins with a stage")?;
                let act = act.parse().map_err(|why| format!("{why}"))?;
                stage.act(&act).map_err(|why| format!("{act}: {why}"))?;
            }
        }
        let trace = self.stage.as_ref().map(|stage| stage.played().seen.trace);
        let trace = trace.ok_or("a story begins with a stage")?;
        let lines = &trace.lines()[self.told..];
        self.told += lines.len();
        Ok(text(lines, shown_on_stage))
    }
}

fn tell(name: &str) {
    let path = format!("{}/../../tests/04-paxos/{name}.trace", env!("CARGO_MANIFEST_DIR"));
    goldenscript::run(&mut Story::default(), path).expect("the story can be read");
}

#[test]
fn in_the_worked_example_a_correct_b_is_free() {
    tell("worked-example");
}

#[test]
fn in_the_worked_example_as_the_notes_have_it_b_must_adopt_8() {
    tell("worked-example-received");
}

#[test]
fn with_three_ballots_the_last_that_was_received_overturns_what_was_chosen() {
    tell("three-ballots-received");
}

#[test]
fn with_three_ballots_the_last_that_was_accepted_does_not() {
    tell("three-ballots");
}

#[test]
fn two_proposers_get_in_between_each_other() {
    tell("duel");
}

#[test]
fn a_new_leader_fills_the_gap_that_the_old_one_left() {
    tell("gap");
}
