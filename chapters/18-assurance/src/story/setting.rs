//! The setting of a story: which world it plays in, who is there, and how long it is.

use std::collections::BTreeSet;
use std::time::Duration;

use machines::NodeId;

use crate::nemesis::Kind;
use crate::settings::{Measure, Settings};

/// Which world a story plays in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenery {
    /// Whole servers and clients, as in chapter 18.
    Ensemble,
    /// Members of an ensemble with nothing but a memory on top, as in chapter 10.
    Members,
}

/// Where a story plays, and who is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Which world.
    pub world: Scenery,
    /// The seed of everything that is not told.
    pub seed: u64,
    /// How many servers vote; if it is not said, the seed says it.
    pub servers: Option<u64>,
    /// How many more follow without a vote; if it is not said, the seed says it, and members have
    /// none. In a world of members they have the highest numbers.
    pub observers: Option<u64>,
    /// How many clients there are at most, each with a program that the seed draws.
    pub clients: u64,
    /// For how long cues are given. Then everything is mended, and must come to rest.
    pub duration: Duration,
    /// For how long everything may take to come to rest.
    pub patience: Duration,
    /// Whether the network and the disks are as bad as the seed draws them, or friendly.
    pub rough: bool,
    /// Servers that do not start by themselves.
    pub down: BTreeSet<NodeId>,
    /// How the members are set up, in a world of members.
    pub habits: Habits,
}

/// How the members of a world of members are set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// The unit of their time.
    pub tick: Duration,
    /// How many transactions a leader keeps in memory for those who lack them.
    pub window: usize,
    /// Whether a leader also sends what is only on its disk; if not, it sends a snapshot.
    pub from_disk: bool,
    /// After how many transactions they take a snapshot, if ever.
    pub snapshot_every: Option<usize>,
    /// How many transactions an epoch has room for, if that is not the usual number.
    pub epoch_length: Option<u32>,
}

impl Default for Setting {
    fn default() -> Self {
        Setting {
            world: Scenery::Ensemble,
            seed: 0,
            servers: None,
            observers: None,
            clients: 0,
            duration: Duration::from_secs(15),
            patience: Settings::default().patience,
            rough: false,
            down: BTreeSet::new(),
            habits: Habits::default(),
        }
    }
}

impl Default for Habits {
    fn default() -> Self {
        Habits {
            tick: Duration::from_millis(200),
            window: 500,
            from_disk: true,
            snapshot_every: None,
            epoch_length: None,
        }
    }
}

impl Setting {
    /// The setting of a run with servers and clients. Which faults were to be drawn is not said: the
    /// cues say what was done.
    pub fn of_run(seed: u64, settings: &Settings) -> Setting {
        Setting {
            seed,
            servers: settings.voters,
            observers: settings.observers,
            clients: settings.clients,
            duration: Measure::of_seed(seed, settings.duration).duration,
            patience: settings.patience,
            rough: !settings.faults.is_empty(),
            ..Setting::default()
        }
    }

    /// How a run with servers and clients is told of it.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            voters: self.servers,
            clients: self.clients,
            observers: self.observers,
            duration: Some(self.duration),
            patience: self.patience,
            faults: if self.rough { Kind::all() } else { BTreeSet::new() },
            ..Settings::default()
        }
    }
}
