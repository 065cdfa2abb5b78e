//! What servers of Apache ZooKeeper said to each other, as stories.
//!
//! Above the line stands which conversation is told, and between whom; below it what was said.
//! Pings are left out. `UPDATE_GOLDENFILES=1` writes anew what was said.

use std::error::Error;

use goldenscript::{Command, Context, Runner};
use zab::Packet;
use zab::wire::Packets;

use crate::quorum::conversation;
use crate::wire::{LONGEST, whole};

struct Story;

impl Runner for Story {
    type Command = Command;

    fn run(&mut self, command: &Command, _: &Context) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        let mut server = || -> Result<i64, Box<dyn Error>> {
            Ok(args.next_pos().ok_or("between two servers")?.parse()?)
        };
        let (leader, learner) = (server()?, server()?);
        args.reject_next()?;
        let mut told = String::new();
        // One after the other: they speak over one connection each time.
        let (mut up, mut down) = (Packets::new(LONGEST), Packets::new(LONGEST));
        for frame in conversation(&command.name, "quorum") {
            let packets = match (frame.from, frame.to) {
                it if it == (learner, leader) => &mut up,
                it if it == (leader, learner) => &mut down,
                _ => continue,
            };
            packets.push(&frame.bytes);
            for packet in whole(packets) {
                if !matches!(packet, Packet::Ping { .. }) {
                    told += &format!("{} → {} {packet}\n", frame.from, frame.to);
                }
            }
        }
        Ok(told)
    }
}

fn tell(name: &str) {
    let path = format!("{}/../../tests/09-zab/{name}.trace", env!("CARGO_MANIFEST_DIR"));
    goldenscript::run(&mut Story, path).expect("the story can be read");
}

#[test]
fn a_follower_that_missed_a_little_gets_that() {
    tell("missed-a-little");
}

#[test]
fn a_follower_that_lost_its_disk_gets_everything() {
    tell("lost-its-disk");
}

#[test]
fn a_former_leader_gives_up_what_nobody_else_has() {
    tell("former-leader");
}

#[test]
fn an_observer_is_told_what_is_committed() {
    tell("observer");
}
