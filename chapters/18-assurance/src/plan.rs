//! The plan of a run: how many servers there are, what each is, and how each is set up.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use election::{Limits, Members};
use machines::Dice;
use storage::Compression;
use zxid::ServerId;

use crate::model::Model;
use crate::settings::{Measure, Settings};

/// Who is in an ensemble, and what all its members agree on.
#[derive(Debug)]
pub(crate) struct Plan {
    members: Members,
    servers: u64,
    /// The unit of time of all servers, in ms.
    tick_ms: u32,
    init_limit: u32,
    sync_limit: u32,
    measure: Measure,
}

impl Plan {
    /// Draws a plan, with so many voters and observers if that matters.
    pub(crate) fn draw(settings: &Settings, measure: Measure, dice: &mut Dice) -> Plan {
        let drawn = [1, 1, 3, 3, 3, 3, 3, 5][dice.below(8)];
        let voters = settings.voters.unwrap_or(drawn);
        let drawn = [0, 0, 0, 1, 1, 2][dice.below(6)];
        let observers = if voters == 1 { 0 } else { settings.observers.unwrap_or(drawn) };
        let servers = voters + observers;
        // Observers have any numbers.
        let first = dice.between(0, voters + 1);
        let observes = |server: &u64| (first..first + observers).contains(&(server - 1));
        let id = |server: u64| ServerId(server as i64);
        let members = Members::majority((1..=servers).filter(|it| !observes(it)).map(id))
            .with_observers((1..=servers).filter(observes).map(id));
        let tick_ms = if servers == 1 { [500, 1_000, 2_000] } else { [100, 200, 400] };
        Plan {
            members,
            servers,
            tick_ms: tick_ms[dice.below(3)],
            init_limit: dice.between(5, 16) as u32,
            sync_limit: dice.between(3, 11) as u32,
            measure,
        }
    }

    /// How many servers there are, in all. They are numbered from 1.
    pub(crate) fn servers(&self) -> u64 {
        self.servers
    }

    /// Who they are.
    pub(crate) fn members(&self) -> &Members {
        &self.members
    }

    /// For how long a leader and a learner wait for each other, at the beginning and later.
    pub(crate) fn waits(&self) -> Duration {
        Duration::from_millis(u64::from(self.tick_ms)) * (self.init_limit + self.sync_limit)
    }

    /// The state before the first transaction.
    pub(crate) fn empty(&self) -> Model {
        if self.servers == 1 {
            Model::default()
        } else {
            Model::of_member(self.config().as_bytes())
        }
    }

    /// The settings of one server and of its disk.
    pub(crate) fn settings(
        &self,
        server: u64,
        dice: &mut Dice,
    ) -> (server::Settings, storage::Settings) {
        let ensemble = (self.servers > 1).then(|| Arc::new(self.ensemble(server, dice)));
        let settings = server::Settings {
            id: ServerId(server as i64),
            seed: dice.any(),
            tick_ms: self.tick_ms,
            min_session_timeout: self.measure.of_ms(2_000) as i32,
            max_session_timeout: self.measure.of_ms(20_000) as i32,
            outstanding_limit: [2, 20, 1_000][dice.below(3)],
            snap_count: [10, 50, 500, 100_000][dice.below(4)],
            purge_hours: dice.between(0, 2),
            snap_retain: 1 + dice.below(3),
            extended_types: true,
            reap_interval_ms: self.measure.of_ms(dice.between(500, 10_000)),
            ensemble,
            epoch_length: if dice.chance(200) { 100 } else { u32::MAX - 1 },
            ..server::Settings::default()
        };
        let compressions = [Compression::None, Compression::Gzip, Compression::Snappy];
        let storage = storage::Settings {
            preallocate: [0, 4_096, 65_536][dice.below(3)],
            compression: compressions[dice.below(3)],
            ..storage::Settings::default()
        };
        (settings, storage)
    }

    fn ensemble(&self, server: u64, dice: &mut Dice) -> sync::Settings {
        sync::Settings {
            me: ServerId(server as i64),
            members: self.members.clone(),
            config: Bytes::from(self.config()),
            election_address: format!("10.0.1.{server}:3888"),
            election_limits: Limits::default(),
            tick: Duration::from_millis(u64::from(self.tick_ms)),
            init_limit: self.init_limit,
            sync_limit: self.sync_limit,
            window: [1, 5, 50, 500][dice.below(4)],
            window_bytes: [1_000, 100_000, 64 << 20][dice.below(3)],
            from_disk: dice.chance(700),
            from_disk_bytes: [1_000, 1 << 20][dice.below(2)],
            force_snapshot: dice.chance(50),
        }
    }

    /// The members in text. ZooKeeper: `QuorumMaj.toString`.
    fn config(&self) -> String {
        let mut text = String::new();
        for server in 1..=self.servers {
            let voter = self.members.is_voter(ServerId(server as i64));
            let role = if voter { "participant" } else { "observer" };
            let _ = writeln!(text, "server.{server}=10.0.1.{server}:2888:3888:{role}");
        }
        text + "version=0"
    }
}
