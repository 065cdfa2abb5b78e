//! Stories of transactions, as text: what is done stands above the line, what happens below it.
//!
//! Connections are left out, and of each message it is shown only that it arrives.
//! `UPDATE_GOLDENFILES=1` writes anew what happens.

use std::error::Error;
use std::time::Duration;

use atomic_commit::Timeouts;
use atomic_commit::schedule::Act;
use atomic_commit::stage::{Play, Scene, Stage, transfer};
use goldenscript::{Command, Context, Runner};
use machines::{Kind, Line, NodeId};

struct Story {
    stage: Stage,
    told: usize,
}

impl Story {
    fn new() -> Story {
        Story { stage: Stage::recorded(&Scene::transfer(Play::TwoPhases, 1)), told: 0 }
    }

    fn until(&mut self, text: &str) -> Result<(), Box<dyn Error>> {
        loop {
            let lines = &self.stage.world.trace().lines()[self.told..];
            if lines.iter().any(|line| line.to_string().contains(text)) {
                return Ok(());
            }
            let limit = self.stage.world.now() + Duration::from_secs(60);
            self.stage.step_until(limit).ok_or(format!("`{text}` does not happen"))?;
        }
    }
}

fn shown(line: &Line) -> bool {
    !matches!(
        line.kind,
        Kind::Sent
            | Kind::Opened
            | Kind::Accepted
            | Kind::Dialled
            | Kind::Left
            | Kind::Closed
            | Kind::Broken
    )
}

impl Runner for Story {
    type Command = Command;

    fn run(&mut self, command: &Command, _: &Context) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        let mut words = vec![command.name.clone()];
        while let Some(word) = args.next_pos() {
            words.push(word.to_string());
        }
        args.reject_next()?;
        match words[0].as_str() {
            "two-phases" => {}
            "three-phases" => {
                let play = Play::ThreePhases(Timeouts::Together);
                self.stage = Stage::recorded(&Scene::transfer(play, 1));
            }
            "two-applications" => {
                let transfers =
                    vec![vec![transfer(&[(2, -30), (3, 30)])], vec![transfer(&[(2, -5), (3, 5)])]];
                let scene = Scene { transfers, ..Scene::transfer(Play::TwoPhases, 1) };
                self.stage = Stage::recorded(&scene);
                self.stage.world.keep_down(NodeId::Client(2));
            }
            "until" => self.until(&words[1..].join(" "))?,
            "run" => self.stage.run(Duration::from_millis(words[1].parse()?)),
            _ => words.join(" ").parse::<Act>()?.carry_out(&mut self.stage),
        }
        let lines = &self.stage.world.trace().lines()[self.told..];
        self.told += lines.len();
        Ok(lines.iter().filter(|line| shown(line)).map(|line| format!("{line}\n")).collect())
    }
}

fn tell(name: &str) {
    let path = format!("{}/../../tests/03-atomic-commit/{name}.trace", env!("CARGO_MANIFEST_DIR"));
    goldenscript::run(&mut Story::new(), path).expect("the story can be read");
}

#[test]
fn a_transfer_between_two_banks_commits() {
    tell("commit");
}

#[test]
fn the_coordinator_dies_and_all_wait_for_it() {
    tell("blocked");
}

#[test]
fn one_that_was_told_helps_the_other() {
    tell("one-was-told");
}

#[test]
fn a_participant_loses_its_power_while_it_is_in_doubt() {
    tell("recovery");
}

#[test]
fn three_phases_go_on_without_the_coordinator() {
    tell("three-phases");
}

#[test]
fn a_partition_splits_three_phases() {
    tell("split");
}
