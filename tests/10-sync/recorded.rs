//! Conversations of Apache's servers, packet by packet, and what of them a server of ours may do in
//! another way: the lines of `tests/fixtures/DEVIATIONS` that begin with `quorum/`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use zab::Packet;
use zab::wire::{Packets, append};

use crate::quorum::conversation;

/// `jute.maxbuffer` and its extra size, as they are by default.
const LONGEST: usize = 2 * 0xf_ffff;

/// One packet, or a snapshot, as it was captured.
pub(crate) struct Frame {
    /// Its place among the conversation's packets of the quorum port, counted from 0.
    pub(crate) index: usize,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) connection: u64,
    pub(crate) ms: f64,
    pub(crate) what: String,
    pub(crate) packets: Vec<Packet>,
}

impl Frame {
    /// The packet that it is.
    pub(crate) fn packet(&self) -> &Packet {
        &self.packets[0]
    }

    /// The kind of packet, as the capture names it.
    fn kind(&self) -> &str {
        self.what.split(' ').next().unwrap_or_default()
    }
}

/// The packets of a conversation, in order.
pub(crate) fn frames(name: &str) -> Vec<Frame> {
    let mut streams: BTreeMap<(i64, i64), Packets> = BTreeMap::new();
    let recorded = conversation(name, "quorum").into_iter().enumerate();
    let read = |(index, frame): (usize, crate::quorum::Recorded)| {
        let stream =
            streams.entry((frame.connection, frame.from)).or_insert_with(|| Packets::new(LONGEST));
        stream.push(&frame.bytes);
        let packets: Vec<Packet> =
            std::iter::from_fn(|| stream.next().expect("it can be read")).collect();
        assert_eq!(written(&packets), frame.bytes, "{name} {index}");
        let (from, to, ms, what) = (frame.from, frame.to, frame.ms, frame.what);
        Frame { index, from, to, connection: frame.connection as u64, ms, what, packets }
    };
    recorded.map(read).collect()
}

pub(crate) fn written(packets: &[Packet]) -> Vec<u8> {
    let mut out = Vec::new();
    packets.iter().for_each(|packet| append(packet, &mut out));
    out
}

/// What of a conversation is done in another way.
#[derive(Default)]
pub(crate) struct Deviations {
    /// These packets are not sent.
    absent: BTreeSet<usize>,
    /// These are sent right after the next UPTODATE.
    held: BTreeSet<usize>,
    /// In their place another packet is sent.
    other: BTreeSet<usize>,
}

impl Deviations {
    /// Those that are accepted for a conversation: lines of the form
    /// `quorum/name frame,frame | absent | why`, where `7-20 COMMIT` stands for all frames of that
    /// kind among those.
    pub(crate) fn of(name: &str, frames: &[Frame]) -> Deviations {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/DEVIATIONS");
        let text = std::fs::read_to_string(file).expect("tests/fixtures/DEVIATIONS");
        let mut all = Deviations::default();
        for line in text.lines().filter_map(|line| line.strip_prefix(&format!("quorum/{name} "))) {
            let parts = line.split(" | ").collect::<Vec<_>>();
            let [places, how, _why] = parts[..] else { panic!("not a line of DEVIATIONS: {line}") };
            let set = match how {
                "absent" => &mut all.absent,
                "held" => &mut all.held,
                "other" => &mut all.other,
                _ => panic!("neither absent nor held nor other: {line}"),
            };
            set.extend(places.split(',').flat_map(|place| chosen(place, frames)));
        }
        all
    }
}

/// `7`, `7-20` or `7-20 COMMIT`.
fn chosen(place: &str, frames: &[Frame]) -> Vec<usize> {
    let (range, kind) = place.split_once(' ').map_or((place, None), |(r, kind)| (r, Some(kind)));
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let number = |text: &str| text.parse::<usize>().expect("the number of a packet");
    let among = &frames[number(first)..=number(last)];
    let named = |frame: &&Frame| kind.is_none_or(|kind| frame.kind() == kind);
    among.iter().filter(named).map(|frame| frame.index).collect()
}

/// What our server has sent on one connection, compared with what was recorded, packet by packet.
/// Pings come by the clock: those that were not recorded are passed over.
#[derive(Default)]
pub(crate) struct Comparison {
    sent: VecDeque<Packet>,
    held: VecDeque<Vec<u8>>,
}

impl Comparison {
    /// Our server has sent this.
    pub(crate) fn sent(&mut self, packets: impl IntoIterator<Item = Packet>) {
        self.sent.extend(packets);
    }

    /// Whether this is what our server sends next, or need not be.
    pub(crate) fn has(&mut self, frame: &Frame, deviations: &Deviations) -> bool {
        let (absent, held) = (&deviations.absent, &deviations.held);
        absent.contains(&frame.index) || held.contains(&frame.index) || self.next(frame).is_some()
    }

    /// What our server sends next, if it is there.
    fn next(&mut self, frame: &Frame) -> Option<&Packet> {
        if !matches!(frame.packet(), Packet::Ping { .. }) {
            while matches!(self.sent.front(), Some(Packet::Ping { .. })) {
                self.sent.pop_front();
            }
        }
        self.sent.front()
    }

    /// Compares what was recorded with what is sent next.
    pub(crate) fn compare(&mut self, frame: &Frame, deviations: &Deviations, name: &str) {
        let theirs = written(&frame.packets);
        if deviations.held.contains(&frame.index) {
            return self.held.push_back(theirs);
        }
        let place = format!("{name} {}, connection {}", frame.index, frame.connection);
        if deviations.absent.contains(&frame.index) {
            let ours = self.next(frame).map(|packet| written(std::slice::from_ref(packet)));
            return assert_ne!(ours, Some(theirs), "{place} is sent, and DEVIATIONS says no");
        }
        let mut ours = Vec::new();
        let mut shown = String::new();
        for _ in &frame.packets {
            self.next(frame);
            if let Some(packet) = self.sent.pop_front() {
                append(&packet, &mut ours);
                shown += &format!("{packet}; ");
            }
        }
        if deviations.other.contains(&frame.index) {
            assert!(!ours.is_empty(), "{place}: something is sent instead");
            return assert_ne!(ours, theirs, "{place} does not differ any more");
        }
        assert_eq!(ours, theirs, "{place}: they sent {}, and we {shown}", frame.what);
        if matches!(frame.packet(), Packet::UpToDate) {
            for held in self.held.drain(..) {
                let packet = self.sent.pop_front().expect("what was held follows");
                assert_eq!(written(&[packet]), held, "{place}: what was held follows");
            }
        }
    }

    /// Everything that was sent was recorded, too.
    pub(crate) fn end(self, name: &str) {
        let more: Vec<_> =
            self.sent.iter().filter(|it| !matches!(it, Packet::Ping { .. })).collect();
        assert!(more.is_empty() && self.held.is_empty(), "{name}: also sent {more:?}");
    }
}
