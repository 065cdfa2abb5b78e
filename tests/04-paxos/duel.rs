//! Duels: schedules of them and their judge, how they go on for ever, and what ends them.

use std::time::Duration;

use paxos::duel::{BUDGET, Fight, fight, judge, malice};
use paxos::schedule::{Act, Foul, Schedule};
use paxos::{Courtesy, Value, pause};

fn ms(millis: u32) -> Duration {
    Duration::from_millis(u64::from(millis))
}

const RANKED: [Courtesy; 2] = [Courtesy::Ranked { rank: 0 }, Courtesy::Ranked { rank: 1 }];

fn foul(schedule: &str) -> String {
    let schedule: Schedule = schedule.parse().expect("it is a schedule");
    judge(&schedule).expect_err("the judge has something against it").to_string()
}

#[test]
fn a_network_that_means_harm_makes_a_duel_that_the_judge_accepts() {
    let schedule = malice(5, false);
    assert!(schedule.0.len() <= BUDGET);
    let played = judge(&schedule).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(played.preemptions, 5);
    assert_eq!(played.seen.broken, None, "nothing bad happens; only nothing good");
}

#[test]
fn a_schedule_is_what_its_text_says() {
    let schedule = malice(5, true);
    assert_eq!(schedule.to_string().parse(), Ok(schedule));
    let text = "begin c1 # its host wants it\n\n# nothing\ndeliver c1 2\nwake c1\ncrash 3\n";
    let Schedule(acts) = text.parse().expect("it is a schedule");
    assert_eq!(acts.len(), 4);
    assert_eq!(acts[1].to_string(), "deliver c1 2");
    for wrong in ["deliver c1", "begin x", "sleep c1"] {
        assert!(wrong.parse::<Schedule>().is_err(), "{wrong}");
    }
}

#[test]
fn the_judge_says_what_is_wrong_with_a_schedule() {
    let Schedule(mut acts) = malice(4, false);
    let Foul(why) = judge(&Schedule(acts.clone())).expect_err("four are too few");
    assert!(why.contains("refused 4 times, not 5"), "{why}");
    acts.push("deliver 3 c1".parse().expect("it is an act"));
    let Foul(why) = judge(&Schedule(acts)).expect_err("acceptor 3 was asked nothing");
    assert!(why.ends_with("deliver 3 c1: nothing is on its way from 3 to c1"), "{why}");
    assert!(foul("crash c1").contains("nobody dies"));
    assert!(foul("begin 1").contains("is no proposer"));
    assert!(foul("begin c3").contains("c3 does not run"));
    let all = Schedule(vec![Act::Begin(machines::NodeId::Client(1)); BUDGET + 1]);
    assert!(judge(&all).is_err());
    let decided = "begin c1\ndeliver c1 1\ndeliver c1 2\ndeliver 1 c1\ndeliver 2 c1\n\
                   deliver c1 1\ndeliver c1 2";
    assert!(foul(decided).contains("8 was chosen"));
}

#[test]
fn proposers_that_were_promised_nothing_have_lost_nothing() {
    // c1 is refused at once by acceptor 3, again and again.
    let mut text = "begin c1\nbegin c2\ndeliver c2 3\n".to_string();
    text += "deliver c1 3\ndeliver 3 c1\n";
    assert!(foul(&text).contains("refused 0 times"));
}

#[test]
fn eager_proposers_never_decide_when_disks_are_slower_than_the_network() {
    for disk in [5, 10, 50, 200] {
        let mut fighting = Fight::between([Courtesy::Eager; 2], disk, ms(disk / 2));
        fighting.limit = ms(disk * 300);
        let fought = fight(&fighting);
        assert_eq!(fought.seen.decree(), None, "with disks of {disk} ms");
        assert!(fought.given_up > 200, "with disks of {disk} ms: {} ballots", fought.given_up);
        assert_eq!(fought.seen.broken, None);
    }
}

/// The duels that a proposer must get out of: quick and slow disks, at once or later.
fn each_duel(mut look: impl FnMut(u32, Duration)) {
    for disk in [1, 5, 20, 50, 200, 1000, 5000] {
        for part in 0..5 {
            look(disk, ms(disk * part / 4));
        }
    }
}

#[test]
fn proposers_that_roll_dice_decide() {
    each_duel(|disk, later| {
        for seed in 0..4 {
            let courtesy =
                [2 * seed, 2 * seed + 1].map(|seed| Courtesy::Random { seed: seed * 100 });
            let fought = fight(&Fight::between(courtesy, disk, later));
            assert!(
                fought.seen.decree().is_some(),
                "disks of {disk} ms, the second {later:?} later, dice {seed}: after {} ballots \
                 they still collide at every round. Equal waits never part them",
                fought.given_up
            );
            assert_eq!(fought.seen.broken, None);
        }
    });
}

#[test]
fn proposers_of_different_rank_decide() {
    each_duel(|disk, later| {
        let fought = fight(&Fight::between(RANKED, disk, later));
        assert!(
            fought.seen.decree().is_some(),
            "disks of {disk} ms, the second {later:?} later: {} ballots were given up",
            fought.given_up
        );
        assert_eq!(fought.seen.broken, None);
    });
}

#[test]
fn the_others_decide_when_the_preferred_one_has_died() {
    let mut values = std::collections::BTreeSet::new();
    each_duel(|disk, later| {
        for death in [0, 1, 2, disk, disk + 3, 2 * disk] {
            let fighting = Fight { death: Some(ms(death)), ..Fight::between(RANKED, disk, later) };
            let fought = fight(&fighting);
            let decree = fought.seen.decree();
            assert!(
                decree.is_some(),
                "disks of {disk} ms, the second {later:?} later, the preferred one died after \
                 {death} ms: nobody took its place"
            );
            assert_eq!(fought.seen.broken, None);
            values.extend(decree);
        }
    });
    let both = [5, 8].map(Value::Number).into();
    assert_eq!(values, both, "sometimes its value outlives it");
}

#[test]
fn nothing_is_chosen_without_a_majority() {
    for courtesy in [[Courtesy::Eager; 2], RANKED] {
        let fighting =
            Fight { acceptors: 1, limit: ms(20_000), ..Fight::between(courtesy, 5, ms(3)) };
        let fought = fight(&fighting);
        assert_eq!((fought.seen.decree(), fought.seen.broken), (None, None));
    }
}

#[test]
fn a_pause_is_another_one_for_each_and_longer_each_time() {
    let dice = |seed| Courtesy::Random { seed };
    let apart = (0..20).filter(|seed| pause(dice(*seed), 3) != pause(dice(seed + 100), 3)).count();
    assert!(apart > 15, "only {apart} of 20 pairs of proposers wait differently");
    let longest = |attempts| (0..50).map(|seed| pause(dice(seed), attempts)).max();
    assert!(longest(6) > longest(1), "the other one may need longer than it was given");
    assert_eq!(pause(dice(7), 3), pause(dice(7), 3), "a seed has one story");
    assert_eq!(pause(Courtesy::Ranked { rank: 0 }, 9), Duration::ZERO, "it is preferred");
    let ranked = |rank| pause(Courtesy::Ranked { rank }, 2);
    assert!(ranked(1) < ranked(2) && ranked(0) < ranked(1));
    assert_eq!(pause(Courtesy::Eager, 9), Duration::ZERO);
}

#[test]
fn who_is_not_preferred_waits_longer_each_time_and_not_for_ever() {
    for rank in 1..5 {
        let wait = |attempts| pause(Courtesy::Ranked { rank }, attempts);
        assert!(wait(0) > Duration::ZERO, "the preferred one needs time of its own");
        assert!(wait(6) > wait(1), "the preferred one may need longer than it was given");
        let longest = (0..100).map(wait).max().expect("there are some");
        assert!(longest < ms(600_000), "the preferred one may be dead, and rank {rank} waits");
    }
}

#[test]
fn a_duel_of_proposers_that_wait_is_over_within_half_a_minute() {
    let dice = [1, 2].map(|seed| Courtesy::Random { seed: seed * 100 });
    for (courtesy, disk) in [(dice, 5), (dice, 50), (RANKED, 5), (RANKED, 50)] {
        let limit = ms(30_000);
        let fought = fight(&Fight { limit, ..Fight::between(courtesy, disk, ms(disk / 2)) });
        assert!(
            fought.seen.decree().is_some(),
            "{courtesy:?} with disks of {disk} ms: {} ballots were given up",
            fought.given_up
        );
    }
}

#[test]
fn the_second_takes_over_within_half_a_minute_when_the_preferred_one_has_died() {
    for (disk, death) in [(5, 0), (5, 3), (50, 60)] {
        let (death, limit) = (ms(death), ms(30_000));
        let between = Fight::between(RANKED, disk, ms(disk / 2));
        let fought = fight(&Fight { death: Some(death), limit, ..between });
        assert!(fought.seen.decree().is_some(), "the one died after {death:?}, the other waits");
    }
}
