//! The program of chapter 7: `ensemble run 07`.

use super::programs::prints;
use super::{failure, folder, text};

/// What the client was told of, and what was found: the sentence at the end.
fn end(told: &str) -> &str {
    told.lines().find(|line| line.starts_with("The client was told")).expect("it has an end")
}

#[test]
fn a_log_that_loses_its_power_keeps_every_promise() {
    for trouble in ["appended", "written", "forced"] {
        for seed in ["1", "2", "3", "4", "5"] {
            let told = prints(&["07", trouble, "--seed", seed]);
            assert!(end(&told).ends_with(": every promise is kept."), "{trouble}: {told}");
            assert!(told.lines().all(|line| line.chars().count() <= 100), "it fits: {told}");
        }
    }
    assert_eq!(prints(&["7"]), prints(&["07", "written"]));
    assert!(end(&prints(&["07", "forced"])).contains("found is everything up to 1.7:"));
}

#[test]
fn a_torn_tail_is_cut_and_said() {
    let told = (1..=9).map(|seed| prints(&["07", "--seed", &seed.to_string()]));
    let torn: Vec<String> = told.filter(|told| told.contains(" was cut at byte ")).collect();
    assert!(!torn.is_empty(), "no seed tears a record");
    for told in torn {
        assert!(told.contains("Recovery says: log.100000001 was cut at byte "), "{told}");
        assert!(told.contains("it was never\n") || told.contains("never acknowledged"), "{told}");
    }
}

#[test]
fn who_answers_before_it_forces_breaks_promises() {
    let told = prints(&["07", "appended", "--careless"]);
    assert!(end(&told).ends_with(": promises are broken."), "{told}");
}

#[test]
fn a_bit_that_turns_below_the_mark_is_a_refusal_and_above_it_a_torn_tail() {
    let told = prints(&["07", "flipped", "--record", "1"]);
    assert!(told.contains("The server does not start. "));
    assert!(told.contains("log.100000001 is damaged at byte\n           16: "), "{told}");
    assert!(end(&told).ends_with("refuses to start: better than to forget."), "{told}");
    assert!(told.lines().all(|line| line.chars().count() <= 100), "it fits: {told}");
    let told = prints(&["07", "flipped", "--record", "7"]);
    assert!(end(&told).ends_with("up to 1.6: promises are broken."), "{told}");
}

/// In a page, an empty line would end the drawing.
#[test]
fn its_drawing_has_no_empty_line() {
    let folder = folder();
    let file = folder.path().join("log.svg");
    prints(&["07", "--seed", "6", "--svg", text(&file)]);
    let drawn = std::fs::read_to_string(&file).expect("it is written");
    assert!(drawn.contains("   1452  a record is cut short"), "{drawn}");
    assert!(drawn.lines().all(|line| !line.trim().is_empty()), "{drawn}");
}

#[test]
fn its_options_are_checked() {
    let (code, said) = failure(&["run", "07", "flipped", "--record", "9"]);
    assert_eq!(code, 2);
    assert_eq!(said, "ensemble: --record 9: there are 7 records; add --writes\n");
    for mistake in [&["sideways"][..], &["--writes", "2"], &["--bytes", "0"]] {
        assert_eq!(failure(&[&["run", "07"], mistake].concat()).0, 2, "{mistake:?}");
    }
}
