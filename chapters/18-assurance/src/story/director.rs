//! Who says what is done to a world of servers and clients: a nemesis that draws it, or the
//! prompter of a story, or nobody.

use std::time::Duration;

use machines::{Line, NodeId, World};

use super::act::Act;
use super::cue::State;
use super::prompter::{Prompter, Sight};
use super::stagehand::Stagehand;
use crate::anyone::Anyone;
use crate::coverage::Coverage;
use crate::nemesis::Nemesis;

/// Who says what is done.
pub(crate) enum Director {
    Nemesis(Box<Nemesis>),
    Prompter(Prompter),
    Nobody,
}

impl Director {
    /// When the world must not go on without being looked at.
    pub(crate) fn next(&self) -> Duration {
        match self {
            Director::Nemesis(nemesis) => nemesis.next(),
            Director::Prompter(prompter) => prompter.next(),
            Director::Nobody => Duration::MAX,
        }
    }

    /// Something has happened. The stagehand does not know yet.
    pub(crate) fn saw(&mut self, line: &Line, world: &World<Anyone>, hands: &Stagehand) {
        match self {
            Director::Nemesis(nemesis) => nemesis.saw(line, hands),
            Director::Prompter(prompter) => prompter.saw(world.trace().lines()),
            Director::Nobody => {}
        }
    }

    /// The next thing to do now; when it is done, there may be more. `idle` says that nothing else
    /// happens at this instant, and `can_spare` whether nobody needs what is on a server's disk, and
    /// `may_damage` whether enough other disks are sound.
    pub(crate) fn act(
        &mut self,
        world: &World<Anyone>,
        hands: &Stagehand,
        idle: bool,
        can_spare: impl Fn(u64) -> bool,
        may_damage: impl Fn(u64, &World<Anyone>) -> bool,
    ) -> Option<Act> {
        match self {
            Director::Nemesis(nemesis) => {
                if let Some(NodeId::Server(number)) = nemesis.spare()
                    && can_spare(number)
                {
                    nemesis.replace_disk(world.now());
                }
                if let Some(NodeId::Server(number)) = nemesis.wound()
                    && may_damage(number, world)
                {
                    nemesis.damage(world);
                }
                nemesis.act(world)
            }
            Director::Prompter(prompter) => {
                let now = world.now();
                let is = |state| is(state, world);
                prompter.cue(&Sight { now, happened: hands.happened(now), idle, is: &is })
            }
            Director::Nobody => None,
        }
    }

    /// From now on nothing more is done.
    pub(crate) fn stop(&mut self) {
        match self {
            Director::Nemesis(nemesis) => nemesis.stop(),
            Director::Prompter(prompter) => prompter.stop(),
            Director::Nobody => {}
        }
    }

    /// How many cues of a story were given.
    pub(crate) fn given(&self) -> usize {
        match self {
            Director::Prompter(prompter) => prompter.given(),
            Director::Nemesis(_) | Director::Nobody => 0,
        }
    }

    /// What was reached.
    pub(crate) fn coverage(&self) -> Coverage {
        match self {
            Director::Nemesis(nemesis) => nemesis.coverage().clone(),
            Director::Prompter(_) | Director::Nobody => Coverage::default(),
        }
    }
}

/// Whether a world of servers and clients is in a state.
fn is(state: State, world: &World<Anyone>) -> bool {
    let host = |node| match world.machine(node) {
        Some(Anyone::Server(host)) => Some(host),
        _ => None,
    };
    match state {
        State::Leads(node) => host(node).is_some_and(|host| host.leads()),
        State::Serves(node) => host(node).is_some_and(|host| host.serves()),
        State::Down(node) => world.machine(node).is_none(),
        State::Agree => {
            let hosts: Vec<_> = world.nodes().into_iter().filter_map(host).collect();
            let last = hosts.first().map(|host| host.server().state().last);
            let same = |last| {
                hosts.iter().all(|host| host.serves() && Some(host.server().state().last) == last)
            };
            last.is_some() && same(last)
        }
    }
}
