//! Stories of the bank, as text: what is done stands above the line, what happens below it.
//!
//! `UPDATE_GOLDENFILES=1` writes anew what happens.

use std::error::Error;
use std::time::Duration;

use goldenscript::{Command, Context, Runner};
use machines::bank::Order;
use machines::{AtMostOnce, Customer, Kind, NodeId, Settings, World};

use crate::bank::{BANK, Party, open};

/// A world in which a story is told, and how much of its trace has been told already.
struct Story {
    world: World<Party>,
    told: usize,
}

impl Story {
    fn new() -> Self {
        let mut world = World::new(1, Settings::default());
        world.trace_mut().record();
        Story { world, told: 0 }
    }

    fn go_on(&mut self, time: Duration) {
        let limit = self.world.now() + time;
        while self.world.step_until(limit).is_some() {}
    }
}

impl Runner for Story {
    type Command = Command;

    fn run(&mut self, command: &Command, _: &Context) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        match command.name.as_str() {
            "bank" => self.world.add(BANK, |boot| open(boot, Box::new(AtMostOnce::new(0)))),
            "customer" => {
                let number = args.next_pos().ok_or("which customer?")?.parse()?;
                let mut orders = Vec::new();
                while let Some(amount) = args.next_pos() {
                    orders.push(Order::Deposit { account: 7, amount: amount.parse()? });
                }
                self.world.add(NodeId::Client(number), move |boot| {
                    open(boot, Box::new(Customer::new(number, BANK, orders.clone())))
                });
            }
            "cut" => self.world.cut(BANK, NodeId::Client(1)),
            "heal" => self.world.heal(),
            "crash" => self.world.crash(BANK),
            "power-loss" => self.world.power_loss(BANK),
            "restart" => self.world.restart(BANK),
            "until-received" => {
                while self.world.step().ok_or("nothing happens any more")?.line.kind
                    != Kind::Received
                {}
            }
            "run" => {
                let millis = args.next_pos().ok_or("how many ms?")?.parse()?;
                self.go_on(Duration::from_millis(millis));
            }
            other => return Err(format!("nobody can {other}").into()),
        }
        args.reject_next()?;
        let lines = &self.world.trace().lines()[self.told..];
        self.told += lines.len();
        Ok(lines.iter().map(|line| format!("{line}\n")).collect())
    }
}

#[test]
fn a_reply_that_is_lost_is_asked_for_again() {
    tell("lost-reply");
}

#[test]
fn a_request_that_was_not_yet_on_disk_is_carried_out_after_the_power_is_back() {
    tell("power-loss");
}

fn tell(name: &str) {
    let path = format!("{}/../../tests/01-machines/{name}.trace", env!("CARGO_MANIFEST_DIR"));
    goldenscript::run(&mut Story::new(), path).expect("the story can be read");
}
