//! Connections between servers: two hosts in one process, with machines that do as they are told.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ensemble::host::{Addresses, Boot, Place, Places, Running, Servers, Settings, Sockets};
use zxid::ServerId;

use crate::host::machine::{Platter, nothing_recovered};
use crate::host::station::Station;
use crate::{PATIENCE, ask, connect, frame, receive, send};

/// A server, and the client that tells it what to do.
struct Member {
    running: Running<Station>,
    client: TcpStream,
    sockets: Known,
}

/// Where servers connect to it.
struct Known {
    election: std::net::SocketAddr,
    quorum: std::net::SocketAddr,
}

/// The first server, which reaches the second.
fn two() -> (Member, Member) {
    let bind = || {
        let servers = vec![Place::loopback(0)];
        Sockets::bind(&Places {
            clients: Place::loopback(0),
            election: servers.clone(),
            quorum: servers,
            backlog: None,
        })
        .expect("ports are free")
    };
    let (first, second) = (bind(), bind());
    let host = "127.0.0.1".to_string();
    let addresses = |sockets: &Sockets| Addresses {
        election: vec![(host.clone(), sockets.election()[0].port())],
        quorum: vec![(host.clone(), sockets.quorum()[0].port())],
    };
    // Nobody listens at the third.
    let nowhere = Addresses { election: vec![(host.clone(), 1)], quorum: vec![(host.clone(), 1)] };
    let all = BTreeMap::from([
        (ServerId(1), addresses(&first)),
        (ServerId(2), addresses(&second)),
        (ServerId(3), nowhere),
    ]);
    (member(first, all.clone()), member(second, all))
}

fn member(sockets: Sockets, addresses: BTreeMap<ServerId, Addresses>) -> Member {
    let settings = Settings {
        keep_alive: false,
        max_frame: 200_000,
        slow_fsync: PATIENCE,
        servers: Some(Servers {
            addresses,
            connect_timeout: PATIENCE,
            keep_alive: false,
            max_packet: 2_000_000,
        }),
    };
    let known = Known { election: sockets.election()[0], quorum: sockets.quorum()[0] };
    let boot = || {
        let (machine, disk) = (Station::default(), Box::new(Platter::default()));
        Ok(Boot { machine, recovered: nothing_recovered(), disk })
    };
    let running = Running::start(settings, sockets, boot).expect("it starts");
    let client = connect(running.address);
    Member { running, client, sockets: known }
}

impl Member {
    fn tell(&mut self, command: &str) {
        assert_eq!(ask(&mut self.client, command), "done");
    }

    fn has(&self, times: usize, what: &'static str) -> bool {
        self.running.look(move |station| station.has(times, what)).expect("it runs")
    }

    /// Waits until something has happened.
    fn until(&self, what: &'static str) {
        self.until_times(1, what);
    }

    fn until_times(&self, times: usize, what: &'static str) {
        let begun = Instant::now();
        while !self.has(times, what) {
            let diary = || self.running.look(|station| station.diary.clone());
            assert!(begun.elapsed() < PATIENCE, "never: {what}; but {:?}", diary());
            std::thread::yield_now();
        }
    }

    fn end(self) {
        self.running.stop();
        self.running.join().expect("it was told to stop");
    }
}

/// All that comes until the other side closes.
fn is_closed(stream: &mut TcpStream) {
    match stream.read_to_end(&mut Vec::new()) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the connection is not closed: {error}"),
    }
}

#[test]
fn servers_talk_over_both_ports_and_in_both_directions() {
    let (mut first, mut second) = two();
    first.tell("open to 2");
    first.until("election to 2 opened");
    first.tell("introduce to 2");
    first.tell("vote to 2 1");
    second.until("election from #1 opened");
    second.until("election from #1: Initial server 1");
    second.until("election from #1: Notification vote=(epoch 0, zxid 0.0, server 1) round=1");
    second.tell("vote from 1 1");
    first.until("election to 2: Notification vote=(epoch 0, zxid 0.0, server 1) round=1");
    first.tell("open leader 2");
    second.until("learner #1 opened");
    second.tell("propose learner 1 1 100000");
    second.tell("commit learner 1");
    first.until("leader 2: Proposal 1.1");
    first.until("leader 2: Commit 1.1");
    first.tell("close to 2");
    first.tell("close leader 2");
    second.until("election from #1 closed");
    second.until("learner #1 closed");
    assert!(first.has(0, "election to 2 closed"), "who closes is not told");
    first.end();
    second.end();
}

#[test]
fn of_votes_that_wait_only_the_newest_is_sent() {
    let (mut first, second) = two();
    first.tell("open to 2");
    first.until("election to 2 opened");
    first.tell("introduce to 2");
    first.tell("vote to 2 1000");
    second.until("election from #1: Notification vote=(epoch 0, zxid 0.0, server 1) round=1000");
    let count = second.running.look(|station| station.diary.len());
    assert_eq!(count, Some(3), "opened, introduced, one vote");
    first.end();
    second.end();
}

#[test]
fn a_server_that_cannot_be_reached_is_told_and_a_call_can_be_given_up() {
    let (mut first, second) = two();
    first.tell("open leader 3");
    first.until("leader 3 closed");
    first.tell("open to 99");
    first.until("election to 99 closed");
    // A call that is given up is not answered; the next one of the same peer is.
    first.client.write_all(&[frame("open to 2"), frame("close to 2")].concat()).expect("open");
    receive(&mut first.client);
    receive(&mut first.client);
    first.tell("open to 2");
    first.until("election to 2 opened");
    first.tell("open to 2");
    first.until_times(2, "election to 2 opened");
    first.end();
    second.end();
}

#[test]
fn who_asks_is_told_when_everything_was_taken() {
    let (mut first, mut second) = two();
    first.tell("open leader 2");
    second.until("learner #1 opened");
    second.tell("flush learner 1");
    second.until("learner #1 flushed");
    // More than the sockets of both sides hold together.
    first.tell("pause leader 2");
    for _ in 0..20 {
        second.tell("propose learner 1 1 1000000");
    }
    second.tell("flush learner 1");
    second.tell("commit learner 1");
    second.tell("hello");
    assert!(second.has(1, "learner #1 flushed"), "nobody takes it");
    first.tell("resume leader 2");
    second.until_times(2, "learner #1 flushed");
    first.until_times(20, "leader 2: Proposal 1.1");
    first.until("leader 2: Commit 1.1");
    first.end();
    second.end();
}

#[test]
fn a_learner_that_takes_nothing_is_given_up_when_too_much_waits_for_it() {
    let (mut first, mut second) = two();
    first.tell("open leader 2");
    second.until("learner #1 opened");
    first.tell("pause leader 2");
    for _ in 0..50 {
        second.tell("propose learner 1 1 1000000");
    }
    assert!(second.has(0, "learner #1 closed"), "that much may wait");
    for _ in 0..160 {
        second.tell("propose learner 1 1 1000000");
    }
    second.until("learner #1 closed");
    first.tell("resume leader 2");
    first.until("leader 2 closed");
    first.end();
    second.end();
}

#[test]
fn bytes_that_mean_nothing_end_their_connection_and_no_other() {
    let (mut first, mut second) = two();
    first.tell("open to 2");
    first.until("election to 2 opened");
    first.tell("introduce to 2");
    second.until("election from #1: Initial server 1");
    // A version that is not known, addresses without end, and an old server's id before a message
    // without end.
    let mut endless_address = (-65536_i64).to_be_bytes().to_vec();
    endless_address.extend(9_i64.to_be_bytes());
    endless_address.extend(i32::MAX.to_be_bytes());
    let mut endless_message = 9_i64.to_be_bytes().to_vec();
    endless_message.extend(i32::MAX.to_be_bytes());
    let http = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n".as_slice();
    for bytes in [http, &(-1_i64).to_be_bytes(), &endless_address, &endless_message] {
        let mut stranger = connect(second.sockets.election);
        stranger.write_all(bytes).expect("the socket is open");
        is_closed(&mut stranger);
    }
    let huge =
        [11_i32.to_be_bytes().as_slice(), &[0; 8], &i32::MAX.to_be_bytes(), &[0; 9]].concat();
    for bytes in [http, &[0xff; 25], &huge] {
        let mut stranger = connect(second.sockets.quorum);
        stranger.write_all(bytes).expect("the socket is open");
        is_closed(&mut stranger);
    }
    second.until("learner #3 closed");
    first.tell("vote to 2 1");
    second.until("election from #1: Notification vote=(epoch 0, zxid 0.0, server 1) round=1");
    second.tell("hello");
    first.end();
    second.end();
}

#[test]
fn many_strangers_do_not_keep_clients_waiting() {
    let (first, mut second) = two();
    let strangers: Vec<_> = (0..300).map(|_| connect(second.sockets.election)).collect();
    for _ in 0..100 {
        second.tell("hello");
    }
    drop(strangers);
    second.until("election from #300 closed");
    first.end();
    second.end();
}

#[test]
fn a_server_that_is_cut_off_talks_to_no_other_but_to_its_clients() {
    let (mut first, mut second) = two();
    first.tell("open to 2");
    first.tell("open leader 2");
    second.until("learner #1 opened");
    second.until("election from #1 opened");
    first.running.cut_off();
    first.until("election to 2 closed");
    first.until("leader 2 closed");
    second.until("learner #1 closed");
    second.until("election from #1 closed");
    first.tell("open to 2");
    first.until_times(2, "election to 2 closed");
    second.tell("open to 1");
    second.until("election to 1 closed");
    assert!(first.has(0, "election from #1 opened"), "nobody is let in");
    first.running.rejoin();
    first.tell("open to 2");
    first.until_times(2, "election to 2 opened");
    second.tell("open to 1");
    first.until("election from #2 opened");
    first.end();
    second.end();
}

#[test]
fn a_paused_server_keeps_its_connections_and_does_nothing() {
    let (mut first, mut second) = two();
    first.tell("open leader 2");
    second.until("learner #1 opened");
    second.running.pause();
    assert_eq!(second.running.look(|station| station.diary.len()), None);
    send(&mut second.client, "hello");
    second.client.set_read_timeout(Some(Duration::from_millis(50))).expect("the socket is open");
    let error = second.client.read(&mut [0; 8]).expect_err("nobody answers");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    let mut late = connect(second.running.address);
    send(&mut late, "hello");
    assert!(first.has(0, "leader 2 closed"));
    second.running.resume();
    second.client.set_read_timeout(Some(PATIENCE)).expect("the socket is open");
    assert_eq!((receive(&mut second.client), receive(&mut late)), ("done".into(), "done".into()));
    second.tell("commit learner 1");
    first.until("leader 2: Commit 1.1");
    // A paused server can be stopped.
    second.running.pause();
    first.end();
    second.end();
}
