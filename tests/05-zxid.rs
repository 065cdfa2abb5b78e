//! Chapter 5: what must hold of zxids.

use zxid::{Rollover, Zxid};

#[test]
fn a_larger_epoch_is_later_whatever_the_counters() {
    assert!(Zxid::new(2, 1) > Zxid::new(1, 0xffff_fffe));
    assert!(Zxid::new(0x8000_0000, 1) > Zxid::new(0x7fff_ffff, 1));
}

#[test]
fn the_counter_never_runs_into_the_epoch() {
    assert_eq!(Zxid::new(7, 0xffff_fffd).next(), Ok(Zxid::new(7, 0xffff_fffe)));
    assert_eq!(Zxid::new(7, 0xffff_fffe).next(), Err(Rollover));
    assert_eq!(Zxid::new(7, 0xffff_ffff).next(), Err(Rollover));
}

#[test]
fn a_history_has_no_holes() {
    assert!(Zxid::new(1, 2).follows(Zxid::new(1, 1)));
    assert!(Zxid::new(3, 1).follows(Zxid::new(1, 9)));
    assert!(!Zxid::new(1, 3).follows(Zxid::new(1, 1)), "one is missing");
    assert!(!Zxid::new(1, 1).follows(Zxid::new(1, 1)), "it is there already");
    assert!(!Zxid::new(3, 2).follows(Zxid::new(1, 9)), "the first of the epoch is missing");
    assert!(!Zxid::new(1, 1).follows(Zxid::new(2, 9)), "an old epoch");
}

#[test]
fn it_is_written_as_in_file_names() {
    assert_eq!(Zxid::new(1, 0x1a).hex(), "10000001a");
    assert_eq!(Zxid::new(0, 0).hex(), "0");
    assert_eq!(Zxid::new(2, 7).to_string(), "2.7");
}
