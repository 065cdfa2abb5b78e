//! Stories of elections, as text: what is done stands above the line, what happens below it.
//!
//! Connections are left out, and of each message it is shown only that it arrives.
//! `UPDATE_GOLDENFILES=1` writes anew what happens.

use std::error::Error;
use std::time::Duration;

use election::LogEnd;
use goldenscript::{Command, Context, Runner};
use machines::{Kind, Line, Settings};
use zxid::{ServerId, Zxid};

use crate::ensemble::{Ensemble, node, voters};

struct Story {
    ensemble: Ensemble,
    told: usize,
}

impl Story {
    fn new() -> Story {
        let mut ensemble = Ensemble::new(1, Settings::default(), voters(3));
        ensemble.world.trace_mut().record();
        Story { ensemble, told: 0 }
    }
}

fn shown(line: &Line, quiet: bool) -> bool {
    match line.kind {
        Kind::Received => !quiet && line.text.starts_with("Notification"),
        Kind::Opened | Kind::Accepted | Kind::Dialled | Kind::Left | Kind::Closed => false,
        Kind::Sent | Kind::Driven => false,
        Kind::Expired => !quiet,
        _ => true,
    }
}

impl Runner for Story {
    type Command = Command;

    fn run(&mut self, command: &Command, _: &Context) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        let mut servers = Vec::new();
        let quiet = args.take_key("quiet") == Some("true");
        let mut number = |key| args.take_key(key).map_or(Ok(0), str::parse::<u32>);
        let current_epoch = number("epoch")?;
        let last = Zxid::new(number("zxid-epoch")?, number("zxid-counter")?);
        let log = LogEnd { current_epoch, last };
        while let Some(server) = args.next_pos() {
            servers.push(server.parse::<i64>()?);
        }
        args.reject_next()?;
        for number in servers.iter().copied() {
            let ensemble = &mut self.ensemble;
            match command.name.as_str() {
                "voters" => ensemble.members = voters(number),
                "observer" => {
                    ensemble.members = ensemble.members.clone().with_observers([ServerId(number)]);
                }
                "log" => {
                    ensemble.logs.borrow_mut().insert(number, log);
                }
                "start" => ensemble.start(number),
                "crash" => ensemble.world.crash(node(number)),
                "restart" => ensemble.world.restart(node(number)),
                "look" => ensemble.look(number),
                "isolate" => {
                    let others = ensemble.world.nodes();
                    let others: Vec<_> =
                        others.into_iter().filter(|it| *it != node(number)).collect();
                    ensemble.world.part(&[node(number)], &others);
                }
                "establish" => {
                    for server in ensemble.world.nodes() {
                        if let Some(machine) = ensemble.world.machine_mut(server) {
                            machine.update_epoch(number as u32);
                        }
                    }
                }
                "run" => ensemble.run(Duration::from_millis(number as u64)),
                other => return Err(format!("nobody can {other}").into()),
            }
        }
        if command.name == "heal" {
            self.ensemble.world.heal();
        }
        let lines = &self.ensemble.world.trace().lines()[self.told..];
        self.told += lines.len();
        let shown = lines.iter().filter(|line| shown(line, quiet));
        Ok(shown.map(|line| format!("{line}\n")).collect())
    }
}

fn tell(name: &str) {
    let path = format!("{}/../../tests/08-election/{name}.trace", env!("CARGO_MANIFEST_DIR"));
    goldenscript::run(&mut Story::new(), path).expect("the story can be read");
}

#[test]
fn three_empty_servers_start_together() {
    tell("first-boot");
}

#[test]
fn the_third_of_five_is_elected_before_the_others_are_there() {
    tell("five");
}

#[test]
fn equal_histories_leave_it_to_the_ids() {
    tell("tie");
}

#[test]
fn a_leader_crashes_and_comes_back_as_a_follower() {
    tell("crash");
}

#[test]
fn a_late_joiner_with_a_better_vote_joins_those_who_have_a_leader() {
    tell("late-joiner");
}

#[test]
fn an_observer_asks_and_is_told() {
    tell("observer");
}

#[test]
fn followers_that_have_not_noticed_do_not_make_anybody_join_a_dead_leader() {
    tell("gone");
}

#[test]
fn a_stale_high_vote_of_an_old_round_does_not_win() {
    tell("stale-vote");
}

#[test]
fn a_long_tail_of_an_old_epoch_does_not_win() {
    tell("old-tail");
}
