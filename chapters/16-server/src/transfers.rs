//! Whole states on their way: ours to learners, and a leader's to us.
//!
//! ZooKeeper: `LearnerHandler`, `Learner.syncWithLeader`.

use machines::Effects;
use zab::{Ceased, Told};

use crate::Service;
use crate::ground::Ground;
use crate::incoming::Incoming;
use crate::notice::Notice;
use crate::streams::Streams;
use crate::vocabulary::Zk;

/// The states on their way.
#[derive(Debug, Default)]
pub struct Transfers {
    streams: Streams,
    incoming: Option<Incoming>,
}

impl Transfers {
    /// The member tells something of a state on its way.
    pub fn on_told(&mut self, told: Told, ground: &mut Ground, effects: &mut Effects<Zk>) {
        let Some(part) = &mut ground.part else { return };
        let state = &mut ground.front.service.state;
        match told {
            Told::SnapshotWanted(link) => self.streams.begin(link, state, part),
            Told::SnapshotMore(link) => self.streams.go_on(link, state, part),
            Told::SnapshotUnwanted(link) => self.streams.end(link, state),
            Told::SnapshotBegun(zxid) => {
                effects.answer(Notice::SnapshotComing { zxid });
                self.incoming = Some(Incoming::new(zxid, state));
            }
            Told::SnapshotBytes(bytes) => {
                let taken = self.incoming.as_mut().map_or(Ok(()), |coming| coming.take(&bytes));
                if let Err(why) = taken {
                    self.give_up(why, ground, effects);
                }
            }
            Told::SnapshotEnded => match self.incoming.take().map(|coming| coming.finish(state)) {
                Some(Ok(mut state)) => {
                    self.streams = Streams::default();
                    if let Some(ensemble) = &ground.front.settings.ensemble {
                        state.show_config(&ensemble.config, effects.now().wall_ms);
                    }
                    // Nobody is served meanwhile, so nobody watches.
                    ground.front.service = Service::new(state);
                }
                Some(Err(why)) => self.give_up(why, ground, effects),
                None => {}
            },
            _ => {}
        }
    }

    /// What comes is no state.
    fn give_up(&mut self, why: String, ground: &mut Ground, effects: &mut Effects<Zk>) {
        self.incoming = None;
        effects.answer(Notice::BadSnapshot { why });
        if let Some(part) = &mut ground.part {
            part.resign(Ceased::BadPacket);
        }
    }

    /// The role is over: nothing comes or goes any more.
    pub fn end(&mut self, ground: &mut Ground) {
        self.incoming = None;
        self.streams.end_all(&mut ground.front.service.state);
    }
}
