//! What is often said of elections, and what comes of it.

use std::time::Duration;

use election::claims::{election_without, failures_survived, third_of_five};
use zxid::ServerId;

#[test]
fn claim_31_the_third_of_five_leads_only_if_three_settle_before_the_fourth_is_heard() {
    for seed in 0..20 {
        for (gap, leader) in [(500, 3), (300, 3), (120, 5), (10, 5)] {
            let (trace, boot) = third_of_five(Duration::from_millis(gap), seed);
            assert_eq!(boot.leader, Some(ServerId(leader)), "seed {seed}, {gap} ms:\n{trace}");
            assert_eq!(boot.leader, boot.predicted, "seed {seed}, {gap} ms apart");
        }
    }
}

#[test]
fn claim_18_an_even_number_survives_no_more_failures_than_the_odd_one_below() {
    assert_eq!([1, 3, 5, 7, 9].map(failures_survived), [0, 1, 2, 3, 4]);
    for n in 1..=6 {
        let (odd, even) = (failures_survived(2 * n - 1), failures_survived(2 * n));
        assert_eq!(even, odd, "{} servers and {}", 2 * n - 1, 2 * n);
    }
    for (servers, survived) in [(3, 1), (4, 1), (5, 2), (6, 2)] {
        for seed in 0..5 {
            let (trace, leader) = election_without(servers, survived, seed);
            assert!(leader.is_some(), "{survived} of {servers} may fail, seed {seed}:\n{trace}");
            let (trace, leader) = election_without(servers, survived + 1, seed);
            assert_eq!(leader, None, "{} of {servers} may not:\n{trace}", survived + 1);
        }
    }
}
