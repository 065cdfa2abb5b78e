//! A machine that echoes, and a disk that counts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use machines::{Disk, Effects, Event, Fault, Machine, Ticket};
use server::{Message, Peer, Recovered, State, Timer, Zk};
use storage::{Fetch, Fetched, Write};
use zxid::Zxid;

/// Echoes frames. Some texts mean something besides.
#[derive(Default)]
pub(crate) struct Echo {
    /// Connections that were opened.
    pub(crate) opened: usize,
    /// Connections that the other side closed.
    pub(crate) closed: usize,
    /// Frames and words.
    pub(crate) received: usize,
    /// Those that wait for the disk, and whether anything was written.
    waiting: Vec<Peer>,
    syncing: Vec<(Ticket, Vec<Peer>)>,
    ticket: u64,
    victim: Option<Peer>,
    paused: Option<Peer>,
    silent: BTreeSet<Peer>,
    timed: Option<Peer>,
}

/// What is said to have been found on the disk.
pub(crate) fn nothing_recovered() -> Recovered {
    Recovered {
        state: State::new(0, false),
        snapshot: Zxid::ZERO,
        member: None,
        replayed: 0,
        data_bytes: 0,
        log_bytes: 0,
    }
}

fn framed(bytes: &[u8]) -> Message {
    let mut chunk = (bytes.len() as u32).to_be_bytes().to_vec();
    chunk.extend_from_slice(bytes);
    Message::Chunk(chunk.into())
}

impl Echo {
    fn on_frame(&mut self, from: Peer, frame: &Bytes, effects: &mut Effects<Zk>) {
        let text = str::from_utf8(frame).expect("tests send text");
        match text {
            "bye" => {
                effects.send(from, framed(&vec![b'.'; 3_000_000]));
                return effects.close(from);
            }
            "write" => {
                effects.write(Write::Roll);
                return self.waiting.push(from);
            }
            "write without asking" => effects.write(Write::Roll),
            "pause" => {
                self.paused = Some(from);
                effects.pause(from);
            }
            "resume" => effects.resume(self.paused.expect("somebody is paused")),
            "victim" => self.victim = Some(from),
            "flood" => {
                let victim = self.victim.expect("somebody is the victim");
                effects.send(victim, framed(&vec![b'.'; 1_000_000]));
            }
            "timers" => {
                self.timed = Some(from);
                effects.set(Timer::Expiry, Duration::from_millis(1));
                effects.set(Timer::Reaper, Duration::from_millis(30));
                effects.set(Timer::Purge, Duration::from_secs(3600));
                effects.set(Timer::Purge, Duration::from_millis(10));
                effects.set(Timer::Reap, Duration::ZERO);
                return effects.clear(Timer::Expiry);
            }
            "drop the silent" => effects.set(Timer::Handshakes, Duration::from_millis(20)),
            "panic" => panic!("the test asked for it"),
            text => {
                if let Some(size) = text.strip_prefix("big ") {
                    let size = size.parse().expect("tests send numbers");
                    return effects.send(from, framed(&vec![b'.'; size]));
                }
            }
        }
        effects.send(from, framed(frame));
    }
}

impl Machine for Echo {
    type Protocol = Zk;

    fn step(&mut self, event: Event<Zk>, effects: &mut Effects<Zk>) {
        match event {
            Event::Started(_) => {}
            Event::Opened(peer) => {
                self.opened += 1;
                self.silent.insert(peer);
            }
            Event::Closed(peer) => {
                self.closed += 1;
                self.silent.remove(&peer);
            }
            Event::Received { from, message } => {
                self.received += 1;
                self.silent.remove(&from);
                match message {
                    Message::Frame(frame) => self.on_frame(from, &frame, effects),
                    Message::Word(_) => {
                        effects.send(from, Message::Chunk(Bytes::from_static(b"imok")));
                        effects.close(from);
                    }
                    other => panic!("clients do not send {other}"),
                }
            }
            Event::Expired(Timer::Handshakes) => {
                for peer in std::mem::take(&mut self.silent) {
                    effects.close(peer);
                }
            }
            Event::Expired(timer) => {
                let peer = self.timed.expect("somebody has asked for timers");
                effects.send(peer, framed(timer.to_string().as_bytes()));
            }
            Event::Durable(ticket) => {
                let (first, peers) = self.syncing.remove(0);
                assert_eq!(first, ticket, "tickets are answered in order");
                for peer in peers {
                    effects.send(peer, framed(b"durable"));
                }
            }
            Event::Failed(..) => {
                for peer in self.syncing.drain(..).flat_map(|(_, peers)| peers) {
                    effects.send(peer, framed(b"failed"));
                }
            }
            Event::Fetched(_) | Event::Flushed(_) => panic!("nothing was asked for"),
            Event::Drained => {
                if !self.waiting.is_empty() {
                    self.ticket += 1;
                    effects.sync(Ticket(self.ticket));
                    let waiting = std::mem::take(&mut self.waiting);
                    self.syncing.push((Ticket(self.ticket), waiting));
                }
            }
        }
    }
}

/// A disk that counts, and may fail.
#[derive(Default)]
pub(crate) struct Platter {
    /// Writes carried out.
    pub(crate) written: Arc<AtomicUsize>,
    /// Forces carried out.
    pub(crate) synced: Arc<AtomicUsize>,
    /// The force that fails, counted from 1.
    pub(crate) fails_at: Option<usize>,
}

impl Disk<Zk> for Platter {
    fn write(&mut self, _write: Write) -> Result<(), Fault> {
        self.written.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Fault> {
        let count = self.synced.fetch_add(1, Ordering::SeqCst) + 1;
        match self.fails_at == Some(count) {
            true => Err(Fault::Full),
            false => Ok(()),
        }
    }

    fn fetch(&mut self, _fetch: Fetch) -> Result<Fetched, Fault> {
        panic!("nobody asks")
    }
}
