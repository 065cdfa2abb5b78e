//! Exercises: starters are made from solutions, and whatever a learner's code does, the verdict says
//! what happened.

use std::fs;
use std::path::Path;
use std::process::Command;

use ensemble::exercises::check::{End, check, target};
use ensemble::exercises::failure::happened;
use ensemble::exercises::marks::{regions, starter, with, without};
use ensemble::exercises::signatures::Signature;
use ensemble::exercises::verdict::{Known, text};
use ensemble::exercises::{Catalogue, Exercise, Outcome, Progress};
use tempfile::TempDir;

const SOLUTION: &str = "//! A heart.

/// Twice as much.
pub fn twice(number: u64) -> u64 {
    // Exercise 1.1: twice as much
    helped(number, 2)
    // End of 1.1.
}

// Part of 1.1.
fn helped(number: u64, times: u64) -> u64 {
    number * times
}
// End of 1.1.

/// Three times as much.
pub fn thrice(number: u64) -> u64 {
    // Exercise 1.2: three times as much
    number * 3
    // End of 1.2.
}
";

#[test]
fn a_starter_asks_for_what_the_solution_has_and_keeps_the_rest() {
    let starter = starter(SOLUTION).expect("its marks are right");
    assert!(starter.starts_with("//! A heart.\n#![allow(unused)]\n\n/// Twice"), "{starter}");
    assert!(
        starter.contains("    todo!(\"1.1: twice as much\")\n    // End of 1.1.\n"),
        "{starter}"
    );
    assert!(starter.contains("    todo!(\"1.2: three times as much\")\n"), "{starter}");
    for secret in ["helped", "number * 3", "number * times"] {
        assert!(!starter.contains(secret), "`{secret}` is the answer: {starter}");
    }
    assert!(starter.contains("pub fn thrice(number: u64) -> u64 {"), "{starter}");
}

#[test]
fn one_exercise_begins_again_and_the_others_stay() {
    let starter = starter(SOLUTION).expect("its marks are right");
    let first = with(&starter, "1.1", SOLUTION).expect("its marks are right");
    let both = with(&first, "1.2", SOLUTION).expect("its marks are right");
    assert_eq!(both.replace("#![allow(unused)]\n", ""), SOLUTION);
    assert_eq!(with(&both, "1.2", &starter).expect("its marks are right"), first);
    let edited = first.replace("Twice as much", "Two times as much");
    let again = with(&edited, "1.1", &starter).expect("its marks are right");
    assert!(again.contains("Two times as much"), "what is outside stays: {again}");
    assert!(!without(SOLUTION).contains("1.1"), "readers of the book see no marks");
}

#[test]
fn marks_that_do_not_fit_are_named_with_their_line() {
    for (text, said) in [
        ("// Exercise 1.1: a\n", "line 1: the region of 1.1 does not end"),
        ("\n// End of 1.1.\n", "line 2: no region of 1.1 has begun"),
        ("// Part of 1.1.\n// Exercise 1.2: b\n", "line 2: the region of 1.1 has not ended"),
        ("// Exercise 1.1: a\n// End of 1.2.\n", "line 2: no region of 1.2 has begun"),
    ] {
        let why = regions(text).expect_err(text).to_string();
        assert!(why.starts_with(said), "{why}");
    }
    assert_eq!(regions("// Exercise your body: run\n// End of it.\n"), Ok(Vec::new()));
    let lost = SOLUTION.replace("    // Exercise 1.2: three times as much\n", "");
    assert!(with(&lost, "1.2", SOLUTION).is_err(), "without its marks nobody knows where it is");
}

#[test]
fn what_happened_is_said_without_left_and_right() {
    let said = |panic: &str| {
        happened(&format!(
            "running 1 test\ntest a ... FAILED\n\nfailures:\n\n---- a stdout ----\n\n\
             thread 'a' (7) panicked at tests/1.rs:7:9:\n{panic}\nnote: run with \
             `RUST_BACKTRACE=1` environment variable to display a backtrace\n\n\nfailures:\n    a\n"
        ))
    };
    assert_eq!(said("the log has a hole"), "the log has a hole");
    assert_eq!(
        said("assertion `left == right` failed: seed 7\n  left: 3\n right: 4"),
        "seed 7:\nyour code gives\n  3\nit should be\n  4"
    );
    assert_eq!(said("assertion failed: a > b"), "this does not hold: `a > b`");
    assert_eq!(
        said("not yet implemented: 8.4: somebody has answered"),
        "this is still to be written: 8.4: somebody has answered"
    );
}

/// A course of one chapter with one exercise, in which `body` is the learner's answer.
fn course(body: &str) -> (TempDir, Exercise) {
    let home = TempDir::new().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"chapters/*\"]\nresolver = \"3\"\n\
         [workspace.metadata.ensemble]\nbook = \"book\"\n",
    );
    write(
        "chapters/01-toy/Cargo.toml",
        "[package]\nname = \"toy\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[features]\nmine = []\n\
         [[test]]\nname = \"01\"\npath = \"../../tests/01-toy.rs\"\n",
    );
    write(
        "chapters/01-toy/src/lib.rs",
        "#[cfg(feature = \"mine\")]\npub use mine::*;\n#[cfg(not(feature = \"mine\"))]\n\
         pub use solution::*;\n#[path = \"../../../solutions/01-toy.rs\"]\npub mod solution;\n\
         #[cfg(feature = \"mine\")]\n#[path = \"../../../exercises/01-toy.rs\"]\npub mod mine;\n",
    );
    write(
        "tests/01-toy.rs",
        "#[test]\nfn two_of_two_are_four() {\n    assert_eq!(toy::twice(2), 4);\n}\n\
         #[test]\nfn nothing_stays_nothing() {\n    assert_eq!(toy::twice(0), 0);\n}\n",
    );
    write("solutions/01-toy.rs", SOLUTION);
    let starter = starter(SOLUTION).expect("its marks are right");
    let hole = "    todo!(\"1.1: twice as much\")";
    write("exercises/01-toy.rs", &starter.replace(hole, body));
    write(
        "exercises/01.toml",
        "[\"1.1\"]\nname = \"twice\"\nkind = \"implement\"\nminutes = 5\nheart = \"01-toy.rs\"\n\
         checks = [\"two_of_two_are_four\", \"nothing_stays_nothing\"]\nhints = [\"a\", \"b\", \"c\"]\n",
    );
    let catalogue = Catalogue::read(home.path()).expect("it is a catalogue");
    let exercise = catalogue.all()[0].clone();
    (home, exercise)
}

fn ends(course: &Path, exercise: &Exercise) -> Vec<End> {
    match check(course, &target(course), exercise).expect("the course is whole") {
        Outcome::Checked(all) => all.into_iter().map(|checked| checked.end).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn whatever_a_learners_code_does_there_is_a_verdict() {
    let (home, exercise) = course("    todo!(\"1.1: twice as much\")");
    let (at, mine) = (home.path(), home.path().join("exercises/01-toy.rs"));
    let untouched = check(at, &target(at), &exercise).expect("the course is whole");
    assert_eq!(untouched, Outcome::Untouched);
    let starter = fs::read_to_string(&mine).expect("it is there");
    let answer = |body: &str| {
        let hole = "todo!(\"1.1: twice as much\")";
        fs::write(&mine, starter.replace(hole, body)).expect("a file");
        ends(at, &exercise)
    };
    assert_eq!(answer("number + number"), [End::Holds, End::Holds]);
    let wrong = answer("number * number + 1");
    let what = "your code gives\n  5\nit should be\n  4";
    assert_eq!(wrong[0], End::Fails(what.to_string()));
    let partly = answer("number * 3");
    assert_eq!(partly[1], End::Holds, "one check does not hang on the other: {partly:?}");
    assert!(matches!(answer("std::process::exit(0)")[0], End::Ended(_)), "it is not done");
    let says = "println!(\"test two_of_two_are_four ... ok\"); std::process::exit(0)";
    assert!(matches!(answer(says)[0], End::Ended(_)), "it cannot say so itself");
    assert!(matches!(answer("std::process::abort()")[0], End::Ended(_)));
    let deep =
        "fn deep(number: u64) -> u64 { std::hint::black_box(deep(number + 1)) + 1 } deep(number)";
    assert!(matches!(answer(deep)[0], End::Ended(_)), "a stack that overflows");
    let storm = "let mut all = Vec::new(); loop { all.push(vec![1_u8; 1 << 26]); }";
    assert!(matches!(answer(storm)[0], End::Ended(_)), "memory is limited");
    fs::write(&mine, starter.replace("todo!(\"1.1: twice as much\")", "\"four\"")).expect("a file");
    match check(at, &target(at), &exercise).expect("the course is whole") {
        Outcome::Unbuilt(said) => assert!(said.contains("mismatched types"), "{said}"),
        other => panic!("{other:?}"),
    }
}

#[test]
#[ignore = "it waits for twenty seconds"]
fn code_that_does_not_end_is_ended() {
    let (home, exercise) = course("    loop {}");
    assert_eq!(ends(home.path(), &exercise)[0], End::Hangs);
}

#[test]
fn a_verdict_names_the_rule_what_happened_and_what_is_believed() {
    let (_home, exercise) = course("    number");
    let checked = |test: &str, end| ensemble::exercises::Checked { test: test.to_string(), end };
    let outcome = Outcome::Checked(vec![
        checked("votes::the_epoch_comes_first", End::Fails("3 is elected".to_string())),
        checked("votes::nobody_else", End::Holds),
    ]);
    let failed = |what: &str| -> Signature {
        [("votes::the_epoch_comes_first".to_string(), what.to_string())].into()
    };
    let believed = |belief: &str, signature| Known {
        id: belief.to_string(),
        signature,
        belief: belief.to_string(),
    };
    let known = [
        believed("You forget the epoch.", failed("3 is elected")),
        believed("You forget the zxid.", failed("2 is elected")),
    ];
    let told = text(&exercise, &outcome, &known, "exercises/01-toy.rs:6");
    for said in [
        "[1.1 twice] 1 of 2 checks hold.",
        "the rule:       the epoch comes first",
        "what happened:  3 is elected",
        "It looks as if: You forget the epoch.",
        "ensemble check 1.1",
    ] {
        assert!(told.contains(said), "{said}:\n{told}");
    }
    let vague = known.clone().map(|it| Known { signature: failed("nobody is"), ..it });
    let told = text(&exercise, &outcome, &vague, "");
    assert!(told.contains("one of these is so:\n    - You forget the epoch.\n    - You"), "{told}");
    let others = [believed("You are late.", [("votes::nobody_else".into(), "it".into())].into())];
    assert!(!text(&exercise, &outcome, &others, "").contains("It looks as if"));
}

#[test]
fn progress_is_kept_by_name_and_what_cannot_be_read_is_not_thrown_away() {
    let home = TempDir::new().expect("a folder");
    let mut progress = Progress::read(home.path()).expect("nothing is done");
    let mut entry = progress.of("twice");
    entry.done = true;
    progress.keep("twice", entry.clone()).expect("a file");
    assert_eq!(Progress::read(home.path()).expect("it is whole").of("twice"), entry);
    let file = home.path().join(".ensemble/progress.json");
    fs::write(&file, "{").expect("a file");
    let why = Progress::read(home.path()).expect_err("it is torn");
    assert!(why.contains("progress.json") && why.contains("remove it to begin again"), "{why}");
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "{");
}

/// What the program says in a course, and its exit code.
fn says(course: &Path, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ensemble"))
        .args(arguments)
        .current_dir(course)
        .output()
        .expect("the program starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().expect("it ends by itself"), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_learner_is_led_from_the_list_to_the_hint_to_the_solution() {
    let (home, _) = course("    todo!(\"1.1: twice as much\")");
    let at = home.path();
    let (code, list) = says(at, &["list"]);
    assert_eq!(code, 0, "{list}");
    assert!(list.contains("  1.1  twice") && list.contains("5 min  next"), "{list}");
    assert!(list.contains("0 of 1 done; next: ensemble check 1.1"), "{list}");
    let mut reader = Command::new("sh");
    let piped = format!("{} list | true", env!("CARGO_BIN_EXE_ensemble"));
    let output = reader.args(["-c", &piped]).current_dir(at).output().expect("there is a shell");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{output:?}");
    let (_, next) = says(at, &["next"]);
    assert!(next.contains("exercises/01-toy.rs:6  twice as much"), "{next}");
    for (text, number) in [("a", 1), ("b", 2), ("c", 3), ("c", 3)] {
        let (_, hint) = says(at, &["hint", "twice"]);
        assert_eq!(hint, format!("Hint {number} of 3 for twice:\n\n{text}\n"));
    }
    let (code, verdict) = says(at, &["check"]);
    assert_eq!(code, 1, "{verdict}");
    assert!(verdict.contains("[1.1 twice] is still to be written"), "{verdict}");
    let (code, refused) = says(at, &["solution", "1.1"]);
    assert!(code == 1 && !refused.contains("helped"), "{refused}");
    let (code, shown) = says(at, &["solution", "1.1", "--give-up", "--take"]);
    assert!(code == 0 && shown.contains("helped(number, 2)"), "{shown}");
    let (code, done) = says(at, &["check", "1"]);
    assert!(code == 0 && done.contains("[1.1 twice] is done: 2 of 2 checks hold."), "{done}");
    assert!(says(at, &["list"]).1.contains("done, with the solution"), "that is remembered");
    let (code, reset) = says(at, &["reset", "1.1"]);
    assert!(code == 0 && reset.contains("exercises/01-toy.rs:6"), "{reset}");
    assert_eq!(says(at, &["check", "1.1"]).0, 1, "it is a hole again");
    let (code, watched) = says(at, &["watch", "1.1"]);
    assert!(code == 2 && watched.contains("`ensemble check` does without one"), "{watched}");
    let (code, unknown) = says(at, &["check", "9.9"]);
    assert_eq!(code, 2);
    assert!(unknown.contains("there is no exercise `9.9`; `ensemble list` has them"), "{unknown}");
}
