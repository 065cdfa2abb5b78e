//! What a learner takes from its leader and what it hangs up on, packet by packet.

use bytes::Bytes;
use election::ServerState;
use machines::{Effect, Effects, Event, Machine, Ticket};
use storage::Write;
use sync::{Halt, Intake, Stage};
use zab::{Ceased, Health, History, Learner, Packet, Peer, Recovered, Zab};
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
