//! The explorer: `ensemble explore`.

use std::fs;

use serde_json::Value as Json;

use super::{failure, run};

fn prints(arguments: &[&str]) -> String {
    let output = run(&[&["explore"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}

#[test]
fn explore_lists_the_worlds_that_have_a_name() {
    assert!(prints(&["--list"]).starts_with("toy                           11 states   two "));
    let first: Json = serde_json::from_str(prints(&["--list", "--json"]).lines().next().unwrap())
        .expect("it is an object");
    assert_eq!(first["name"], "toy");
    let (code, said) = failure(&["explore", "--config", "nothing"]);
    assert_eq!(code, 2);
    assert_eq!(said, "ensemble: there is no world nothing; --list says which there are\n");
}

#[test]
fn a_world_has_the_same_size_every_time_whatever_the_threads() {
    let told = prints(&["--config", "election-patient"]);
    assert!(told.starts_with("world  "), "{told}");
    assert!(told.contains("\nelection-patient             789        2,322     17"), "{told}");
    assert!(told.ends_with("  all holds\n"), "{told}");
    let sizes = |threads| -> (Json, Json, Json) {
        let told = prints(&["--config", "election-hasty", "--json", "--threads", threads]);
        let row: Json = serde_json::from_str(&told).expect("it is an object");
        assert_eq!(row["complete"], true);
        assert!(row["broken"].is_null());
        (row["states"].clone(), row["transitions"].clone(), row["depth"].clone())
    };
    assert_eq!(sizes("1"), sizes("3"));
}

#[test]
fn an_election_of_ones_own_is_explored_up_to_a_limit() {
    let told = prints(&["--servers", "2", "--drops", "1"]);
    assert!(told.ends_with("  all holds\n"), "{told}");
    let told = prints(&["--servers", "5", "--depth", "4"]);
    assert!(told.ends_with("  all holds so far; there is more\n"), "{told}");
    for mistake in [&["--servers", "1"][..], &["--crashes", "1"], &["--threads", "0"]] {
        assert_eq!(failure(&[&["explore"], mistake].concat()).0, 2, "{mistake:?}");
    }
}

#[test]
fn the_toy_is_drawn_with_all_its_states() {
    let told = prints(&["--graph"]);
    assert!(told.contains("\n 10  1 follows 2; 2 leads\n"), "{told}");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (svg, dot) = (folder.path().join("toy.svg"), folder.path().join("toy.dot"));
    let path = |file: &std::path::Path| file.display().to_string();
    prints(&["--graph", "toy", "--svg", &path(&svg), "--dot", &path(&dot)]);
    let (svg, dot) = (fs::read_to_string(svg).unwrap(), fs::read_to_string(dot).unwrap());
    assert_eq!(svg.matches("<rect ").count(), 11);
    assert_eq!(svg.matches("marker-end").count(), 13);
    assert_eq!(dot.matches(" -> ").count(), 13);
    let (code, said) = failure(&["explore", "--graph", "election-patient"]);
    assert_eq!(code, 2);
    assert!(said.contains("too many to look at"), "{said}");
}
