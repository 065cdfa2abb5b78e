//! What a learner takes from its leader and what it hangs up on, packet by packet.

use bytes::Bytes;
use election::ServerState;
use machines::{Effect, Effects, Event, Machine, Ticket};
use storage::Write;
use sync::{Halt, Intake, Stage};
use zab::{Ceased, Health, History, Learner, Packet, Peer, Recovered, Told, Zab};
use zxid::{ServerId, Zxid};

use crate::leader_desk::{entries, entry, recovered, settings};

const BAD: Result<(), Halt> = Err(Halt::Cease(Ceased::BadPacket));

/// A follower of server 3, and what it wants.
struct Desk {
    intake: Intake,
    effects: Effects<Zab>,
}

impl Desk {
    fn new(recovered: Recovered) -> Desk {
        let history = History::new(recovered);
        let intake = Intake::new(ServerId(3), ServerState::Following, history);
        Desk { intake, effects: Effects::new() }
    }

    /// One that has promised epoch `epoch`.
    fn promised(recovered: Recovered, epoch: u32) -> Desk {
        let mut desk = Desk::new(recovered);
        desk.hears(Packet::LeaderInfo { epoch, protocol: Learner::PROTOCOL }).expect("it is new");
        desk.intake.on_durable(desk.intake.given(), &mut desk.effects);
        assert_eq!(desk.intake.stage(), Stage::Promised);
        desk.effects.drain().for_each(drop);
        desk
    }

    fn hears(&mut self, packet: Packet) -> Result<(), Halt> {
        self.intake.receive(packet, &mut self.effects)
    }

    fn take_writes(&mut self) -> Vec<Write> {
        let write = |effect| if let Effect::Write(write) = effect { Some(write) } else { None };
        self.effects.drain().filter_map(write).collect()
    }

    fn take_sent(&mut self) -> Vec<Packet> {
        let sent =
            |effect| if let Effect::Send { message, .. } = effect { Some(message) } else { None };
        self.effects.drain().filter_map(sent).collect()
    }

    fn take_told(&mut self) -> Vec<Told> {
        let told = |effect| if let Effect::Answer(told) = effect { Some(told) } else { None };
        self.effects.drain().filter_map(told).collect()
    }
}

#[test]
fn a_proposal_after_a_hole_is_not_taken() {
    let mut desk = Desk::promised(recovered(2, Zxid::ZERO, entries(2, 2)), 3);
    desk.hears(Packet::Diff(Zxid::new(2, 5))).expect("it is a plan");
    assert_eq!(desk.hears(Packet::Proposal(entry(2, 4))), BAD);
    assert_eq!(desk.hears(Packet::Proposal(entry(3, 2))), BAD, "an epoch begins with 1");
    assert_eq!(desk.take_writes(), []);
    assert_eq!(desk.intake.history().last(), Zxid::new(2, 2));
}

#[test]
fn what_is_there_already_is_passed_over() {
    let mut desk = Desk::promised(recovered(2, Zxid::ZERO, entries(2, 2)), 3);
    desk.hears(Packet::Diff(Zxid::new(2, 3))).expect("it is a plan");
    for proposal in [entry(2, 1), entry(2, 2), entry(2, 3)] {
        assert_eq!(desk.hears(Packet::Proposal(proposal.clone())), Ok(()));
        assert_eq!(desk.hears(Packet::Commit(proposal.zxid)), Ok(()));
    }
    assert_eq!(desk.take_writes(), [Write::Append(entry(2, 3))]);
    assert_eq!(desk.intake.history().last(), Zxid::new(2, 3));
}

#[test]
fn the_oldest_proposal_is_committed_first() {
    let mut desk = Desk::promised(Recovered::default(), 3);
    desk.hears(Packet::Diff(Zxid::ZERO)).expect("it is a plan");
    desk.hears(Packet::Proposal(entry(3, 1))).expect("it is the next");
    desk.hears(Packet::Proposal(entry(3, 2))).expect("it is the next");
    assert_eq!(desk.hears(Packet::Commit(Zxid::new(3, 2))), BAD);
    assert_eq!(desk.hears(Packet::Commit(Zxid::new(3, 1))), Ok(()));
    assert_eq!(desk.hears(Packet::Commit(Zxid::new(3, 1))), Ok(()), "it was said before");
    assert_eq!(desk.hears(Packet::Commit(Zxid::new(3, 2))), Ok(()));
}

#[test]
fn a_cut_below_what_the_state_has_leads_to_a_snapshot() {
    let end = Zxid::new(2, 5);
    let mut desk = Desk::promised(recovered(2, end, Vec::new()), 3);
    assert_eq!(desk.hears(Packet::Trunc(Zxid::new(2, 3))), Err(Halt::Redial));
    assert_eq!(desk.take_writes(), [], "nothing was cut");
    desk.intake.introduce();
    let offer = Packet::LeaderInfo { epoch: 3, protocol: Learner::PROTOCOL };
    assert_eq!(desk.hears(offer), Ok(()));
    let nothing = Packet::AckEpoch { last: Zxid::ZERO, current: None };
    assert_eq!(desk.take_sent(), [nothing], "it asks for everything");
    assert_eq!(desk.hears(Packet::Diff(end)), BAD, "what it has is of no use");
    assert_eq!(desk.hears(Packet::Snap(end)), Ok(()));
}

#[test]
fn a_snapshot_that_is_not_whole_is_worth_nothing() {
    let mut desk = Desk::promised(Recovered::default(), 3);
    let end = Zxid::new(2, 5);
    desk.hears(Packet::Snap(end)).expect("it is a plan");
    desk.hears(Packet::SnapshotBytes(Bytes::from_static(b"half"))).expect("it is a piece");
    desk.take_writes();
    desk.intake.abandon(&mut desk.effects);
    assert_eq!(desk.take_writes(), [Write::AbandonSnapshot]);
    assert_eq!(desk.intake.history().last(), Zxid::ZERO);
}

#[test]
fn nothing_is_acknowledged_before_it_is_on_disk() {
    let mut desk = Desk::promised(Recovered::default(), 3);
    desk.hears(Packet::Diff(Zxid::ZERO)).expect("it is a plan");
    desk.hears(Packet::NewLeader { epoch: 3, config: None }).expect("its turn has come");
    let beginning = desk.intake.given();
    desk.hears(Packet::Proposal(entry(3, 1))).expect("it is the next");
    desk.intake.on_durable(Ticket(beginning.0 - 1), &mut desk.effects);
    assert_eq!(desk.take_sent(), []);
    desk.intake.on_durable(beginning, &mut desk.effects);
    let begun = || Packet::Ack(Zxid::new(3, 0));
    assert_eq!(desk.take_sent(), [begun()]);
    desk.hears(Packet::UpToDate).expect("its turn has come");
    assert_eq!(desk.take_sent(), [begun()], "the proposal is not on disk yet");
    desk.intake.on_durable(desk.intake.given(), &mut desk.effects);
    assert_eq!(desk.take_sent(), [Packet::Ack(Zxid::new(3, 1))]);
}

/// What a leader of epoch 4 tells a follower that has one transaction too many.
fn words() -> Vec<Packet> {
    vec![
        Packet::Trunc(Zxid::new(2, 1)),
        Packet::Proposal(entry(3, 1)),
        Packet::Commit(Zxid::new(3, 1)),
        Packet::NewLeader { epoch: 4, config: None },
        Packet::Proposal(entry(4, 1)),
        Packet::UpToDate,
        Packet::Proposal(entry(4, 2)),
        Packet::Commit(Zxid::new(4, 1)),
    ]
}

#[test]
fn wherever_the_power_goes_what_was_said_is_on_disk() {
    let mut acknowledged = 0;
    for done in (1..10).map(Ticket) {
        // The disk comes as far as this, and no further.
        let mut desk = Desk::promised(recovered(2, Zxid::ZERO, entries(2, 2)), 4);
        let mut effects = Vec::new();
        for packet in words() {
            if packet == Packet::UpToDate && desk.intake.stage() != Stage::Begun {
                break;
            }
            desk.hears(packet).expect("its turn has come");
            let there = done.min(desk.intake.given());
            desk.intake.on_durable(there, &mut desk.effects);
            effects.extend(desk.effects.drain());
        }
        let (mut written, mut safe) = (Vec::new(), 0);
        for effect in effects {
            match effect {
                Effect::Write(write) => written.push(write),
                Effect::Sync(ticket) if ticket <= done => safe = written.len(),
                Effect::Send { message: Packet::Ack(zxid), .. } => {
                    let meant = match zxid.counter() {
                        0 => Write::CurrentEpoch(zxid.epoch()),
                        counter => Write::Append(entry(zxid.epoch(), counter)),
                    };
                    let on_disk = &written[..safe];
                    assert!(on_disk.contains(&meant), "Ack {zxid} with this on disk: {on_disk:?}");
                    acknowledged += 1;
                }
                _ => {}
            }
        }
        if let Some(at) = written.iter().position(|it| *it == Write::CurrentEpoch(4)) {
            let history = [Write::Truncate(Zxid::new(2, 1)), Write::Append(entry(3, 1))];
            let is_before = history.iter().all(|it| written[..at].contains(it));
            assert!(is_before, "the epoch is there before its history: {written:?}");
        }
    }
    assert!(acknowledged > 0, "it acknowledges nothing");
}

#[test]
fn no_proposal_is_acknowledged_before_uptodate() {
    let mut desk = Desk::promised(Recovered::default(), 3);
    desk.hears(Packet::Diff(Zxid::ZERO)).expect("it is a plan");
    desk.hears(Packet::NewLeader { epoch: 3, config: None }).expect("its turn has come");
    desk.intake.on_durable(desk.intake.given(), &mut desk.effects);
    desk.take_sent();
    desk.hears(Packet::Proposal(entry(3, 1))).expect("it is the next");
    desk.intake.on_durable(desk.intake.given(), &mut desk.effects);
    assert_eq!(desk.take_sent(), [], "the leader waits for the ACK of its beginning");
    desk.hears(Packet::UpToDate).expect("its turn has come");
    let owed = [Packet::Ack(Zxid::new(3, 0)), Packet::Ack(Zxid::new(3, 1))];
    assert_eq!(desk.take_sent(), owed);
}

#[test]
fn what_is_committed_is_delivered_from_uptodate_on_and_nothing_else() {
    let mut desk = Desk::promised(Recovered::default(), 3);
    for packet in [
        Packet::Diff(Zxid::ZERO),
        Packet::Proposal(entry(3, 1)),
        Packet::NewLeader { epoch: 3, config: None },
        Packet::Commit(Zxid::new(3, 1)),
        Packet::Proposal(entry(3, 2)),
    ] {
        assert_eq!(desk.hears(packet.clone()), Ok(()), "{packet}");
    }
    desk.intake.on_durable(desk.intake.given(), &mut desk.effects);
    assert_eq!(desk.take_told(), [], "a quorum may not have the beginning yet");
    desk.hears(Packet::UpToDate).expect("its turn has come");
    let (role, leader) = (ServerState::Following, ServerId(3));
    let serving = Told::Serving { role, leader, epoch: 3 };
    assert_eq!(desk.take_told(), [Told::Deliver(entry(3, 1)), serving]);
    desk.hears(Packet::Commit(Zxid::new(3, 2))).expect("it is the next");
    assert_eq!(desk.take_told(), [Told::Deliver(entry(3, 2))]);
}

#[test]
fn a_cut_and_a_snapshot_change_memory_and_disk_alike() {
    let end = Zxid::new(2, 3);
    let mut desk = Desk::promised(recovered(2, Zxid::ZERO, entries(2, 5)), 3);
    desk.hears(Packet::Trunc(end)).expect("it is a plan");
    assert_eq!(desk.intake.history().last(), end);
    assert_eq!(desk.take_writes(), [Write::Truncate(end)]);

    let (before, whole) = (Zxid::new(2, 2), Zxid::new(2, 9));
    let mut desk = Desk::promised(recovered(2, Zxid::ZERO, entries(2, 2)), 3);
    desk.hears(Packet::Snap(whole)).expect("it is a plan");
    let body = Bytes::from_static(b"all");
    desk.hears(Packet::SnapshotBytes(body.clone())).expect("it is a piece");
    assert_eq!(desk.intake.history().last(), before, "it is not whole yet");
    desk.hears(Packet::SnapshotEnd).expect("its turn has come");
    assert_eq!(desk.intake.history().last(), whole);
    let (begun, sealed) =
        (Write::BeginSnapshot { zxid: whole }, Write::InstallSnapshot { digest: None });
    assert_eq!(desk.take_writes(), [begun, Write::SnapshotBytes(body), sealed]);
}

#[test]
fn a_convalescent_is_well_when_it_has_all_that_was_proposed_when_it_came_back() {
    let ill = Recovered { health: Health::Convalescent, ..Recovered::default() };
    let intake = Intake::new(ServerId(3), ServerState::Observing, History::new(ill));
    let mut desk = Desk { intake, effects: Effects::new() };
    let well = |desk: &mut Desk| {
        desk.intake.on_durable(desk.intake.given(), &mut desk.effects);
        desk.take_writes().contains(&Write::Convalesced)
    };
    desk.hears(Packet::LeaderInfo { epoch: 3, protocol: Learner::PROTOCOL }).expect("it is new");
    assert!(!well(&mut desk));
    desk.hears(Packet::Diff(Zxid::ZERO)).expect("it is a plan");
    desk.hears(Packet::NewLeader { epoch: 3, config: None }).expect("its turn has come");
    assert!(!well(&mut desk));
    desk.hears(Packet::UpToDate).expect("its turn has come");
    desk.hears(Packet::Inform(entry(3, 1))).expect("it is the next");
    assert!(!well(&mut desk), "nobody said how much there is");
    desk.intake.on_ping(Zxid::new(3, 3), &mut desk.effects);
    desk.hears(Packet::Inform(entry(3, 2))).expect("it is the next");
    assert!(!well(&mut desk), "it may have acknowledged 3.3");
    // What is proposed since does not matter.
    desk.intake.on_ping(Zxid::new(3, 9), &mut desk.effects);
    desk.hears(Packet::Inform(entry(3, 3))).expect("it is the next");
    assert!(well(&mut desk));
}

#[test]
fn a_leader_waits_while_much_waits_for_the_disk_and_goes_on_afterwards() {
    let leader = Peer::Leader(ServerId(3));
    let me = sync::Settings { me: ServerId(1), ..settings(3, 0) };
    let history = History::new(Recovered::default());
    let mut learner = sync::Learner::new(me.into(), ServerId(3), history);
    let mut step = |event| -> Vec<Effect<Zab>> {
        let mut effects = Effects::new();
        learner.step(event, &mut effects);
        effects.drain().collect()
    };
    let heard = |message| Event::Received { from: leader, message };
    step(Event::Opened(leader));
    step(heard(Packet::LeaderInfo { epoch: 1, protocol: Learner::PROTOCOL }));
    step(Event::Durable(Ticket(1)));
    step(heard(Packet::Diff(Zxid::ZERO)));
    let mut wanted = Vec::new();
    for counter in 1..=6 {
        let payload = Bytes::from(vec![0; 1 << 20]);
        let large = storage::Entry { zxid: Zxid::new(1, counter), payload };
        wanted.extend(step(heard(Packet::Proposal(large))));
    }
    let pauses = wanted.iter().filter(|effect| matches!(effect, Effect::Pause(_)));
    assert_eq!(pauses.count(), 1, "it is asked once");
    let all_done = Event::Durable(Ticket(7));
    assert!(step(all_done).iter().any(|effect| matches!(effect, Effect::Resume(_))));
}
