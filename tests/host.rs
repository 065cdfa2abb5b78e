//! The host with a machine that is easy to foresee, over real sockets of the loopback interface.
#![allow(clippy::disallowed_methods, reason = "the host's other side has clocks and threads too")]

mod host {
    pub(crate) mod machine;
    mod servers;
    pub(crate) mod station;
}

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ensemble::host::{Boot, HostError, Place, Places, Running, Settings, Sockets};

use host::machine::{Echo, Platter, nothing_recovered};

/// How long anything may take before a test has failed.
const PATIENCE: Duration = Duration::from_secs(20);

fn sockets(port: u16) -> Result<Sockets, HostError> {
    let (election, quorum) = (Vec::new(), Vec::new());
    let clients = Place::loopback(port);
    Sockets::bind(&Places { clients, election, quorum, backlog: None })
}

fn settings() -> Settings {
    Settings { keep_alive: false, max_frame: 200_000, slow_fsync: PATIENCE, servers: None }
}

fn start_with(platter: Platter) -> Running<Echo> {
    let boot = move || {
        Ok(Boot {
            machine: Echo::default(),
            recovered: nothing_recovered(),
            disk: Box::new(platter),
        })
    };
    let sockets = sockets(0).expect("a port is free");
    Running::start(settings(), sockets, boot).expect("it starts")
}

fn start() -> Running<Echo> {
    start_with(Platter::default())
}

fn end(server: Running<Echo>) {
    server.stop();
    server.join().expect("it was told to stop");
}

fn connect(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).expect("somebody listens");
    client.set_read_timeout(Some(PATIENCE)).expect("the socket is open");
    client.set_write_timeout(Some(PATIENCE)).expect("the socket is open");
    client.set_nodelay(true).expect("the socket is open");
    client
}

fn frame(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

fn send(client: &mut TcpStream, text: &str) {
    client.write_all(&frame(text)).expect("the socket is open");
}

fn receive(client: &mut TcpStream) -> String {
    let mut length = [0; 4];
    client.read_exact(&mut length).expect("an answer comes");
    let mut text = vec![0; u32::from_be_bytes(length) as usize];
    client.read_exact(&mut text).expect("an answer is whole");
    String::from_utf8(text).expect("answers are text")
}

fn ask(client: &mut TcpStream, text: &str) -> String {
    send(client, text);
    receive(client)
}

/// All that comes until the other side closes.
fn rest(client: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match client.read_to_end(&mut bytes) {
        Ok(_) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => bytes,
        Err(error) => panic!("the connection is not closed: {error}"),
    }
}

/// Waits until the machine is as it should be.
fn until(server: &Running<Echo>, what: &str, holds: fn(&Echo) -> bool) {
    let begun = Instant::now();
    while !server.look(holds).expect("the server runs") {
        assert!(begun.elapsed() < PATIENCE, "it never came to this: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn frames_come_in_order_however_they_are_cut() {
    let server = start();
    let mut client = connect(server.address);
    let texts: Vec<String> = (0..300).map(|n| format!("{n}").repeat(n)).collect();
    let bytes: Vec<u8> = texts.iter().flat_map(|text| frame(text)).collect();
    let mut writer = client.try_clone().expect("the socket is open");
    let sender = std::thread::spawn(move || {
        for piece in bytes.chunks(777) {
            writer.write_all(piece).expect("the socket is open");
        }
    });
    for text in &texts {
        assert_eq!(receive(&mut client), *text);
    }
    sender.join().expect("everything was sent");
    end(server);
}

/// A pass takes only so many messages. If the last of them is also the last that a client has sent,
/// the client must be read again.
#[test]
fn a_client_whose_last_message_ends_a_pass_is_not_forgotten() {
    let server = start();
    let mut client = connect(server.address);
    for count in [1, 255, 256, 257, 512, 4096] {
        client.write_all(&frame("echo").repeat(count)).expect("the socket is open");
        for _ in 0..count {
            receive(&mut client);
        }
        assert!(!ask(&mut client, "again").is_empty(), "after {count} messages at once");
    }
    end(server);
}

#[test]
fn a_word_is_answered_even_if_the_client_says_nothing_more_at_once() {
    let server = start();
    for half_close in [false, true] {
        let mut client = connect(server.address);
        client.write_all(b"ruok\n").expect("the socket is open");
        if half_close {
            client.shutdown(Shutdown::Write).expect("the socket is open");
        }
        assert_eq!(rest(&mut client), b"imok");
    }
    end(server);
}

#[test]
fn a_bad_frame_ends_its_connection_and_no_other() {
    let server = start();
    let mut good = connect(server.address);
    assert_eq!(ask(&mut good, "before"), "before");
    for length in [-1, i32::MIN, 200_001, i32::MAX] {
        let mut bad = connect(server.address);
        let mut bytes = frame("last words");
        bytes.extend_from_slice(&length.to_be_bytes());
        bad.write_all(&bytes).expect("the socket is open");
        assert_eq!(receive(&mut bad), "last words");
        assert_eq!(rest(&mut bad), b"");
    }
    until(&server, "four connections are closed", |echo| echo.closed == 4);
    assert_eq!(ask(&mut good, "after"), "after");
    end(server);
}

#[test]
fn a_client_that_does_not_read_waits_and_loses_nothing() {
    let server = start();
    let mut client = connect(server.address);
    // Each answer has 100,000 bytes: more than the sockets hold, in all.
    let answers = 300;
    for _ in 0..answers {
        send(&mut client, "big 100000");
    }
    let mut other = connect(server.address);
    ask(&mut other, "served meanwhile");
    let received = server.look(|echo| echo.received).expect("the server runs");
    assert!(received < 150, "{received} requests were taken whose answers nobody reads");
    for _ in 0..answers {
        assert_eq!(receive(&mut client).len(), 100_000);
    }
    end(server);
}

#[test]
fn a_client_that_never_reads_is_given_up_when_too_much_waits_for_it() {
    let server = start();
    let mut victim = connect(server.address);
    assert_eq!(ask(&mut victim, "victim"), "victim");
    let mut other = connect(server.address);
    for _ in 0..100 {
        // Sends a million bytes to the victim, and an echo to us.
        assert_eq!(ask(&mut other, "flood"), "flood");
    }
    until(&server, "the victim is closed", |echo| echo.closed == 1);
    assert_eq!(ask(&mut other, "still here"), "still here");
    end(server);
}

#[test]
fn nothing_arrives_from_a_paused_peer_until_it_is_resumed() {
    let server = start();
    let mut paused = connect(server.address);
    let mut bytes = frame("pause");
    bytes.extend(frame("one"));
    bytes.extend(frame("two"));
    paused.write_all(&bytes).expect("the socket is open");
    assert_eq!(receive(&mut paused), "pause");
    let mut other = connect(server.address);
    for _ in 0..20 {
        ask(&mut other, "anything");
    }
    assert_eq!(server.look(|echo| echo.received), Some(21), "`one` is held back");
    assert_eq!(ask(&mut other, "resume"), "resume");
    assert_eq!(receive(&mut paused), "one");
    assert_eq!(receive(&mut paused), "two");
    assert_eq!(ask(&mut paused, "three"), "three");
    end(server);
}

#[test]
fn a_paused_peer_that_is_gone_is_told_after_its_last_words() {
    let server = start();
    let mut paused = connect(server.address);
    assert_eq!(ask(&mut paused, "pause"), "pause");
    send(&mut paused, "last");
    drop(paused);
    let mut other = connect(server.address);
    ask(&mut other, "anything");
    assert_eq!(server.look(|echo| echo.closed), Some(0));
    assert_eq!(ask(&mut other, "resume"), "resume");
    until(&server, "the peer is closed", |echo| echo.closed == 1);
    assert_eq!(server.look(|echo| echo.received), Some(4));
    end(server);
}

#[test]
fn what_is_sent_before_a_close_arrives() {
    let server = start();
    let mut client = connect(server.address);
    // The answer to `bye` is large, and what follows it is never read.
    let mut bytes = frame("bye");
    bytes.extend(frame("too late"));
    client.write_all(&bytes).expect("the socket is open");
    assert_eq!(receive(&mut client).len(), 3_000_000);
    assert_eq!(rest(&mut client), b"");
    assert_eq!(server.look(|echo| (echo.received, echo.closed)), Some((1, 0)));
    end(server);
}

#[test]
fn timers_run_out_in_order_and_a_silent_connection_is_closed_by_one() {
    let server = start();
    let mut client = connect(server.address);
    send(&mut client, "timers");
    for expected in ["Reap", "Purge", "Reaper"] {
        assert_eq!(receive(&mut client), expected);
    }
    let mut silent = connect(server.address);
    assert_eq!(ask(&mut client, "drop the silent"), "drop the silent");
    assert_eq!(rest(&mut silent), b"");
    end(server);
}

#[test]
fn writes_are_answered_after_one_force_for_many() {
    let platter = Platter::default();
    let (written, synced) = (platter.written.clone(), platter.synced.clone());
    let server = start_with(platter);
    let mut client = connect(server.address);
    let writes = 2000;
    let bytes: Vec<u8> = (0..writes).flat_map(|_| frame("write")).collect();
    client.write_all(&bytes).expect("the socket is open");
    for _ in 0..writes {
        assert_eq!(receive(&mut client), "durable");
    }
    assert_eq!(written.load(Ordering::SeqCst), writes);
    let forces = synced.load(Ordering::SeqCst);
    assert!(forces <= writes / 10, "{forces} forces for {writes} writes");
    end(server);
}

#[test]
fn a_failing_disk_ends_the_server_and_acknowledges_nothing() {
    let platter = Platter { fails_at: Some(3), ..Platter::default() };
    let server = start_with(platter);
    let mut client = connect(server.address);
    for _ in 0..2 {
        assert_eq!(ask(&mut client, "write"), "durable");
    }
    send(&mut client, "write");
    assert_eq!(rest(&mut client), frame("failed"));
    let error = server.join().expect_err("the disk has failed");
    assert!(matches!(error, HostError::Disk(_)), "{error}");
}

#[test]
fn a_stop_closes_everything_and_forces_the_disk() {
    let platter = Platter::default();
    let synced = platter.synced.clone();
    let server = start_with(platter);
    let address = server.address;
    let mut client = connect(address);
    assert_eq!(ask(&mut client, "write without asking"), "write without asking");
    assert_eq!(synced.load(Ordering::SeqCst), 0);
    end(server);
    assert_eq!(synced.load(Ordering::SeqCst), 1);
    assert_eq!(rest(&mut client), b"");
    TcpStream::connect(address).expect_err("nobody listens any more");
}

#[test]
fn a_kill_closes_everything_and_forces_nothing() {
    let platter = Platter::default();
    let synced = platter.synced.clone();
    let server = start_with(platter);
    let address = server.address;
    let mut client = connect(address);
    assert_eq!(ask(&mut client, "write without asking"), "write without asking");
    server.kill();
    server.join().expect("it was told to end");
    assert_eq!(synced.load(Ordering::SeqCst), 0);
    assert_eq!(rest(&mut client), b"");
    TcpStream::connect(address).expect_err("nobody listens any more");
}

#[test]
fn every_opened_connection_is_closed_once() {
    let server = start();
    for _ in 0..10 {
        let clients: Vec<_> = (0..50).map(|_| connect(server.address)).collect();
        drop(clients);
    }
    until(&server, "500 have come and gone", |echo| (echo.opened, echo.closed) == (500, 500));
    end(server);
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let server = start();
    let taken = sockets(server.address.port());
    let message = taken.expect_err("the port is taken").to_string();
    let port = server.address.port();
    let expected = "is in use; stop who uses it, or choose another port";
    assert_eq!(message, format!("127.0.0.1:{port} {expected}"));
    let boot = || -> Result<Boot<Echo>, _> { Err("no data".into()) };
    let free = sockets(0).expect("a port is free");
    let error = Running::start(settings(), free, boot).err().expect("it cannot boot");
    assert_eq!(error.to_string(), "no data");
    end(server);
}

#[test]
fn a_machine_that_panics_ends_its_server() {
    let server = start();
    let mut client = connect(server.address);
    send(&mut client, "panic");
    assert_eq!(rest(&mut client), b"");
    assert!(matches!(server.join(), Err(HostError::Panicked)));
}
