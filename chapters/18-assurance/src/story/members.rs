//! The world of members: what decides whether a confirmed write is kept, without clients, sessions
//! and a tree. Each is the scribe of chapter 10, and the laws of an ensemble watch it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use election::{Limits, Members};
use machines::{Dice, NodeId, World};
use sync::laws::{Law, Laws};
use sync::{Scribe, boot};
use zxid::{ServerId, SessionId};

use super::act::Act;
use super::cue::State;
use super::prompter::{Prompter, Sight};
use super::recorder::Recorder;
use super::replay::Ending;
use super::setting::Setting;
use super::stagehand::Stagehand;
use super::{Story, facts};
use crate::claims::{Bend, Bent, bent};
use crate::invariants::{Broken, Invariant, Verdict};
use crate::runner::Violation;

/// How long everything may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(100);

/// Plays a story, and keeps the frames if they are wanted. With a bend, its members have other rules
/// than the real ones.
pub(crate) fn play(story: &Story, bend: Bend, frames: bool) -> Ending {
    let mut play = Play::new(&story.setting, bend, Prompter::new(story.cues.clone()));
    play.recorder = frames.then(Recorder::default);
    let verdict = play.live(story.setting.duration);
    let time = play.world.now();
    Ending {
        hash: play.world.trace().hash(),
        steps: play.steps,
        given: play.prompter.given(),
        violation: verdict.err().map(|broken| Violation { broken, time }),
        frames: play.recorder.take().map_or_else(Vec::new, Recorder::into_frames),
    }
}

struct Play {
    world: World<Bent>,
    laws: Rc<RefCell<Laws>>,
    hands: Stagehand,
    prompter: Prompter,
    recorder: Option<Recorder>,
    /// How many writes there were.
    writes: i64,
    steps: u64,
}

impl Play {
    fn new(setting: &Setting, bend: Bend, prompter: Prompter) -> Play {
        let mut dice = Dice::new(setting.seed);
        let rough = machines::Settings::rough(&mut dice);
        let manners = if setting.rough { rough } else { machines::Settings::default() };
        let mut world = World::new(dice.any(), manners);
        world.trace_mut().record();
        let voters = setting.servers.unwrap_or(3) as i64;
        let servers = voters + setting.observers.unwrap_or(0) as i64;
        let members = Members::majority((1..=voters).map(ServerId))
            .with_observers((voters + 1..=servers).map(ServerId));
        let laws = Rc::new(RefCell::new(Laws::new(members.clone())));
        for server in 1..=servers {
            let node = NodeId::Server(server as u64);
            let settings = Arc::new(settings(ServerId(server), &members, setting));
            let start = boot(settings, habits(setting), laws.clone());
            world.add(node, bent(start, bend));
        }
        setting.down.iter().for_each(|node| world.keep_down(*node));
        let hands = Stagehand::new(servers as u64);
        Play { world, laws, hands, prompter, recorder: None, writes: 0, steps: 0 }
    }

    fn live(&mut self, duration: Duration) -> Verdict {
        while self.world.now() < duration {
            self.step(duration)?;
        }
        self.prompter.stop();
        *self.world.settings_mut() = machines::Settings::default();
        self.hands.mend_all(&mut self.world);
        self.come_to_rest()
    }

    /// One thing happens, or the time comes to `limit`; then something may be done to the world.
    fn step(&mut self, limit: Duration) -> Verdict {
        let occurrence = self.world.step_until(limit.min(self.prompter.next()));
        if let Some(occurrence) = &occurrence {
            self.steps += 1;
            self.hands.saw(&occurrence.line, &self.world);
        }
        self.look();
        self.lawful()?;
        while let Some(act) = self.cue(occurrence.is_none()) {
            self.perform(&act);
            self.look();
            self.lawful()?;
        }
        Ok(())
    }

    fn cue(&mut self, idle: bool) -> Option<Act> {
        let (now, world) = (self.world.now(), &self.world);
        let is = |state| is(state, world);
        self.prompter.cue(&Sight { now, happened: self.hands.happened(now), idle, is: &is })
    }

    fn perform(&mut self, act: &Act) {
        match act {
            Act::Write(node, text) => {
                self.writes += 1;
                let session = SessionId(self.writes);
                self.world.drive(*node, |bent, effects| {
                    bent.scribe.write(session, text.as_bytes(), effects);
                });
            }
            Act::Confirm(node) => {
                self.world.drive(*node, |bent, effects| bent.scribe.confirm(effects));
            }
            act => self.hands.perform(act, &mut self.world),
        }
    }

    /// Shows the new lines of the trace to whoever waits for them.
    fn look(&mut self) {
        let (lines, world) = (self.world.trace().lines(), &self.world);
        self.prompter.saw(lines);
        if let Some(recorder) = &mut self.recorder {
            let laws = self.laws.borrow();
            recorder.saw(lines, |node| match (node, world.machine(node)) {
                (NodeId::Server(number), Some(bent)) => {
                    facts::of_scribe(&bent.scribe, facts::on_disk(&laws, number))
                }
                _ => Vec::new(),
            });
        }
    }

    fn lawful(&self) -> Verdict {
        match self.laws.borrow().broken() {
            Some(broken) => {
                Err(Broken { invariant: Invariant::Law(broken.law), what: broken.what.clone() })
            }
            None => Ok(()),
        }
    }

    /// Everything is mended: soon all serve under one leader, and have the same.
    fn come_to_rest(&mut self) -> Verdict {
        let limit = self.world.now() + PATIENCE;
        while self.world.now() < limit {
            if self.rests() {
                return Ok(());
            }
            let next = self.world.now() + Duration::from_millis(500);
            while self.world.now() < next {
                self.step(next)?;
            }
        }
        let what = "not all servers serve under one leader and have the same".to_string();
        Err(Broken { invariant: Invariant::Law(Law::L1), what })
    }

    fn rests(&self) -> bool {
        let nodes = self.world.nodes();
        let committed = self.laws.borrow().committed();
        let has_all = |node: &NodeId| {
            self.world.machine(*node).is_some_and(|bent| bent.scribe.applied() == committed)
        };
        nodes.iter().all(has_all) && is(State::Agree, &self.world)
    }
}

/// Whether a world of members is in a state.
fn is(state: State, world: &World<Bent>) -> bool {
    let scribe = |node| world.machine(node).map(|bent| &bent.scribe);
    match state {
        State::Leads(node) => scribe(node).is_some_and(Scribe::leads),
        State::Serves(node) => scribe(node).is_some_and(|it| it.member().serving().is_some()),
        State::Down(node) => scribe(node).is_none(),
        State::Agree => {
            let scribes: Vec<_> = world.nodes().into_iter().filter_map(scribe).collect();
            let has = |scribe: &Scribe| {
                let member = scribe.member();
                (member.serving(), member.history().last(), scribe.applied())
            };
            let first = scribes.first().map(|scribe| has(scribe));
            first.is_some_and(|first| {
                // What an epoch begins with is no transaction.
                let told = first.1 == first.2 || first.1.counter() == 0;
                first.0.is_some() && told && scribes.iter().all(|scribe| has(scribe) == first)
            })
        }
    }
}

fn settings(me: ServerId, members: &Members, setting: &Setting) -> sync::Settings {
    sync::Settings {
        me,
        members: members.clone(),
        config: Bytes::from_static(b"version=0"),
        election_address: format!("10.0.0.{me}:3888"),
        election_limits: Limits::default(),
        tick: setting.habits.tick,
        init_limit: 10,
        sync_limit: 5,
        window: setting.habits.window,
        window_bytes: 1 << 20,
        from_disk: setting.habits.from_disk,
        from_disk_bytes: 1 << 20,
        force_snapshot: false,
    }
}

fn habits(setting: &Setting) -> sync::Habits {
    let usual = sync::Habits::default();
    sync::Habits {
        snapshot_every: setting.habits.snapshot_every.unwrap_or(usual.snapshot_every),
        last_counter: setting.habits.epoch_length.unwrap_or(usual.last_counter),
        ..usual
    }
}
