//! Stories of the store, as text: what is done stands above the line, what happens below it.
//!
//! Beats are left out, and connections. `UPDATE_GOLDENFILES=1` writes anew what happens.

use std::error::Error;
use std::time::Duration;

use consistency::{Lab, Promise, Wish, linearizable, sequential};
use goldenscript::{Command, Context, Runner};
use machines::{Kind, Line, NodeId};

/// A laboratory in which a story is told, and how much of its trace has been told already.
struct Story {
    lab: Lab,
    told: usize,
}

fn numbers(text: &str) -> Result<Vec<u64>, Box<dyn Error>> {
    Ok(text.split(',').map(str::parse).collect::<Result<_, _>>()?)
}

fn promise(text: &str) -> Result<Promise, Box<dyn Error>> {
    let all = [Promise::Linearizable, Promise::Sequential, Promise::Eventual];
    let named = all.into_iter().find(|promise| promise.to_string() == text);
    named.ok_or_else(|| format!("nobody promises {text}").into())
}

impl Runner for Story {
    type Command = Command;

    fn run(&mut self, command: &Command, _: &Context) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        let mut next = || {
            let value = args.next_pos().map(str::to_string);
            value.ok_or("something is missing")
        };
        let mut verdict = String::new();
        match command.name.as_str() {
            "client" => {
                let (number, servers) = (next()?.parse()?, numbers(&next()?)?);
                self.lab.add_client(number, &servers);
            }
            "read" => self.lab.ask(next()?.parse()?, Wish::Read, promise(&next()?)?),
            "write" => {
                let (client, value) = (next()?.parse()?, next()?.parse()?);
                self.lab.ask(client, Wish::Write(value), promise(&next()?)?);
            }
            "part" => {
                let servers = numbers(&next()?)?;
                self.lab.part(&servers, &numbers(&next()?)?);
            }
            "cut" => {
                let (from, to): (NodeId, NodeId) = (next()?.parse()?, next()?.parse()?);
                self.lab.world.cut(from, to);
            }
            "heal" => self.lab.world.heal(),
            "run" => self.lab.run(Duration::from_millis(next()?.parse()?)),
            "stored" => {
                for server in 1..=3 {
                    let stored = self.lab.stored(server).ok_or("it does not run")?;
                    verdict += &format!("{server} has {stored}\n");
                }
            }
            "judge" => {
                let history = self.lab.history();
                verdict.extend(history.iter().map(|op| format!("{op}\n")));
                let words = ["linearizable", "sequential"];
                for (word, judged) in words.iter().zip([linearizable(history), sequential(history)])
                {
                    verdict += &match judged {
                        Ok(_) => format!("{word}: yes\n"),
                        Err(why) => format!("{word}: no, {why}\n"),
                    };
                }
            }
            other => return Err(format!("nobody can {other}").into()),
        }
        args.reject_next()?;
        let lines = &self.lab.world.trace().lines()[self.told..];
        self.told += lines.len();
        let told = lines.iter().filter(|line| shows(line)).map(|line| format!("{line}\n"));
        Ok(told.collect::<String>() + &verdict)
    }
}

fn shows(line: &Line) -> bool {
    match line.kind {
        Kind::Received => !line.text.contains("beat="),
        Kind::Left | Kind::Answered | Kind::Durable => true,
        _ => false,
    }
}

#[test]
fn a_minority_that_gives_up_availability_lets_go_of_its_clients() {
    tell("without-a");
}

#[test]
fn both_sides_that_give_up_consistency_accept_writes_and_one_is_lost() {
    tell("without-c");
}

#[test]
fn a_server_that_lags_answers_with_what_was() {
    tell("stale-read");
}

fn tell(name: &str) {
    let path = format!("{}/../../tests/02-consistency/{name}.trace", env!("CARGO_MANIFEST_DIR"));
    let mut story = Story { lab: Lab::recorded(3, 1), told: 0 };
    story.lab.run(Duration::from_millis(330));
    story.told = story.lab.world.trace().lines().len();
    goldenscript::run(&mut story, path).expect("the story can be read");
}
