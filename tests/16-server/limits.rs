//! What a client costs is bounded; and the four-letter words.

use jute::records::{ErrorCode, ReadRequest};
use protocol::{ReadOp, Request, Word};
use server::{Notice, Refused, Settings, Words};

use crate::stage::{Heard, Stage, create, exists, new_session, set, settings};

fn refusals(stage: &Stage) -> Vec<Refused> {
    let why = |notice: &Notice| match notice {
        Notice::Refused { why, .. } => Some(*why),
        _ => None,
    };
    stage.notices.iter().filter_map(why).collect()
}

#[test]
fn one_address_has_so_many_connections() {
    let mut stage = Stage::new(Settings { max_client_connections: 2, ..settings() });
    for number in 1..=3 {
        stage.open_from(number, &format!("10.9.9.9:{number}"));
    }
    stage.open_from(4, "10.9.9.8:1");
    assert_eq!(stage.closed, [3].into());
    assert_eq!(refusals(&stage), [Refused::TooManyFromAddress]);
    // Its bytes may be on their way already.
    stage.connect(3, &new_session(10_000));
    stage.word(3, Word::Srvr);
    stage.drain();
    assert_eq!((stage.heard(3), stage.syncs()), (vec![], 0));
    stage.event(machines::Event::Closed(server::Peer::Client(server::Connection {
        number: 1,
        from: "10.9.9.9:1".parse().unwrap(),
    })));
    stage.open_from(5, "10.9.9.9:5");
    assert_eq!(stage.closed, [3].into(), "there is room again");
}

#[test]
fn there_are_so_many_connections_in_all() {
    let mut stage = Stage::new(Settings { max_connections: 2, ..settings() });
    (1..=3).for_each(|number| stage.open(number));
    assert_eq!(stage.closed, [3].into());
    assert_eq!(refusals(&stage), [Refused::TooMany]);
    let mut stage = Stage::new(Settings { max_client_connections: 0, ..settings() });
    for number in 1..=500 {
        stage.open_from(number, &format!("10.9.9.9:{number}"));
    }
    assert!(stage.closed.is_empty(), "0 is no limit");
}

#[test]
fn whoever_has_requests_at_work_is_read_no_more_when_there_are_too_many() {
    let mut stage = Stage::new(Settings { outstanding_limit: 3, ..settings() });
    (1..=3).for_each(|number| drop(stage.join(number)));
    for xid in 1..=3 {
        stage.ask(1, xid, &create("/a", 2));
    }
    assert!(stage.paused.is_empty(), "so many are allowed");
    stage.ask(1, 4, &create("/a", 2));
    stage.ask(2, 1, &create("/a", 2));
    assert_eq!(stage.paused, [1, 2].into());
    stage.ask(3, 1, &exists("/", false));
    stage.drain();
    assert_eq!(stage.order(3), [1], "reads cost nothing");
    stage.run_disk();
    assert!(stage.paused.is_empty());
    assert_eq!((stage.order(1), stage.order(2)), (vec![1, 2, 3, 4], vec![1]));
}

#[test]
fn a_client_that_leaves_takes_what_it_had_at_work_along() {
    let mut stage = Stage::new(Settings { outstanding_limit: 1, ..settings() });
    stage.join(1);
    stage.join(2);
    for xid in 1..=9 {
        stage.ask(1, xid, &create("/a", 2));
    }
    stage.ask(2, 1, &create("/a", 2));
    stage.lose(1);
    stage.paused.remove(&1);
    stage.run_disk();
    assert!(stage.paused.is_empty());
    stage.ask(2, 2, &create("/a", 2));
    assert!(stage.paused.is_empty());
    stage.run_disk();
    assert_eq!(stage.order(2), [1, 2]);
}

#[test]
fn a_connection_without_a_session_is_closed_after_a_while() {
    let mut stage = Stage::new(settings());
    stage.open(1);
    stage.pass(5000);
    stage.open(2);
    stage.join(3);
    stage.pass(4999);
    assert!(stage.closed.is_empty());
    stage.pass(1);
    assert_eq!(stage.closed, [1].into());
    stage.call(3, 1, &Request::Ping);
    stage.pass(4999);
    assert_eq!(stage.closed, [1].into());
    stage.pass(1);
    assert_eq!(stage.closed, [1, 2].into());
    assert_eq!(refusals(&stage), [Refused::NoHandshake; 2]);
    stage.call(3, 2, &Request::Ping);
    stage.pass(100);
    stage.open(4);
    stage.pass(10_000);
    assert!(stage.closed.contains(&4), "the timer runs again");
}

#[test]
fn a_word_is_answered_in_text_and_the_connection_closed() {
    let mut stage = Stage::new(Settings { words: Words::All, ..settings() });
    stage.join(1);
    stage.call(1, 1, &create("/a", 0));
    let mut number = 10;
    let mut ask = |stage: &mut Stage, word| {
        number += 1;
        stage.open(number);
        stage.word(number, word);
        assert!(stage.closed.contains(&number));
        stage.text(number)
    };
    assert_eq!(ask(&mut stage, Word::Ruok), "imok");
    let srvr = ask(&mut stage, Word::Srvr);
    for line in ["Connections: 2", "Zxid: 0x2", "Mode: standalone", "Node count: 6"] {
        assert!(srvr.lines().any(|other| other == line), "{line} is not in {srvr}");
    }
    assert_eq!(ask(&mut stage, Word::Stmk(77)), "77");
    assert_eq!(ask(&mut stage, Word::Gtmk), "77");
    ask(&mut stage, Word::Srst);
    assert!(ask(&mut stage, Word::Mntr).contains("\nzk_max_latency\t0\n"));
    ask(&mut stage, Word::Crst);
    assert!(ask(&mut stage, Word::Cons).contains("recved=0,sent=0,sid=0x"));
    assert!(!stage.closed.contains(&1), "others go on");

    let mut stage = Stage::new(settings());
    let refusal = "ruok is not executed because it is not in the whitelist.\n";
    assert_eq!(ask(&mut stage, Word::Ruok), refusal);
    for word in [Word::Stmk(5), Word::Srst, Word::Crst] {
        ask(&mut stage, word);
    }
    assert_eq!(stage.server.facts(stage.now, 0).stats.trace_mask, 306, "it did nothing");
}

#[test]
fn frames_and_words_are_counted_as_zookeeper_counts_them() {
    let mut stage = Stage::new(Settings { words: Words::All, ..settings() });
    stage.join(1);
    stage.call(1, 1, &create("/a", 0));
    stage.call(1, 2, &exists("/a", true));
    stage.call(1, 3, &set("/a", b"new"));
    stage.open(2);
    stage.word(2, Word::Cons);
    // Connected and three requests, and an event.
    let cons = stage.text(2);
    assert!(cons.contains(":4000[1](queued=0,recved=4,sent=5,sid="), "{cons}");
    assert!(cons.contains(":4000[0](queued=0,recved=1,sent=0)\n"), "{cons}");
    let stats = stage.server.facts(stage.now, 0).stats;
    assert_eq!((stats.received, stats.sent), (5, 6));
    // A reply with a path, one with a stat, an event; without their lengths.
    let sizes = stats.response_size;
    assert_eq!((sizes.min, sizes.max, sizes.last), (22, 84, 84));
}

#[test]
fn a_small_multi_read_cannot_make_a_huge_answer() {
    let mut stage = Stage::new(settings());
    stage.join(1);
    let million = vec![7; 1_000_000];
    stage.call(1, 1, &create("/large", 0));
    stage.call(1, 2, &set("/large", &million));
    let part = || ReadOp::GetData(ReadRequest { path: "/large".into(), watch: false });
    let some = stage.call(1, 3, &Request::MultiRead((0..3).map(|_| part()).collect()));
    let many = stage.call(1, 4, &Request::MultiRead((0..100).map(|_| part()).collect()));
    let after = stage.call(1, 5, &exists("/large", false));
    let err = |heard: Vec<Heard>| match heard[..] {
        [Heard::Reply { err, .. }] => err,
        _ => panic!("one answer: {heard:?}"),
    };
    let errors = [some, many, after].map(err);
    assert_eq!(errors, [0, ErrorCode::MarshallingError.code(), 0]);
}
