//! The ledger of a session: what was asked of servers, what they owe, and what they are to keep.
//!
//! It writes requests and reads frames; of connections and time it knows only that a connection can
//! be lost. What it leaves with a server, credentials and watches, it can leave again with the next.
//!
//! Always true:
//! - answers are matched with requests in order, and by xid;
//! - a watch is kept only if an answer said that the server holds it;
//! - `last_zxid` is that of the last answer, so never ahead of what the program was told.
//!
//! ZooKeeper: `ClientCnxn.SendThread.readResponse`, `ClientCnxn.finishPacket`.

use std::collections::VecDeque;

use bytes::Bytes;
use jute::records::{AuthPacket, ErrorCode, ReplyHeader, WatcherEvent};
use machines::Effects;
use zxid::Zxid;

use super::flight::{InFlight, Pledge, Purpose, Removal};
use super::{
    ClientOutput, ClientWire, Error, EventKind, Operation, Registration, Reply, SessionState,
    WatchId, WatchedEvent, Watches, absolute, relative,
};
use crate::{Request, decode_reply, encode_request, xid};

/// Where outputs go.
type Out = Effects<ClientWire>;

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Ledger {
    chroot: String,
    last_xid: i32,
    last_zxid: Zxid,
    in_flight: VecDeque<InFlight>,
    credentials: Vec<Credential>,
    /// Which credentials this connection has sent and not heard of, in order.
    unconfirmed: VecDeque<usize>,
    watches: Watches,
}

/// Credentials, as they are presented to every server.
#[derive(Clone, Debug, PartialEq)]
struct Credential {
    scheme: String,
    auth: Bytes,
    /// The ask that waits for the first answer.
    asked: Option<u64>,
}

/// What a frame means for the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing: it was an answer or an event, and is dealt with.
    Dealt,
    /// The session is closed, as asked.
    Closed,
    /// The credentials were refused.
    AuthRefused,
}

/// A server said what no server says; it cannot be trusted any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garbled;

impl From<jute::Error> for Garbled {
    fn from(_: jute::Error) -> Garbled {
        Garbled
    }
}

impl Ledger {
    /// An empty ledger for a client that lives below `chroot`.
    pub fn new(chroot: String) -> Ledger {
        Ledger {
            chroot,
            last_xid: 0,
            last_zxid: Zxid::ZERO,
            in_flight: VecDeque::new(),
            credentials: Vec::new(),
            unconfirmed: VecDeque::new(),
            watches: Watches::default(),
        }
    }

    /// The last transaction that the program may have seen the effect of.
    pub fn last_zxid(&self) -> Zxid {
        self.last_zxid
    }

    /// Writes an operation, and remembers whose it is. An error says that nothing was written.
    pub fn request(
        &mut self,
        number: u64,
        operation: &Operation,
        watch: Option<WatchId>,
        frames: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let path = operation.path().map_or(Ok("".into()), |path| absolute(&self.chroot, path))?;
        let request = operation.request(&self.chroot, watch.is_some())?;
        let purpose = Purpose::of(number, operation, path.into_owned(), watch);
        let xid = next_xid(&mut self.last_xid);
        encode_request(frames, xid, &request);
        self.in_flight.push_back(InFlight { xid, purpose });
        Ok(())
    }

    /// Writes the request that ends the session.
    pub fn close(&mut self, frames: &mut Vec<u8>) {
        let xid = next_xid(&mut self.last_xid);
        encode_request(frames, xid, &Request::CloseSession);
        self.in_flight.push_back(InFlight { xid, purpose: Purpose::CloseSession });
    }

    /// Remembers credentials. They are written by [`present`](Ledger::present), or at the next
    /// connection.
    pub fn add_credential(&mut self, number: u64, scheme: String, auth: Bytes) {
        self.credentials.push(Credential { scheme, auth, asked: Some(number) });
    }

    /// Writes the credentials that were added last.
    pub fn present(&mut self, frames: &mut Vec<u8>) {
        if let Some(last) = self.credentials.len().checked_sub(1) {
            self.present_one(last, frames);
        }
    }

    /// Forgets a watch that nobody listens to.
    pub fn forget_watch(&mut self, watch: WatchId) {
        self.watches.forget(watch);
    }

    /// Writes what a new connection has to know: all credentials, then all watches.
    pub fn introduce(&mut self, frames: &mut Vec<u8>) {
        for index in 0..self.credentials.len() {
            self.present_one(index, frames);
        }
        self.watches.sweep();
        for request in self.watches.batches(self.last_zxid) {
            let xid = next_xid(&mut self.last_xid);
            encode_request(frames, xid, &request);
            self.in_flight.push_back(InFlight { xid, purpose: Purpose::SetWatches });
        }
    }

    /// Reads a frame of a server, and tells whom it concerns.
    pub fn read(&mut self, frame: &[u8], out: &mut Out) -> Result<Heard, Garbled> {
        let (header, body) = decode_reply(frame)?;
        match header.xid {
            xid::EVENT => self.on_event(jute::from_slice(body)?, out),
            xid::PING => {}
            xid::AUTH => return Ok(self.on_auth(header.err, out)),
            _ => return self.on_reply(header, body, out),
        }
        Ok(Heard::Dealt)
    }

    /// The connection is gone: no answer will come to what was sent on it.
    pub fn lose(&mut self, error: Error, out: &mut Out) {
        self.unconfirmed.clear();
        for sent in std::mem::take(&mut self.in_flight) {
            if let Purpose::Request { number, removal, .. } = sent.purpose {
                let result = self.forget(removal, Err(error.clone()), out);
                out.answer(ClientOutput::Completed { number, result, zxid: Zxid::ZERO });
            }
        }
    }

    /// The session is over, and with it every watch and credential.
    pub fn finish(&mut self, error: Error, out: &mut Out) {
        self.watches.clear();
        self.lose(error.clone(), out);
        for number in self.credentials.drain(..).filter_map(|credential| credential.asked) {
            let result = Err(error.clone());
            out.answer(ClientOutput::Completed { number, result, zxid: Zxid::ZERO });
        }
    }

    fn present_one(&mut self, index: usize, frames: &mut Vec<u8>) {
        let Credential { scheme, auth, .. } = &self.credentials[index];
        let packet = AuthPacket { kind: 0, scheme: scheme.into(), auth: Some(auth) };
        encode_request(frames, xid::AUTH, &Request::Auth(packet));
        self.unconfirmed.push_back(index);
    }

    fn on_event(&mut self, event: WatcherEvent<'_>, out: &mut Out) {
        let Some(kind) = EventKind::from_wire(event.kind) else { return };
        let watches = self.watches.fire(kind, &event.path);
        self.tell(watches, kind, &event.path, out);
    }

    fn on_auth(&mut self, err: i32, out: &mut Out) -> Heard {
        let confirmed = self.unconfirmed.pop_front();
        if err != 0 {
            return Heard::AuthRefused;
        }
        if let Some(number) = confirmed.and_then(|index| self.credentials[index].asked.take()) {
            let result = Ok(Reply::Done);
            out.answer(ClientOutput::Completed { number, result, zxid: Zxid::ZERO });
        }
        Heard::Dealt
    }

    fn on_reply(
        &mut self,
        header: ReplyHeader,
        body: &[u8],
        out: &mut Out,
    ) -> Result<Heard, Garbled> {
        let front = self.in_flight.front().filter(|front| front.xid == header.xid);
        let result = match (&front.ok_or(Garbled)?.purpose, Error::from_wire(header.err)) {
            (Purpose::Request { .. }, Some(error)) => Err(error),
            (Purpose::Request { op, .. }, None) => Ok(Reply::decode(*op, body, &self.chroot)?),
            (Purpose::SetWatches | Purpose::CloseSession, _) => Ok(Reply::Done),
        };
        let zxid = Zxid(header.zxid.max(0) as u64);
        self.last_zxid = self.last_zxid.max(zxid);
        match self.in_flight.pop_front().map(|sent| sent.purpose) {
            Some(Purpose::Request { number, watch, removal, .. }) => {
                self.keep(watch, &result);
                let result = self.forget(removal, result, out);
                out.answer(ClientOutput::Completed { number, result, zxid });
                Ok(Heard::Dealt)
            }
            Some(Purpose::CloseSession) => Ok(Heard::Closed),
            Some(Purpose::SetWatches) | None => Ok(Heard::Dealt),
        }
    }

    /// Keeps a watch, if the server does: `exists` leaves one whether there is a node or not, all
    /// others only on success.
    fn keep(&mut self, watch: Option<Pledge>, result: &Result<Reply, Error>) {
        let Some(Pledge { how, path, watch }) = watch else { return };
        let absent = *result == Err(Error::Code(ErrorCode::NoNode));
        if result.is_ok() || (absent && how == Registration::Exists) {
            self.watches.add(how, !absent, &path, watch);
        }
    }

    /// Forgets watches that the server has removed, or that are to go in any case.
    fn forget(
        &mut self,
        removal: Option<Removal>,
        result: Result<Reply, Error>,
        out: &mut Out,
    ) -> Result<Reply, Error> {
        let Some(Removal { kind, path, local }) = removal else { return result };
        if result.is_err() && !local {
            return result;
        }
        let removed = self.watches.remove(kind, &path);
        let any = !removed.is_empty();
        for (event, watches) in removed {
            self.tell(watches, event, &path, out);
        }
        if any { Ok(Reply::Done) } else { result }
    }

    fn tell(&self, watches: Vec<WatchId>, kind: EventKind, path: &str, out: &mut Out) {
        if !watches.is_empty() {
            let (state, path) = (SessionState::SyncConnected, relative(&self.chroot, path));
            let event = WatchedEvent { kind, state, path };
            out.answer(ClientOutput::Fired { watches, event });
        }
    }
}

/// Xids stay positive: the negative ones have meanings of their own.
fn next_xid(last: &mut i32) -> i32 {
    *last = last.checked_add(1).unwrap_or(1);
    *last
}
