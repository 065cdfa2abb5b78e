//! The state table of an election: what each server is like, moment by moment.

use std::time::Duration;

use election::{Program, run_program};
use machines::{Row, Table};

fn rows(seed: u64) -> Vec<Row> {
    let boot = Program::first_boot(3, Duration::ZERO);
    let trace = run_program(&Program { crash: true, seed, ..boot });
    Table { title: "", trace: &trace }.rows()
}

fn words(row: &Row, place: usize) -> String {
    let texts: Vec<&str> = row.cells[place].iter().map(|value| value.text.as_str()).collect();
    texts.join(", ")
}

#[test]
fn a_row_differs_from_the_one_above_in_the_cell_that_it_marks_and_in_no_other() {
    for seed in 1..50 {
        let rows = rows(seed);
        for pair in rows.windows(2) {
            for place in 0..3 {
                let same = words(&pair[0], place) == words(&pair[1], place);
                assert_eq!(same, place != pair[1].which, "seed {seed}: {pair:#?}");
                let marked = pair[1].cells[place].iter().any(|value| value.is_new);
                assert!(!marked || place == pair[1].which, "seed {seed}: {pair:#?}");
            }
        }
    }
}

#[test]
fn a_server_that_crashes_is_nothing_until_it_starts_again() {
    for seed in 1..50 {
        let rows = rows(seed);
        let crash = rows.iter().position(|row| row.cause == "3 crashed");
        let crash = crash.unwrap_or_else(|| panic!("seed {seed}: server 3 leads, and crashes"));
        let back = rows[crash..].iter().position(|row| row.cause == "3 started");
        let back = crash + back.unwrap_or_else(|| panic!("seed {seed}: it comes back"));
        assert!(rows[crash..back].iter().all(|row| row.cells[2].is_empty()), "seed {seed}");
        let last = rows.last().expect("there are rows");
        assert!(words(last, 2).starts_with("following, round 2, "), "seed {seed}: {last:?}");
    }
}

#[test]
fn the_drawing_says_all_that_the_table_says() {
    let trace = run_program(&Program::first_boot(3, Duration::ZERO));
    let table = Table { title: "An election", trace: &trace };
    let svg = table.svg();
    assert!(svg.contains("<title>An election</title>"), "{svg}");
    for row in table.rows() {
        assert!(svg.contains(&format!(">{}</text>", row.cause)), "{}", row.cause);
        let twin = format!("server {} is {}", row.which + 1, words(&row, row.which));
        assert!(svg.contains(&twin), "for those who cannot see it: {twin}");
    }
}
