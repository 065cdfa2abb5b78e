//! A connection, as the witness follows it.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use jute::records::{ConnectRequest, ErrorCode, RequestHeader, zxid_from_wire};
use zxid::{SessionId, Zxid};

use crate::ask::Ask;
use crate::invariants::watching::Told;
use crate::invariants::{Verdict, tree, watching};
use crate::model::{Change, Model, Watches, Who};

/// A request without an answer.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) header: RequestHeader,
    pub(super) frame: Bytes,
    /// The last transaction that was committed anywhere when it was heard.
    pub(super) after: Zxid,
}

/// A connection from a client.
#[derive(Debug)]
pub(super) struct Line {
    /// When the first frame came, by the server's monotonic clock.
    pub(super) greeted: Option<Duration>,
    /// The last transaction that was committed anywhere at that time.
    pub(super) greeted_after: Zxid,
    /// The last transaction that the client had seen then, by what it says.
    pub(super) seen: Zxid,
    /// The password that the client showed.
    pub(super) password: Bytes,
    /// Whether the first frame was answered.
    pub(super) accepted: bool,
    /// Whether its client has asked for the end of its session.
    pub(super) closing: bool,
    /// Which attachment of its session the connection is.
    pub(super) attachment: u64,
    /// The session; before it is accepted, the one that the client wants to go on with.
    pub(super) session: SessionId,
    /// Who it is, as far as its answers say: credentials count from their own answer on.
    pub(super) who: Who,
    /// Who it is to what is asked now: credentials are looked at when they come.
    pub(super) asking: Who,
    /// Requests that are answered in order.
    pub(super) waiting: VecDeque<Waiting>,
    /// Requests that may be answered at any time.
    pub(super) aside: VecDeque<Waiting>,
    pub(super) watches: Watches,
    /// Frames that were sent and not yet judged.
    pub(super) said: VecDeque<Bytes>,
    /// Whether it is closed, at either end.
    pub(super) gone: bool,
    /// Events that the connection must be told, from changes that were shown.
    pub(super) owed: Vec<Told>,
    /// Events that it may be told or not: they depend on credentials of the same batch, and nobody
    /// outside knows which came first.
    unsure: Vec<Told>,
    /// Who it was when the batch began.
    before: Who,
    /// Events that belong to no transaction: what setting watches again found.
    pub(super) caught_up: Vec<Told>,
}

impl Line {
    pub(super) fn new(from: IpAddr) -> Line {
        Line {
            greeted: None,
            greeted_after: Zxid::ZERO,
            seen: Zxid::ZERO,
            password: Bytes::new(),
            accepted: false,
            closing: false,
            attachment: 0,
            session: SessionId::NONE,
            who: Who::from(from),
            asking: Who::from(from),
            waiting: VecDeque::new(),
            aside: VecDeque::new(),
            watches: Watches::default(),
            said: VecDeque::new(),
            gone: false,
            owed: Vec::new(),
            unsure: Vec::new(),
            before: Who::from(from),
            caught_up: Vec::new(),
        }
    }

    /// Takes the first frame.
    pub(super) fn greet(&mut self, frame: &[u8], now: Duration, last: Zxid) {
        (self.greeted, self.greeted_after) = (Some(now), last);
        if let Ok(request) = jute::from_slice::<ConnectRequest>(frame) {
            self.session = request.session_id;
            self.password = Bytes::copy_from_slice(request.password.unwrap_or_default());
            self.seen = zxid_from_wire(request.last_zxid_seen);
        }
    }

    /// A change is shown: what the connection must be told of it.
    pub(super) fn changed(&mut self, change: &Change) {
        let mut copy = (self.before != self.who).then(|| self.watches.clone());
        let told = self.watches.fire(change, &self.who);
        let Some(copy) = &mut copy else { return self.owed.extend(told) };
        let before = copy.fire(change, &self.before);
        self.unsure.extend(before.iter().filter(|event| !told.contains(event)).cloned());
        for event in told {
            let list = if before.contains(&event) { &mut self.owed } else { &mut self.unsure };
            list.push(event);
        }
    }

    /// Whether an event is one that may be told or not. Then it was.
    pub(super) fn may_be_told(&mut self, told: &Told) -> bool {
        let index = self.unsure.iter().position(|event| event == told);
        index.map(|index| self.unsure.remove(index)).is_some()
    }

    /// The batch is over: from now on it is known who the connection is.
    pub(super) fn batch_is_over(&mut self) {
        self.unsure.clear();
        if self.before != self.who {
            self.before = self.who.clone();
        }
    }

    /// Judges the answer to a read, and follows what it does to the connection's watches.
    pub(super) fn answered_read(
        &mut self,
        connection: u64,
        model: &Model,
        ask: &Ask,
        answer: &Result<Vec<u8>, i32>,
    ) -> Verdict {
        let expected = match ask {
            Ask::CheckWatches(request) | Ask::RemoveWatches(request) => {
                if self.watches.has(request) { Ok(Vec::new()) } else { Err(ErrorCode::NoWatcher) }
            }
            ask => model.answer(ask, &self.who, self.session),
        };
        tree::answered(ask, answer, &expected)?;
        match ask {
            Ask::SetWatches(request) => {
                let missed = self.watches.set_again(model, request);
                watching::catches_up(connection, &self.caught_up, &missed)?;
                self.caught_up.clear();
            }
            Ask::RemoveWatches(request) => self.watches.remove(request),
            ask => self.watches.left_by(ask, &expected.map(drop)),
        }
        Ok(())
    }

    /// Whether an answer is what a server would say that has done a part of a multi.
    pub(super) fn shows_a_half(
        &self,
        halves: &[Model],
        ask: &Ask,
        answer: &Result<Vec<u8>, i32>,
    ) -> bool {
        let told = |half: &Model| half.answer(ask, &self.who, self.session);
        halves.iter().any(|half| told(half).map_err(|code| code.code()) == *answer)
    }

    /// Takes the request that an answer is to, from those that may overtake others.
    pub(super) fn take_aside(&mut self, xid: i32) -> Option<Waiting> {
        let index = self.aside.iter().position(|waiting| waiting.header.xid == xid)?;
        self.aside.remove(index)
    }
}
