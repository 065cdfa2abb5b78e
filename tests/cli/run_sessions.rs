//! The program of chapter 12: `ensemble run 12`.

use super::failure;
use super::programs::{fits, prints};

#[test]
fn who_is_back_in_time_goes_on_and_who_is_not_has_lost_all() {
    let early = prints(&["12", "--away", "3s"]);
    assert!(early.contains("Its node is still there, and so is its client.\n"), "{early}");
    assert!(!early.contains("Disconnected"), "it has noticed nothing: {early}");
    let back = prints(&["12"]);
    assert!(back.contains("Disconnected session="), "{back}");
    assert!(back.contains("Its node is still there, and so is its client.\n"), "{back}");
    let late = prints(&["12", "--away", "9s"]);
    assert!(late.contains("event NodeDeleted /alive"), "{late}");
    assert!(late.contains("; the client knows that its session expired.\n"), "{late}");
    for told in [early, back, late] {
        fits(&told);
    }
}

#[test]
fn a_session_ends_with_the_tick_that_the_tracker_says() {
    for seed in ["1", "2", "3"] {
        for arguments in [&["crash"][..], &["crash", "--timeout", "4s", "--tick", "500ms"]] {
            let told = prints(&[&["12"], arguments, &["--seed", seed]].concat());
            let (_, end) = told.split_once(" was then to end at ").expect("it has a deadline");
            let (deadline, rest) = end.split_once(".\nIts node was gone at ").expect("it is gone");
            assert!(rest.starts_with(deadline), "{deadline}, but gone at {rest}");
            fits(&told);
        }
    }
}

#[test]
fn a_close_is_heard_of_at_once_and_a_session_outlives_its_server() {
    let told = prints(&["12", "close"]);
    assert!(told.contains(" closeSession xid="), "{told}");
    assert!(told.contains(", at once.\n"), "{told}");
    let told = prints(&["12", "server"]);
    assert!(told.contains("crashed"), "{told}");
    assert!(told.contains("Its node is still there, and so is its client.\n"), "{told}");
    fits(&told);
    let told = prints(&["12", "crash", "--servers", "3"]);
    assert!(told.contains("Its node was gone at "), "{told}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (mistake, says) in [
        (&["server", "--servers", "1"][..], "use --servers 3"),
        (&["--away", "soon"], "write for example 100ms, or 2s"),
        (&["--away", "2000s"], "--away and --timeout are at most 60s"),
        (&["--tick", "0"], "a tick is from 100ms to 10s"),
        (&["--servers", "0"], "0"),
    ] {
        let (code, said) = failure(&[&["run", "12"], mistake].concat());
        assert_eq!((code, said.contains(says)), (2, true), "{mistake:?}: {said}");
    }
}
