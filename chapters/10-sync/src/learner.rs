//! A learner, whole: a follower or an observer. It dials its leader, and gives it up when the
//! connection breaks or nothing is heard any more. What the leader's words mean is in
//! `solutions/10-learner.rs`.
//!
//! Always true:
//! - no more of the leader's bytes wait for the disk than a fixed number, and one packet;
//! - pings are answered from UPTODATE on, and only then.
//!
//! Book: chapter 10. ZooKeeper: `Learner.connectToLeader`, `Learner.ping`, `Follower.followLeader`,
//! `Observer.observeLeader`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use election::ServerState;
use machines::{Effects, Event, Machine, Ticket};
use zab::{Ceased, History, Learner as Identity, Packet, Peer, Timer, Told, Zab};
use zxid::{ServerId, SessionId};

use crate::settings::Settings;
use crate::{Halt, Intake, Stage};

/// How long to wait before dialling again. ZooKeeper: `leaderConnectDelayDuringRetryMs`.
const RETRY: Duration = Duration::from_millis(100);
/// How often to dial.
const ATTEMPTS: u32 = 5;
/// Bytes that may wait for the disk; with more, the leader waits.
const HIGH: usize = 4 << 20;
/// Bytes with which it goes on.
const LOW: usize = 1 << 20;

/// A server that follows, or tries to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Learner {
    settings: Arc<Settings>,
    leader: ServerId,
    intake: Intake,
    /// The connection to the leader is open.
    connected: bool,
    /// How often the leader was dialled since there was no connection.
    attempts: u32,
    /// When this began, or the leader was heard last.
    heard: Duration,
    /// The sessions that were heard of, and their timeouts.
    touched: BTreeMap<SessionId, i32>,
    /// What waits for the disk: so many bytes, until this ticket.
    waiting: VecDeque<(Ticket, usize)>,
    paused: bool,
    /// The leader is given up.
    over: bool,
}

impl Learner {
    /// A learner that has yet to dial its leader. Everything in `history` is on disk.
    pub fn new(settings: Arc<Settings>, leader: ServerId, history: History) -> Learner {
        let observer = settings.is_observer() || history.is_convalescent();
        let role = if observer { ServerState::Observing } else { ServerState::Following };
        Learner {
            settings,
            leader,
            intake: Intake::new(leader, role, history),
            connected: false,
            attempts: 0,
            heard: Duration::ZERO,
            touched: BTreeMap::new(),
            waiting: VecDeque::new(),
            paused: false,
            over: false,
        }
    }

    /// Begins: dials the leader.
    pub fn begin(&mut self, effects: &mut Effects<Zab>) {
        self.heard = effects.now().monotonic;
        effects.set(Timer::Tick, self.settings.tick / 2);
        self.dial(effects);
    }

    /// The history so far.
    pub fn history(&self) -> &History {
        self.intake.history()
    }

    /// Ends: gives the history back.
    pub fn into_history(self) -> History {
        self.intake.into_history()
    }

    /// How far it is with its leader.
    pub fn stage(&self) -> Stage {
        self.intake.stage()
    }

    /// Asks the leader: `Request` or `Revalidate`. Only while it serves.
    pub fn ask(&mut self, packet: Packet, effects: &mut Effects<Zab>) {
        assert!(self.stage() == Stage::Serving, "nothing is asked before this server serves");
        effects.send(self.peer(), packet);
    }

    /// Notes that something was heard of a session: the leader is told with the next answer to a
    /// ping. The timeout is in ms.
    pub fn touch(&mut self, session: SessionId, timeout: i32) {
        self.touched.insert(session, timeout);
    }

    /// Gives the leader up.
    pub fn cease(&mut self, why: Ceased, effects: &mut Effects<Zab>) {
        if !self.over {
            self.over = true;
            self.intake.abandon(effects);
            effects.answer(Told::Ceased(why));
        }
    }

    fn peer(&self) -> Peer {
        Peer::Leader(self.leader)
    }

    fn dial(&mut self, effects: &mut Effects<Zab>) {
        self.attempts += 1;
        effects.open(self.peer());
    }

    /// The leader has answered the dialling: it is told who is there.
    fn on_opened(&mut self, effects: &mut Effects<Zab>) {
        self.connected = true;
        self.intake.introduce();
        let (server, protocol, config) = (self.settings.me, Identity::PROTOCOL, 0);
        let learner = Identity { server, protocol, config };
        let accepted = self.history().accepted();
        let hello = match self.intake.observes() {
            true => Packet::ObserverInfo { accepted, learner },
            false => Packet::FollowerInfo { accepted, learner },
        };
        effects.send(self.peer(), hello);
    }

    /// The connection is gone, or did not come about.
    fn on_closed(&mut self, effects: &mut Effects<Zab>) {
        if self.connected {
            self.cease(Ceased::LeaderLost, effects);
        } else if self.attempts < ATTEMPTS {
            effects.set(Timer::Retry, RETRY);
        } else {
            self.cease(Ceased::Unreachable, effects);
        }
    }

    fn on_received(&mut self, packet: Packet, effects: &mut Effects<Zab>) {
        self.heard = effects.now().monotonic;
        if let Packet::Ping { zxid, .. } = packet {
            return self.on_ping(zxid, effects);
        }
        let bytes = weight(&packet);
        match self.intake.receive(packet, effects) {
            Ok(()) => self.wait_for_disk(bytes, effects),
            Err(Halt::Cease(why)) => self.cease(why, effects),
            Err(Halt::Redial) => self.redial(effects),
        }
        let (count, bytes) = (self.settings.window, self.settings.window_bytes);
        self.intake.forget(count, bytes);
    }

    /// The leader asks whether this server is there. As ZooKeeper's learners, it is not heard until
    /// it serves.
    fn on_ping(&mut self, zxid: zxid::Zxid, effects: &mut Effects<Zab>) {
        if self.stage() == Stage::Serving {
            let touched = std::mem::take(&mut self.touched).into_iter().collect();
            effects.send(self.peer(), Packet::Ping { zxid, touched: Some(touched) });
        }
        self.intake.on_ping(zxid, effects);
    }

    /// Begins again with the same leader, which will be asked for everything.
    fn redial(&mut self, effects: &mut Effects<Zab>) {
        effects.close(self.peer());
        (self.connected, self.attempts, self.paused) = (false, 0, false);
        self.dial(effects);
    }

    /// So much more waits for the disk: the leader must not send faster than it takes.
    fn wait_for_disk(&mut self, bytes: usize, effects: &mut Effects<Zab>) {
        if bytes > 0 {
            self.waiting.push_back((self.intake.given(), bytes));
        }
        if !self.paused && self.waiting_bytes() > HIGH {
            self.paused = true;
            effects.pause(self.peer());
        }
    }

    fn on_durable(&mut self, ticket: Ticket, effects: &mut Effects<Zab>) {
        let convalescent = self.history().is_convalescent();
        self.intake.on_durable(ticket, effects);
        if convalescent && !self.history().is_convalescent() {
            // What it is to its leader was settled when it came.
            return self.cease(Ceased::Convalesced, effects);
        }
        self.waiting.retain(|(waiting, _)| *waiting > ticket);
        if self.paused && self.waiting_bytes() <= LOW {
            self.paused = false;
            // Nothing could be heard meanwhile.
            self.heard = effects.now().monotonic;
            effects.resume(self.peer());
        }
    }

    fn waiting_bytes(&self) -> usize {
        self.waiting.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Half a tick is over.
    fn on_tick(&mut self, effects: &mut Effects<Zab>) {
        effects.set(Timer::Tick, self.settings.tick / 2);
        let silence = effects.now().monotonic.saturating_sub(self.heard);
        let patience = match self.stage() {
            Stage::Begun | Stage::Serving => self.settings.sync_time(),
            _ => self.settings.init_time(),
        };
        if silence >= patience && !self.paused {
            let why = if self.connected { Ceased::LeaderSilent } else { Ceased::Unreachable };
            self.cease(why, effects);
        }
    }
}

/// Bytes of a packet that go to the disk.
fn weight(packet: &Packet) -> usize {
    match packet {
        Packet::SnapshotBytes(bytes) => bytes.len(),
        Packet::Proposal(entry)
        | Packet::Inform(entry)
        | Packet::InformAndActivate { entry, .. } => entry.payload.len(),
        _ => 0,
    }
}

impl Machine for Learner {
    type Protocol = Zab;

    fn step(&mut self, event: Event<Zab>, effects: &mut Effects<Zab>) {
        if self.over {
            return;
        }
        let leader = self.peer();
        match event {
            Event::Opened(peer) if peer == leader => self.on_opened(effects),
            Event::Closed(peer) if peer == leader => self.on_closed(effects),
            Event::Received { from, message } if from == leader => {
                self.on_received(message, effects);
            }
            // Nobody else is listened to.
            Event::Opened(_) | Event::Closed(_) | Event::Received { .. } => {}
            Event::Expired(Timer::Tick) => self.on_tick(effects),
            Event::Expired(Timer::Retry) => self.dial(effects),
            Event::Durable(ticket) => self.on_durable(ticket, effects),
            // It asks the disk nothing, and never sends much.
            Event::Started(_)
            | Event::Flushed(_)
            | Event::Fetched(_)
            | Event::Failed(..)
            | Event::Drained => {}
        }
    }
}
