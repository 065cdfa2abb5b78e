//! The heart's functions, by themselves.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use election::{
    Ballot, Elected, Election, Fle, LogEnd, Members, Notification, ServerState, Share, Timer, Vote,
    agreed, better, safe_leaders, same,
};
use machines::{Dice, Effect, Effects, Event, Machine};
use zxid::{ServerId, Zxid};

use crate::ensemble::voters;

fn vote(epoch: i64, zxid: Zxid, leader: i64) -> Vote {
    Vote { leader: ServerId(leader), zxid, epoch }
}

fn ids(list: &[i64]) -> BTreeSet<ServerId> {
    list.iter().copied().map(ServerId).collect()
}

#[test]
fn votes_are_in_one_strict_order_of_epoch_zxid_and_id() {
    let members = voters(3);
    let mut all = vec![Vote::NONE];
    for epoch in [-1, 0, 1, 2] {
        for zxid in [Zxid::ZERO, Zxid::new(0, u32::MAX), Zxid::new(1, 0), Zxid::new(1, 1)] {
            all.extend((1..=3).map(|leader| vote(epoch, zxid, leader)));
        }
    }
    for (at, one) in all.iter().enumerate() {
        for (other_at, other) in all.iter().enumerate() {
            assert_eq!(better(one, other, &members), at > other_at, "{one} over {other}");
        }
    }
}

#[test]
fn zxids_are_compared_as_signed_numbers_as_the_original_does() {
    assert!(better(&vote(1, Zxid::ZERO, 1), &vote(1, Vote::UNKNOWN, 2), &voters(3)));
}

#[test]
fn a_vote_for_a_server_that_weighs_nothing_is_never_better() {
    let share = |weight| Share { group: 1, weight };
    let members = Members::grouped([(ServerId(1), share(1)), (ServerId(2), share(0))]);
    let light = vote(9, Zxid::new(9, 9), 2);
    assert!(!better(&light, &vote(0, Zxid::ZERO, 1), &members));
    assert!(!better(&vote(0, Zxid::ZERO, 1), &light, &members), "it is not worse, either");
    assert!(!better(&vote(9, Zxid::new(9, 9), 7), &vote(0, Zxid::ZERO, 1), &members), "no member");
}

#[test]
fn a_majority_is_more_than_half_and_observers_do_not_count() {
    let four = voters(4).with_observers([ServerId(9)]);
    assert!(!four.is_quorum(&ids(&[1, 2])));
    assert!(!four.is_quorum(&ids(&[1, 2, 9])));
    assert!(four.is_quorum(&ids(&[1, 2, 4])));
    assert!(!voters(0).is_quorum(&ids(&[])));
}

#[test]
fn of_groups_more_than_half_must_be_there_with_more_than_half_of_their_weight() {
    let share = |group, weight| Share { group, weight };
    let nine = (1..=9).map(|id| (ServerId(id), share((id - 1) / 3, 1)));
    let nine = Members::grouped(nine);
    assert!(nine.is_quorum(&ids(&[1, 2, 4, 5])));
    assert!(!nine.is_quorum(&ids(&[1, 2, 3, 4, 7])));
    let weighed = Members::grouped([
        (ServerId(1), share(1, 3)),
        (ServerId(2), share(1, 1)),
        (ServerId(3), share(1, 1)),
        (ServerId(4), share(2, 0)),
    ]);
    assert!(weighed.is_quorum(&ids(&[1])));
    assert!(!weighed.is_quorum(&ids(&[2, 3, 4])));
}

#[test]
fn any_two_quorums_have_a_server_in_common() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let share =
            |dice: &mut Dice| Share { group: dice.below(3) as i64, weight: dice.below(4) as u32 };
        let all: Vec<_> = (0..6).map(|id| (ServerId(id), share(&mut dice))).collect();
        let members = if seed % 2 == 0 {
            Members::grouped(all)
        } else {
            Members::majority(all.into_iter().map(|(id, _)| id).skip(seed as usize % 3))
        };
        let set = |bits: u32| -> BTreeSet<ServerId> {
            (0..6).filter(|id| bits >> id & 1 == 1).map(ServerId).collect()
        };
        for bits in 0..64 {
            let (some, rest) = (members.is_quorum(&set(bits)), members.is_quorum(&set(!bits)));
            assert!(!some || !rest, "seed {seed}: {:?} and the rest are both quorums", set(bits));
        }
    }
}

#[test]
fn looking_votes_must_be_equal_in_all_and_others_in_leader_and_epoch() {
    use ServerState::{Following, Leading, Looking};
    let one = Ballot { state: Looking, round: 4, vote: vote(1, Zxid::new(1, 5), 3), version: 2 };
    assert!(same(&one, &one));
    assert!(!same(&one, &Ballot { round: 5, ..one }));
    let mut other = Ballot { state: Following, ..one };
    assert!(same(&one, &other));
    other.vote.zxid = Zxid::new(1, 4);
    assert!(!same(&one, &other));
    let leading = Ballot { state: Leading, ..one };
    assert!(same(&leading, &other), "zxids of servers with a leader do not matter");
    other.round = 9;
    assert!(same(&leading, &other), "nor do their rounds");
    other.vote.epoch = 2;
    assert!(!same(&leading, &other));
    assert!(same(&leading, &Ballot { version: 0, ..other }), "an old format has no epoch");
    assert!(!same(&Ballot { version: 0, ..leading }, &Ballot { version: 0, ..other }));
}

#[test]
fn votes_of_another_round_and_of_observers_are_not_counted() {
    let members = voters(3).with_observers([ServerId(4)]);
    let wanted = Ballot {
        state: ServerState::Looking,
        round: 3,
        vote: vote(1, Zxid::new(1, 5), 3),
        version: 0,
    };
    let old = Ballot { round: 2, ..wanted };
    let mut ballots = BTreeMap::from([(ServerId(1), wanted), (ServerId(2), old)]);
    ballots.insert(ServerId(4), wanted);
    assert!(!agreed(&ballots, &wanted, &members));
    ballots.insert(ServerId(2), wanted);
    assert!(agreed(&ballots, &wanted, &members));
}

#[test]
fn only_those_with_the_latest_history_may_lead_and_only_if_a_quorum_is_alive() {
    let log =
        |current_epoch, epoch, counter| LogEnd { current_epoch, last: Zxid::new(epoch, counter) };
    let logs = BTreeMap::from([
        (ServerId(1), log(2, 2, 1)),
        (ServerId(2), log(2, 2, 1)),
        (ServerId(3), log(1, 1, 900)),
    ]);
    assert_eq!(safe_leaders(&logs, &ids(&[1, 2, 3])), ids(&[1, 2]));
    assert_eq!(safe_leaders(&logs, &ids(&[1, 3])), ids(&[1]));
    assert_eq!(safe_leaders(&logs, &ids(&[3])), ids(&[]));
    assert_eq!(safe_leaders(&logs, &ids(&[3, 7, 8])), ids(&[]));
    // The old leader's tail is longer, but its epoch is over: the claim that its zxid is smaller
    // is wrong.
    let logs = BTreeMap::from([
        (ServerId(1), log(2, 1, 100)),
        (ServerId(2), log(2, 1, 100)),
        (ServerId(3), log(1, 1, 101)),
    ]);
    assert_eq!(safe_leaders(&logs, &ids(&[2, 3])), ids(&[2]));
    // Of equal ends, the one that was brought into the later epoch counts.
    let logs = BTreeMap::from([(ServerId(1), log(2, 1, 7)), (ServerId(2), log(1, 1, 7))]);
    assert_eq!(safe_leaders(&logs, &ids(&[1, 2])), ids(&[1]));
}

/// One server under test, told what others think.
struct Subject {
    election: Election,
    effects: Effects<Fle>,
}

impl Subject {
    fn new(me: i64, members: Members, log: LogEnd) -> Subject {
        let election = Election::new(ServerId(me), members, Bytes::new());
        let mut subject = Subject { election, effects: Effects::new() };
        subject.step(Event::Started(log));
        subject
    }

    fn step(&mut self, event: Event<Fle>) -> Vec<Effect<Fle>> {
        self.election.step(event, &mut self.effects);
        self.effects.drain().collect()
    }

    fn hear(&mut self, from: i64, state: ServerState, vote: Vote, round: i64) -> Vec<Effect<Fle>> {
        let message = Notification { state, vote, round, version: 2, config: Bytes::new() };
        self.step(Event::Received { from: ServerId(from), message })
    }
}

fn elected(effects: &[Effect<Fle>]) -> Option<Elected> {
    effects.iter().find_map(|effect| match effect {
        Effect::Answer(elected) => Some(*elected),
        _ => None,
    })
}

fn answers(effects: &[Effect<Fle>]) -> Vec<(i64, ServerState, Vote, i64)> {
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send { to, message: it } => Some((to.0, it.state, it.vote, it.round)),
        _ => None,
    });
    sent.collect()
}

#[test]
fn a_vote_of_an_older_round_is_answered_and_not_counted() {
    let mut subject = Subject::new(2, voters(3), LogEnd::default());
    let three = vote(0, Zxid::ZERO, 3);
    subject.hear(3, ServerState::Looking, three, 5);
    assert_eq!((subject.election.round(), subject.election.vote()), (5, three));
    let mut second = Subject::new(2, voters(5), LogEnd::default());
    second.hear(3, ServerState::Looking, three, 5);
    let effects = second.hear(1, ServerState::Looking, three, 4);
    assert_eq!(answers(&effects), [(1, ServerState::Looking, three, 5)]);
    let effects = second.hear(4, ServerState::Looking, three, 4);
    assert!(!effects.iter().any(|it| matches!(it, Effect::Set { timer: Timer::Settle, .. })));
}

#[test]
fn a_late_vote_of_an_older_round_does_not_take_the_place_of_a_newer_one() {
    let mut subject = Subject::new(2, voters(3), LogEnd::default());
    let three = vote(0, Zxid::ZERO, 3);
    subject.hear(3, ServerState::Looking, three, 5);
    let effects = subject.hear(3, ServerState::Looking, three, 4);
    assert!(!effects.contains(&Effect::Clear(Timer::Settle)));
    assert!(elected(&subject.step(Event::Expired(Timer::Settle))).is_some());
}

#[test]
fn in_a_newer_round_a_vote_need_only_beat_the_own_history() {
    let mut subject = Subject::new(1, voters(5), LogEnd::default());
    subject.hear(5, ServerState::Looking, vote(0, Zxid::ZERO, 5), 1);
    assert_eq!(subject.election.vote().leader, ServerId(5));
    // Server 5 is dead by now, and nobody in round 2 votes for it.
    subject.hear(2, ServerState::Looking, vote(0, Zxid::ZERO, 2), 2);
    assert_eq!(subject.election.vote().leader, ServerId(2));
}

#[test]
fn who_looks_again_forgets_what_was_heard_before() {
    let mut subject = Subject::new(5, voters(5), LogEnd::default());
    let four = vote(3, Zxid::new(3, 9), 4);
    subject.hear(1, ServerState::Following, four, 7);
    subject.hear(2, ServerState::Following, four, 7);
    let mut effects = Effects::new();
    subject.election.look(LogEnd::default(), &mut effects);
    assert_eq!(elected(&subject.hear(4, ServerState::Leading, four, 7)), None);
    subject.hear(1, ServerState::Following, four, 7);
    assert!(elected(&subject.hear(2, ServerState::Following, four, 7)).is_some());
}

#[test]
fn followers_of_one_leader_in_different_epochs_do_not_add_up() {
    let mut subject = Subject::new(5, voters(5), LogEnd::default());
    let (old, new) = (vote(1, Zxid::ZERO, 4), vote(2, Zxid::ZERO, 4));
    subject.hear(1, ServerState::Following, old, 7);
    subject.hear(2, ServerState::Following, new, 7);
    assert_eq!(elected(&subject.hear(4, ServerState::Leading, new, 7)), None);
    // Within the round of the one that looks, they do.
    let mut subject = Subject::new(5, voters(5), LogEnd::default());
    subject.hear(1, ServerState::Following, old, 1);
    subject.hear(2, ServerState::Following, new, 1);
    assert!(elected(&subject.hear(4, ServerState::Leading, new, 1)).is_some());
}

#[test]
fn a_newer_round_forgets_the_votes_of_the_older_one() {
    let mut subject = Subject::new(2, voters(5), LogEnd::default());
    let own = vote(0, Zxid::ZERO, 2);
    let one = vote(0, Zxid::ZERO, 1);
    subject.hear(1, ServerState::Looking, own, 1);
    let effects = subject.hear(3, ServerState::Looking, one, 2);
    assert_eq!((subject.election.round(), subject.election.vote()), (2, own));
    assert_eq!(answers(&effects).len(), 4);
    let effects = subject.hear(4, ServerState::Looking, own, 2);
    assert!(!effects.iter().any(|it| matches!(it, Effect::Set { timer: Timer::Settle, .. })));
    let effects = subject.hear(5, ServerState::Looking, own, 2);
    assert!(effects.iter().any(|it| matches!(it, Effect::Set { timer: Timer::Settle, .. })));
}

#[test]
fn a_newer_round_forgets_who_followed_in_the_older_one() {
    let mut subject = Subject::new(5, voters(5), LogEnd::default());
    let (old, new) = (vote(1, Zxid::ZERO, 1), vote(2, Zxid::ZERO, 1));
    subject.hear(2, ServerState::Following, old, 1);
    subject.hear(3, ServerState::Following, old, 1);
    subject.hear(4, ServerState::Looking, vote(0, Zxid::ZERO, 4), 2);
    assert_eq!(subject.election.round(), 2);
    assert_eq!(elected(&subject.hear(1, ServerState::Leading, new, 2)), None);
}

#[test]
fn a_better_vote_that_comes_while_settling_opens_the_election_again() {
    let mut subject = Subject::new(2, voters(3), LogEnd::default());
    let effects = subject.hear(1, ServerState::Looking, vote(0, Zxid::ZERO, 2), 1);
    assert!(effects.contains(&Effect::Clear(Timer::Resend)));
    let three = vote(0, Zxid::ZERO, 3);
    let effects = subject.hear(3, ServerState::Looking, three, 1);
    assert_eq!(answers(&effects).len(), 2);
    assert_eq!(elected(&effects), None);
    let effects = subject.step(Event::Expired(Timer::Settle));
    let expected = Elected { role: ServerState::Following, vote: three, round: 1 };
    assert_eq!(elected(&effects), Some(expected));
}

#[test]
fn a_dead_leader_is_not_joined_however_many_followers_name_it() {
    let mut subject = Subject::new(5, voters(5), LogEnd::default());
    let dead = vote(3, Zxid::new(3, 9), 4);
    for follower in [1, 2, 3] {
        let effects = subject.hear(follower, ServerState::Following, dead, 7);
        assert_eq!(elected(&effects), None);
    }
    // It lives after all.
    let effects = subject.hear(4, ServerState::Leading, dead, 7);
    let expected = Elected { role: ServerState::Following, vote: dead, round: 7 };
    assert_eq!(elected(&effects), Some(expected));
    assert_eq!(subject.election.round(), 7);
}

#[test]
fn a_leader_without_a_quorum_of_followers_is_not_joined() {
    let mut subject = Subject::new(5, voters(5), LogEnd::default());
    let lonely = vote(3, Zxid::new(3, 9), 4);
    assert_eq!(elected(&subject.hear(4, ServerState::Leading, lonely, 7)), None);
    assert_eq!(elected(&subject.hear(1, ServerState::Following, lonely, 7)), None);
    assert!(elected(&subject.hear(2, ServerState::Following, lonely, 6)).is_some());
}

#[test]
fn followers_that_report_different_zxids_and_rounds_still_name_one_leader() {
    // ZOOKEEPER-1732.
    let mut subject = Subject::new(3, voters(3), LogEnd::default());
    subject.hear(2, ServerState::Following, vote(2, Zxid::new(1, 7), 1), 4);
    let effects = subject.hear(1, ServerState::Leading, vote(2, Zxid::new(1, 9), 1), 6);
    assert!(elected(&effects).is_some());
}

#[test]
fn a_server_without_a_vote_is_told_and_never_counted() {
    let members = voters(3).with_observers([ServerId(4)]);
    let mut subject = Subject::new(2, members, LogEnd::default());
    let own = vote(0, Zxid::ZERO, 2);
    let best = vote(9, Zxid::new(9, 9), 3);
    for stranger in [4, 77] {
        let effects = subject.hear(stranger, ServerState::Looking, best, 8);
        assert_eq!(answers(&effects), [(stranger, ServerState::Looking, own, 1)]);
        assert_eq!(effects.len(), 1);
    }
    assert_eq!((subject.election.vote(), subject.election.round()), (own, 1));
}

#[test]
fn a_vote_for_a_server_without_a_vote_is_ignored() {
    let mut subject = Subject::new(2, voters(3), LogEnd::default());
    subject.hear(1, ServerState::Looking, vote(9, Zxid::ZERO, 77), 1);
    assert_eq!(subject.election.vote(), vote(0, Zxid::ZERO, 2));
    subject.hear(1, ServerState::Looking, vote(9, Zxid::ZERO, 77), 5);
    assert_eq!(subject.election.round(), 1);
}

#[test]
fn a_server_that_does_not_know_its_history_chooses_nobody_but_can_join() {
    let unknown = LogEnd { current_epoch: 1, last: Vote::UNKNOWN };
    let mut subject = Subject::new(2, voters(3), unknown);
    let three = vote(1, Zxid::new(1, 1), 3);
    subject.hear(3, ServerState::Looking, three, 1);
    assert_eq!(subject.election.vote().leader, ServerId(2));
    subject.hear(1, ServerState::Following, three, 1);
    assert!(elected(&subject.hear(3, ServerState::Leading, three, 1)).is_some());
    // And nobody chooses it.
    let mut other = Subject::new(1, voters(3), LogEnd::default());
    other.hear(2, ServerState::Looking, vote(1, Vote::UNKNOWN, 2), 1);
    assert_eq!(other.election.vote().leader, ServerId(1));
}

#[test]
fn whoever_forgot_its_promises_follows_when_nobody_else_can_use_them() {
    // Two follow the first of five. The fourth was promised something, and leads already; what it
    // said last, before it did, comes over the new connection. The fifth has no vote either.
    let forgetful = || {
        let unknown = LogEnd { current_epoch: 0, last: Vote::UNKNOWN };
        let mut subject = Subject::new(5, voters(5), unknown);
        subject.election.set_forgetful(true);
        subject
    };
    let (one, four) = (vote(1, Zxid::ZERO, 1), vote(1, Zxid::new(1, 1), 4));
    let others = |subject: &mut Subject| {
        subject.hear(2, ServerState::Following, one, 1);
        subject.hear(3, ServerState::Following, one, 1);
        subject.hear(1, ServerState::Leading, one, 1)
    };
    let mut subject = forgetful();
    subject.hear(4, ServerState::Looking, four, 2);
    assert_eq!(elected(&others(&mut subject)), None);
    subject.hear(4, ServerState::Leading, four, 2);
    assert_eq!(elected(&others(&mut subject)), None);
    subject.hear(4, ServerState::Following, one, 1);
    assert!(elected(&others(&mut subject)).is_some());
    let mut subject = forgetful();
    subject.hear(4, ServerState::Looking, vote(0, Vote::UNKNOWN, 4), 2);
    others(&mut subject);
    others(&mut subject);
    // Two of them do not wait for each other.
    assert_eq!(subject.election.state(), ServerState::Observing);
}

#[test]
fn a_server_with_a_leader_answers_those_that_look_with_the_epoch_of_that_leader() {
    let mut subject = Subject::new(1, voters(3), LogEnd::default());
    let three = vote(0, Zxid::ZERO, 3);
    subject.hear(3, ServerState::Looking, three, 1);
    assert!(elected(&subject.step(Event::Expired(Timer::Settle))).is_some());
    subject.election.update_epoch(1);
    let effects = subject.hear(2, ServerState::Looking, vote(0, Zxid::ZERO, 2), 6);
    let told = Vote { epoch: 1, ..three };
    assert_eq!(answers(&effects), [(2, ServerState::Following, told, 1)]);
    assert_eq!(subject.hear(2, ServerState::Following, told, 1), []);
}

#[test]
fn silence_doubles_the_wait_up_to_two_seconds() {
    let mut subject = Subject::new(1, voters(3), LogEnd::default());
    let mut waits = Vec::new();
    for _ in 0..10 {
        let effects = subject.step(Event::Expired(Timer::Resend));
        assert_eq!(answers(&effects).len(), 2);
        waits.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Set { timer: Timer::Resend, after } => Some(after.as_millis()),
            _ => None,
        }));
    }
    assert_eq!(waits, [400, 800, 1600, 2000, 2000, 2000, 2000, 2000, 2000, 2000]);
}

#[test]
fn a_round_at_the_end_of_all_numbers_is_survived() {
    let mut subject = Subject::new(1, voters(3), LogEnd::default());
    let three = vote(0, Zxid::ZERO, 3);
    subject.hear(3, ServerState::Looking, three, i64::MAX);
    subject.step(Event::Expired(Timer::Settle));
    let mut effects = Effects::new();
    subject.election.look(LogEnd::default(), &mut effects);
    assert_eq!(subject.election.round(), i64::MIN);
}
