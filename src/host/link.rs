//! One connection: a socket, what came in and waits, what goes out.
//!
//! A link belongs to two: to its own task, which reads, cuts messages, and writes what the socket
//! did not take at once; and to the driver, which takes the messages and gives the answers.
//!
//! Always true:
//! - nothing more is read before the driver has taken everything that was read;
//! - nothing is read while the machine has paused the peer, or while a client does not take its
//!   answers: then TCP makes the client wait, and memory stays bounded. (Two servers that made each
//!   other wait so would wait for ever.)

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use election::Frame;
use election::wire::{append_initial, append_notification};
use server::{Message, Peer};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::codec::Codec;
use super::inbox::{Inbox, Incoming};
use super::outgoing::Outgoing;

/// Bytes that one read takes, at most.
pub(super) const READ: usize = 64 * 1024;
/// Waiting bytes from which on a client's requests wait too.
const CONGESTED: usize = 1024 * 1024;
/// Waiting bytes beyond which a client that does not read is given up.
const GIVEN_UP: usize = 64 * 1024 * 1024;
/// The same for a server. A learner may be slow for a while, and gets everything nevertheless. A
/// leader gives it up before this; nobody else says so much.
const SERVER_GIVEN_UP: usize = 192 * 1024 * 1024;
/// Messages for which an idle link keeps room.
const KEPT: usize = 256;
/// How long the last answers may take to go out, once the connection is to be closed.
const FLUSH: Duration = Duration::from_secs(5);
/// How long a peer may go on sending after it was told that the connection is closed.
const LINGER: Duration = Duration::from_millis(500);

/// One connection.
pub(super) struct Link {
    /// Its name to the machine.
    pub(super) peer: Peer,
    /// Where the other side sits.
    pub(super) from: SocketAddr,
    stream: TcpStream,
    inbox: Rc<Inbox>,
    held: RefCell<VecDeque<Message>>,
    out: RefCell<Outgoing>,
    /// The machine has paused it.
    paused: Cell<bool>,
    /// It stands in the inbox.
    queued: Cell<bool>,
    /// It stands in the driver's list of those with something to send.
    pub(super) dirty: Cell<bool>,
    /// Nothing more will come in.
    ended: Cell<bool>,
    /// Nothing more is given to or taken from the machine.
    closing: Cell<bool>,
    /// Tells the link's task that one of the above has changed.
    changed: Notify,
}

/// What the driver gets from a link.
pub(super) enum Taken {
    /// A message.
    Message(Message),
    /// Nothing, for now.
    Nothing,
    /// Nothing, ever again.
    End,
}

impl Link {
    pub(super) fn new(
        peer: Peer,
        from: SocketAddr,
        stream: TcpStream,
        inbox: Rc<Inbox>,
    ) -> Rc<Link> {
        Rc::new(Link {
            peer,
            from,
            stream,
            inbox,
            held: RefCell::default(),
            out: RefCell::default(),
            paused: Cell::new(false),
            queued: Cell::new(false),
            dirty: Cell::new(false),
            ended: Cell::new(false),
            closing: Cell::new(false),
            changed: Notify::new(),
        })
    }

    /// Takes the next message, unless the peer has to wait.
    pub(super) fn take(&self) -> Taken {
        if self.closing.get() || self.paused.get() || self.congested() {
            return Taken::Nothing;
        }
        let mut held = self.held.borrow_mut();
        match held.pop_front() {
            Some(message) => Taken::Message(message),
            None if self.ended.get() => Taken::End,
            None => {
                held.shrink_to(KEPT);
                self.changed.notify_one();
                Taken::Nothing
            }
        }
    }

    /// Says that the link has left the inbox.
    pub(super) fn left_inbox(&self) {
        self.queued.set(false);
    }

    /// Puts the link into the inbox if it has something for the driver.
    pub(super) fn offer(self: &Rc<Self>) {
        let something = !self.held.borrow().is_empty() || self.ended.get();
        let waits = self.paused.get() || self.closing.get() || self.congested();
        if something && !waits && !self.queued.replace(true) {
            self.inbox.put(Incoming::Ready(Rc::clone(self)));
        }
    }

    /// The driver has no time left for this link: it is put back into the inbox, or told to read on
    /// if the last message taken was its last.
    pub(super) fn put_off(self: &Rc<Self>) {
        self.offer();
        if self.held.borrow().is_empty() {
            self.changed.notify_one();
        }
    }

    /// Adds to what goes out to a client. False if it is given up because it does not read.
    pub(super) fn send(&self, chunk: Bytes) -> bool {
        let mut out = self.out.borrow_mut();
        if out.waiting() > GIVEN_UP {
            return false;
        }
        out.add(chunk);
        true
    }

    /// The same for a server.
    pub(super) fn send_to_server(&self, message: &Message) -> bool {
        let mut out = self.out.borrow_mut();
        if out.waiting() > SERVER_GIVEN_UP {
            return false;
        }
        match message {
            Message::Quorum(packet) => out.append(|bytes| zab::wire::append(packet, bytes)),
            Message::Election(Frame::Initial(initial)) => {
                out.append(|bytes| append_initial(bytes, initial));
            }
            Message::Election(Frame::Notification(notification)) => {
                let mut bytes = Vec::new();
                append_notification(&mut bytes, notification);
                out.vote(bytes.into());
            }
            other => panic!("servers do not say {other} to each other"),
        }
        true
    }

    /// Tells the driver when everything given so far was taken.
    pub(super) fn mark(&self) {
        self.out.borrow_mut().mark();
    }

    /// Gives the socket as much as it takes. What is left is the task's.
    pub(super) fn flush(self: &Rc<Self>) {
        if self.write().is_err() {
            self.lose();
        } else if self.out.borrow().waiting() > 0 {
            self.changed.notify_one();
        }
        // Its requests may have waited for this.
        self.offer();
    }

    /// Stops reading. What was read already waits.
    pub(super) fn pause(&self) {
        self.paused.set(true);
    }

    /// Goes on reading.
    pub(super) fn resume(self: &Rc<Self>) {
        self.paused.set(false);
        self.offer();
        self.changed.notify_one();
    }

    /// Lets the task send what waits, and close.
    pub(super) fn close(&self) {
        self.closing.set(true);
        self.held.borrow_mut().clear();
        self.changed.notify_one();
    }

    /// Closes without sending what waits.
    pub(super) fn abandon(&self) {
        *self.out.borrow_mut() = Outgoing::default();
        self.close();
    }

    fn congested(&self) -> bool {
        matches!(self.peer, Peer::Client(_)) && self.out.borrow().waiting() > CONGESTED
    }

    /// The socket is of no more use: nothing can be sent, and nothing will come.
    fn lose(&self) {
        *self.out.borrow_mut() = Outgoing::default();
        self.ended.set(true);
    }

    fn write(self: &Rc<Self>) -> io::Result<()> {
        let mut out = self.out.borrow_mut();
        out.write(&self.stream)?;
        for _ in 0..out.reached() {
            self.inbox.put(Incoming::Flushed(Rc::clone(self)));
        }
        Ok(())
    }

    /// Whether the driver still has to do with it.
    pub(super) fn is_open(&self) -> bool {
        !self.closing.get()
    }

    /// The link's task: reads and writes until the connection is over.
    pub(super) async fn run(self: Rc<Self>, mut codec: Codec) {
        while !self.closing.get() {
            let reads = !self.ended.get()
                && !self.paused.get()
                && !self.congested()
                && self.held.borrow().is_empty();
            let writes = self.out.borrow().waiting() > 0;
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                _ = self.stream.writable(), if writes => {
                    if self.write().is_err() {
                        self.lose();
                    }
                }
                _ = self.stream.readable(), if reads => self.read(&mut codec),
            }
            self.offer();
        }
        self.finish().await;
    }

    /// Reads once, and cuts what is whole.
    fn read(&self, codec: &mut Codec) {
        let scratch = &mut *self.inbox.scratch.borrow_mut();
        match self.stream.try_read(scratch) {
            Ok(0) => self.ended.set(true),
            Ok(count) => codec.push(&scratch[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                tracing::debug!(from = %self.from, %error, "connection lost");
                self.lose();
            }
        }
        let mut held = self.held.borrow_mut();
        loop {
            match codec.cut() {
                Ok(Some(message)) => held.push_back(message),
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(from = %self.from, error, "bad frame");
                    self.ended.set(true);
                    break;
                }
            }
        }
        codec.rest();
    }

    /// Sends what waits, says that nothing follows, and gives the peer time to see it: closing a
    /// socket with unread bytes would destroy the last answers on their way. A server that
    /// was never sent anything misses nothing, and strangers must not hold our sockets.
    async fn finish(self: &Rc<Self>) {
        if !matches!(self.peer, Peer::Client(_)) && self.out.borrow().is_virgin() {
            return;
        }
        let flushed = async {
            while self.write().is_ok() && self.out.borrow().waiting() > 0 {
                if self.stream.writable().await.is_err() {
                    break;
                }
            }
        };
        if timeout(FLUSH, flushed).await.is_err() {
            return;
        }
        if SockRef::from(&self.stream).shutdown(Shutdown::Write).is_err() {
            return;
        }
        let mut rest = [0; 1024];
        let drained = async {
            while self.stream.readable().await.is_ok() {
                match self.stream.try_read(&mut rest) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => break,
                }
            }
        };
        timeout(LINGER, drained).await.ok();
    }
}
