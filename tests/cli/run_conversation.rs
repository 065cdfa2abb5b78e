//! The program of chapter 15: `ensemble run 15`.

use super::failure;
use super::programs::prints;

const SCENES: &[&str] = &["talk", "move", "lost-request", "lost-reply", "lost-version", "expire"];

/// What the program heard, in order.
fn heard(scene: &str) -> Vec<String> {
    let told = prints(&["15", scene]);
    let heard = |line: &str| Some(line.split_once("the program hears: ")?.1.to_string());
    told.lines().filter_map(heard).collect()
}

#[test]
fn run_15_tells_a_conversation_from_the_first_frame_to_the_last() {
    let told = prints(&["15"]);
    assert_eq!(told, prints(&["15", "talk"]), "a seed has one story");
    let mut rest = told.as_str();
    for word in [
        "ConnectRequest timeout=6000 session=0x0\n",
        "ConnectResponse timeout=6000 session=0x",
        "create /a xid=1\n",
        "reply xid=1 zxid=",
        "setData /a xid=2\n",
        "getData /a xid=3\n",
        "setData /a xid=4\n",
        "BadVersion zxid=",
        "ping xid=-2\n",
        "reply xid=-2",
        "closeSession xid=5\n",
        "the program hears: Closed",
    ] {
        let Some((_, after)) = rest.split_once(word) else { panic!("no {word:?}: {told}") };
        rest = after;
    }
    assert!(!told.contains("Proposal"), "it is about clients");
    for scene in SCENES {
        let told = prints(&["15", scene]);
        assert!(told.lines().all(|line| line.chars().count() <= 100), "{scene}: {told}");
    }
}

#[test]
fn run_15_shows_the_bytes_of_each_frame() {
    let told = prints(&["15", "--bytes"]);
    assert!(told.contains("length  0000002d "), "{told}");
    assert!(told.contains("header  00000001 00000001 "), "xid 1, create: {told}");
    assert!(told.lines().all(|line| line.chars().count() <= 100), "it fits: {told}");
    assert_eq!(failure(&["run", "15", "--bytes", "--json"]).0, 2);
}

#[test]
fn run_15_moves_a_session_and_its_watches() {
    let told = prints(&["15", "move"]);
    let mut rest = told.as_str();
    for word in [
        "1       crashed\n",
        "Disconnected",
        "ConnectRequest",
        "setWatches",
        "event NodeCreated /a",
    ] {
        let Some((_, after)) = rest.split_once(word) else { panic!("no {word:?}: {told}") };
        rest = after;
    }
}

#[test]
fn a_client_cannot_tell_a_lost_request_from_a_lost_reply() {
    let (request, reply) = (heard("lost-request"), heard("lost-reply"));
    let loss = request.iter().position(|it| it == "ConnectionLoss").expect("it was lost");
    let until = |heard: &[String]| heard[..=loss].to_vec();
    assert_eq!(until(&request), until(&reply), "up to here they are the same");
    assert!(request.iter().any(|it| it.starts_with("created /a ")), "{request:?}");
    assert!(reply.iter().any(|it| it.starts_with("NodeExists ")), "{reply:?}");
}

#[test]
fn who_wrote_the_version_may_be_oneself() {
    let heard = heard("lost-version");
    let loss = heard.iter().position(|it| it == "ConnectionLoss").expect("it was lost");
    assert!(heard[loss..].iter().any(|it| it.starts_with("BadVersion ")), "{heard:?}");
    assert!(heard.last().expect("it heard something").starts_with("version 1,"), "{heard:?}");
}

#[test]
fn only_the_ensemble_says_that_a_session_is_over() {
    let heard = heard("expire");
    assert!(heard.last().expect("it heard something").starts_with("Expired "), "{heard:?}");
    assert_eq!(failure(&["run", "15", "sideways"]).0, 2);
}
