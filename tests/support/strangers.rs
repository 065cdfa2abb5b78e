//! Those who knock at a port that is not for them: with noise, with the beginning of something
//! sensible and then nothing, with nothing at all, and by the thousand.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Resource, getrlimit};

/// Connections that one flood holds at a port at the same time.
const FLOOD: u64 = 1_000;

/// What a process needs besides.
const SPARE: u64 = 300;

/// Many threads that knock, until they are told to leave.
pub(crate) struct Strangers {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Strangers {
    /// Sends strangers of every kind to each of these ports, and returns when the floods are high.
    pub(crate) fn come(ports: &[SocketAddr]) -> Self {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let flood = FLOOD.min(files.saturating_sub(SPARE) / ports.len() as u64);
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut threads = Vec::new();
        for (index, port) in ports.iter().copied().enumerate() {
            let knocker = Knocker { port, stop: stop.clone(), count: count.clone() };
            let noisy = knocker.clone();
            threads.push(thread::spawn(move || noisy.make_noise(index as u64)));
            threads.push(thread::spawn(move || knocker.flood(flood as usize)));
        }
        let strangers = Self { stop, count, threads };
        crate::ensemble::eventually("the floods are high", || {
            strangers.count.load(Ordering::Relaxed) >= flood * ports.len() as u64
        });
        strangers
    }

    /// Ends it; tells how many connections there were.
    pub(crate) fn leave(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("a stranger does not panic");
        }
        self.count.load(Ordering::Relaxed)
    }
}

/// One that goes to one port.
#[derive(Clone)]
struct Knocker {
    port: SocketAddr,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
}

impl Knocker {
    /// Says one odd thing after the other, each on a connection of its own; some of them stay.
    fn make_noise(&self, mut seed: u64) {
        let mut staying = Vec::new();
        for round in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            // The closed connections of a minute must not use up all ports.
            thread::sleep(Duration::from_millis(5));
            let Some(mut stream) = self.knock() else { continue };
            // The server may hang up at any time.
            stream.write_all(&words(round, &mut seed)).ok();
            match round % 3 {
                // It waits for an answer, and for the end.
                0 => drop(stream.read(&mut [0; 64])),
                // It says no more, and stays.
                1 => {
                    staying.push(stream);
                    staying.truncate(50);
                }
                // It is gone at once.
                _ => drop(stream),
            }
        }
    }

    /// Opens connections and says nothing; whenever one is closed, another comes.
    fn flood(&self, high: usize) {
        let mut held: Vec<TcpStream> = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            while held.len() < high && !self.stop.load(Ordering::Relaxed) {
                match self.knock() {
                    Some(stream) => held.push(stream),
                    None => break,
                }
            }
            held.retain(|stream| {
                stream.set_nonblocking(true).is_ok()
                    && !matches!((&*stream).read(&mut [0; 64]), Ok(0))
            });
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn knock(&self) -> Option<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.port, Duration::from_millis(500));
        let Ok(stream) = stream else {
            // A server that was killed, or whose queue is full.
            thread::sleep(Duration::from_millis(20));
            return None;
        };
        stream.set_read_timeout(Some(Duration::from_millis(200))).ok()?;
        stream.set_write_timeout(Some(Duration::from_millis(200))).ok()?;
        self.count.fetch_add(1, Ordering::Relaxed);
        Some(stream)
    }
}

/// Something that no server of an ensemble would say: noise, claims of huge lengths, beginnings
/// without an end, sensible words of somebody whom nobody knows.
fn words(round: u64, seed: &mut u64) -> Vec<u8> {
    let initial = |id: i64, length: i32, address: &[u8]| {
        let mut out = (-65536_i64).to_be_bytes().to_vec();
        out.extend(id.to_be_bytes());
        out.extend(length.to_be_bytes());
        out.extend(address);
        out
    };
    let packet = |kind: i32, zxid: i64, length: i32, data: &[u8]| {
        let mut out = kind.to_be_bytes().to_vec();
        out.extend(zxid.to_be_bytes());
        out.extend(length.to_be_bytes());
        out.extend(data);
        out
    };
    let learner = |id: i64| [&id.to_be_bytes()[..], &[0, 1, 0, 0], &[0; 8]].concat();
    match round % 9 {
        0 => (0..1000)
            .map(|_| {
                *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (*seed >> 33) as u8
            })
            .collect(),
        1 => initial(i64::MAX, 2_000_000_000, b""),
        2 => initial(77, 14, b"127.0.0.1:1234"),
        3 => initial(1, 14, b"127.0")[..22].to_vec(),
        4 => [initial(78, 14, b"127.0.0.1:1234"), vec![0x7f, 0xff, 0xff, 0xff]].concat(),
        5 => packet(11, 0, i32::MAX, b""),
        6 => [packet(11, 0, 20, &learner(77)), vec![0xff; 4]].concat(),
        7 => packet(11, i64::MIN, 20, &learner(2))[..30].to_vec(),
        _ => b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
    }
}
