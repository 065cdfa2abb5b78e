//! What clients may not do to a server: be too many, say nothing, talk nonsense, never listen.
#![allow(clippy::disallowed_methods, reason = "a real server lives in real time")]

#[path = "support/server.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod server;
#[path = "support/wire.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod wire;

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use server::Server;
use wire::{Client, Link, Reader, Writer, connect_request};

const SOON: Duration = Duration::from_secs(10);

/// A connection that has a session.
fn open_session(server: SocketAddr) -> Link {
    let mut link = Link::open(server);
    link.send(&connect_request(30_000)).expect("a request to connect");
    link.receive().expect("an answer").expect("a session");
    link
}

fn get(xid: i32, path: &str) -> Vec<u8> {
    Writer::default().int(xid).int(4).buffer(path.as_bytes()).byte(0).frame()
}

#[test]
fn connections_beyond_the_limit_of_an_address_are_closed() {
    let server = Server::start(&[("maxClientCnxns", "3")]);
    let mut first = Client::connect(server.address(), 30_000);
    let _others = [open_session(server.address()), open_session(server.address())];
    Link::open(server.address()).closes(SOON).expect("the fourth is closed");
    assert!(first.exists("/", false), "the others go on");
    assert!(server.log().contains("TooManyFromAddress"), "{}", server.log());
}

#[test]
fn connections_beyond_the_limit_of_all_are_closed() {
    let server = Server::start(&[("maxCnxns", "2")]);
    let mut first = Client::connect(server.address(), 30_000);
    let _second = open_session(server.address());
    Link::open(server.address()).closes(SOON).expect("the third is closed");
    assert!(first.exists("/", false), "the others go on");
}

#[test]
fn connections_that_begin_no_session_are_closed_in_time() {
    let server = Server::start(&[("nio.sessionlessCnxnTimeout", "300")]);
    let mut client = Client::connect(server.address(), 30_000);
    let mut silent = Link::open(server.address());
    let mut half = Link::open(server.address());
    half.send(&connect_request(30_000)[..20]).expect("the connection is open");
    silent.closes(SOON).expect("the silent one is closed");
    half.closes(SOON).expect("half a request is none");
    assert!(client.exists("/", false), "who has a session stays");
    assert!(server.log().contains("NoHandshake"), "{}", server.log());
}

#[test]
fn nonsense_closes_its_connection_and_no_other() {
    let server = Server::start(&[]);
    let mut good = Client::connect(server.address(), 30_000);
    let lengths = [-1, i32::MIN, 0, 1_048_576, i32::MAX];
    let nonsense = lengths
        .map(|length: i32| length.to_be_bytes().to_vec())
        .into_iter()
        .chain([Writer::default().byte(7).frame(), Writer::default().int(1).frame()]);
    for bytes in nonsense {
        for mut link in [Link::open(server.address()), open_session(server.address())] {
            link.send(&bytes).expect("the connection is open");
            link.closes(SOON).unwrap_or_else(|came| panic!("{bytes:02x?}: {came}"));
        }
        assert!(good.exists("/", false), "the others go on");
    }
}

#[test]
fn hostile_counts_cost_nothing_and_are_refused() {
    let server = Server::start(&[]);
    let mut good = Client::connect(server.address(), 30_000);
    let before = resident(&server);
    for count in [-2, i32::MAX] {
        let create = Writer::default().int(1).int(1).buffer(b"/a").buffer(b"").int(count).frame();
        let watches = Writer::default().int(1).int(101).long(0).int(count).frame();
        let data = Writer::default().int(1).int(5).buffer(b"/").int(count).frame();
        for bytes in [create, watches, data] {
            let mut link = open_session(server.address());
            link.send(&bytes).expect("the connection is open");
            if let Some(reply) = link.receive().expect("an answer, or the end") {
                let error = Reader(&reply[12..]).int();
                assert_ne!(error, Some(0), "{bytes:02x?} is no request");
            }
        }
        assert!(good.exists("/", false), "the others go on");
    }
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 32 << 20, "the server has grown by {grown} bytes");
}

#[test]
fn a_client_that_never_listens_costs_little_memory() {
    let server = Server::start(&[]);
    let mut good = Client::connect(server.address(), 30_000);
    good.create("/big", &vec![0; 1_000_000], 0);
    let before = resident(&server);
    let mut deaf: Vec<Link> = (0..5).map(|_| open_session(server.address())).collect();
    for link in &mut deaf {
        let requests: Vec<u8> = (1..1000).flat_map(|xid| get(xid, "/big")).collect();
        link.send(&requests).expect("the connection is open");
    }
    for _ in 0..100 {
        assert!(good.exists("/big", false), "the others go on");
    }
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 100 << 20, "the server has grown by {grown} bytes");
    for xid in 1..50 {
        let reply = deaf[0].receive().expect("an answer").expect("a connection");
        assert_eq!(Reader(&reply).int(), Some(xid), "who listens at last gets every answer");
    }
}

#[test]
fn more_requests_than_may_be_at_work_wait_and_are_all_answered() {
    let server = Server::start(&[("globalOutstandingLimit", "5")]);
    let mut links = [open_session(server.address()), open_session(server.address())];
    let count = 500;
    for (number, link) in links.iter_mut().enumerate() {
        for xid in 1..=count {
            let path = format!("/{number}-{xid}");
            let create = Writer::default().int(xid).int(1).buffer(path.as_bytes()).buffer(b"");
            link.send(&create.open_acl().int(0).frame()).expect("the connection is open");
        }
    }
    for link in &mut links {
        for xid in 1..=count {
            let reply = link.receive().expect("an answer").expect("a connection");
            let mut reader = Reader(&reply);
            assert_eq!(reader.int(), Some(xid), "answers come in order");
            reader.long().expect("a zxid");
            assert_eq!(reader.int(), Some(0), "the node is created");
        }
    }
}

/// The memory that the server has in use, in bytes, where the system tells it; else nothing.
fn resident(server: &Server) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok());
    kib.unwrap_or(0) * 1024
}
