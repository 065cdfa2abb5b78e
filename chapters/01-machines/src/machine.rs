//! The machine: a protocol participant without IO.
//!
//! A machine is told what happened ([`Event`]) and says what should happen next ([`Effect`]). It
//! reads no clock, rolls no dice, spawns nothing and never blocks; time, network and disk reach
//! it only through [`Machine::step`]. That is why the same code runs in a unit test, in the
//! simulated world of this chapter, under the exhaustive explorer, on tokio and in a page of the
//! book, and why a failure seen in one of them can be replayed in the others.
//!
//! Always true:
//! - a step depends on the machine's state, the event and [`Effects::now`], and on nothing else;
//! - effects are carried out in the order in which they were given;
//! - `Durable(t)` says that every write given before `Sync(t)` is on disk, and nothing about
//!   later ones;
//! - after `Failed` the disk refuses everything until the process is started again.
//!
//! Book: chapter 1.

use std::fmt::{Debug, Display};
use std::time::Duration;

/// The vocabulary of a protocol: whom its machines talk to, what they say, what they store.
///
/// It is implemented by types without values (`enum Fle {}`), and it lives apart from the machine,
/// so that two machines, a reference and a learner's, speak the same types and their effects can
/// be compared with `==`.
pub trait Protocol: Sized + Clone + Debug + PartialEq + 'static {
    /// The other end of a connection, as the machine names it.
    type Peer: Copy + Ord + Debug + Display;
    /// What travels over a connection.
    type Message: Clone + PartialEq + Debug + Display;
    /// The name of a timer. Setting a timer again replaces the one of the same name.
    type Timer: Copy + Ord + Debug + Display;
    /// A change to what is on disk.
    type Write: Clone + PartialEq + Debug;
    /// A question to the disk.
    type Fetch: Clone + PartialEq + Debug;
    /// The disk's answer to a [`Fetch`](Protocol::Fetch).
    type Fetched: Clone + PartialEq + Debug;
    /// What the disk still held when the process started.
    type Recovered: Clone + PartialEq + Debug;
    /// What the machine tells its own host: results, notices.
    type Output: Clone + PartialEq + Debug + Display;
}

/// Names one request to force the disk. Tickets of one machine are given in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

impl Display for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "t{}", self.0)
    }
}

/// Why the disk could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no file of that name.
    Missing(String),
    /// No space is left.
    Full,
    /// The disk reported an error. The text is the operating system's.
    Broken(String),
    /// The power went. Only the simulated disk says so, to the code that was using it.
    PowerLost,
}

impl Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Missing(name) => write!(f, "there is no file {name}"),
            Fault::Full => write!(f, "no space is left on the disk"),
            Fault::Broken(why) => write!(f, "the disk failed: {why}"),
            Fault::PowerLost => write!(f, "the power went"),
        }
    }
}

impl std::error::Error for Fault {}

/// The time, as a machine's host tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Time since some moment before the process started. It never goes back.
    pub monotonic: Duration,
    /// Milliseconds since 1970, by a clock that people may set forward and back.
    pub wall_ms: i64,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<P: Protocol> {
    /// The process has started and found this on its disk. It is the first event, and comes once.
    Started(P::Recovered),
    /// A connection is open: asked for by [`Effect::Open`], or begun by the other side.
    Opened(P::Peer),
    /// A whole message has arrived.
    Received {
        /// Who sent it.
        from: P::Peer,
        /// What it says.
        message: P::Message,
    },
    /// The connection is gone, or could not be opened. It is not said of a connection that this
    /// machine closed itself.
    Closed(P::Peer),
    /// Everything sent to this peer before `Flush` has been taken by its connection.
    Flushed(P::Peer),
    /// A timer has run out.
    Expired(P::Timer),
    /// Everything written before the `Sync` of this ticket is on disk.
    Durable(Ticket),
    /// The answer to a `Fetch`.
    Fetched(P::Fetched),
    /// The disk could not force what was written before this ticket. It will do nothing more.
    Failed(Ticket, Fault),
    /// The host has no more events at hand: a good moment for what is better done once for many,
    /// such as one `Sync` for a whole batch.
    Drained,
}

/// What should happen next.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect<P: Protocol> {
    /// Opens a connection. `Opened` or `Closed` will follow.
    Open(P::Peer),
    /// Sends a message. Messages to one peer arrive in order, or not at all from some point on.
    Send {
        /// To whom.
        to: P::Peer,
        /// What to say.
        message: P::Message,
    },
    /// Closes a connection after what was sent on it. Nothing more is heard from that peer.
    Close(P::Peer),
    /// Stops reading from a peer: it may send, but nothing of it arrives.
    Pause(P::Peer),
    /// Goes on reading from a peer.
    Resume(P::Peer),
    /// Asks to be told when what was sent to a peer so far has been taken by its connection:
    /// `Flushed` will follow, or `Closed`. It is how much is sent no faster than it is read.
    Flush(P::Peer),
    /// Starts a timer, in place of an earlier one of the same name.
    Set {
        /// Which timer.
        timer: P::Timer,
        /// When it is to run out, from now.
        after: Duration,
    },
    /// Stops a timer.
    Clear(P::Timer),
    /// Changes what is on disk, some time; see [`Effect::Sync`].
    Write(P::Write),
    /// Forces everything written so far to the disk; `Durable` or `Failed` will follow.
    Sync(Ticket),
    /// Asks the disk; `Fetched` or `Failed` will follow.
    Fetch(P::Fetch),
    /// Tells the host.
    Answer(P::Output),
}

/// The effects of one or more steps, in order, and the time at which the steps were made.
#[derive(Clone, Debug, PartialEq)]
pub struct Effects<P: Protocol> {
    now: Now,
    list: Vec<Effect<P>>,
}

impl<P: Protocol> Default for Effects<P> {
    fn default() -> Self {
        Effects { now: Now::default(), list: Vec::new() }
    }
}

impl<P: Protocol> Effects<P> {
    /// An empty list at time zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty list at a given time.
    pub fn at(now: Now) -> Self {
        Effects { now, list: Vec::new() }
    }

    /// The time of this step.
    pub fn now(&self) -> Now {
        self.now
    }

    /// Sets the time for the steps that follow. Only a host does this.
    pub fn set_now(&mut self, now: Now) {
        self.now = now;
    }

    /// Adds any effect.
    pub fn push(&mut self, effect: Effect<P>) {
        self.list.push(effect);
    }

    /// Opens a connection.
    pub fn open(&mut self, peer: P::Peer) {
        self.push(Effect::Open(peer));
    }

    /// Sends a message.
    pub fn send(&mut self, to: P::Peer, message: P::Message) {
        self.push(Effect::Send { to, message });
    }

    /// Closes a connection.
    pub fn close(&mut self, peer: P::Peer) {
        self.push(Effect::Close(peer));
    }

    /// Stops reading from a peer.
    pub fn pause(&mut self, peer: P::Peer) {
        self.push(Effect::Pause(peer));
    }

    /// Goes on reading from a peer.
    pub fn resume(&mut self, peer: P::Peer) {
        self.push(Effect::Resume(peer));
    }

    /// Asks to be told when what was sent to a peer has been taken.
    pub fn flush(&mut self, peer: P::Peer) {
        self.push(Effect::Flush(peer));
    }

    /// Starts or restarts a timer.
    pub fn set(&mut self, timer: P::Timer, after: Duration) {
        self.push(Effect::Set { timer, after });
    }

    /// Stops a timer.
    pub fn clear(&mut self, timer: P::Timer) {
        self.push(Effect::Clear(timer));
    }

    /// Changes what is on disk.
    pub fn write(&mut self, write: P::Write) {
        self.push(Effect::Write(write));
    }

    /// Forces what was written.
    pub fn sync(&mut self, ticket: Ticket) {
        self.push(Effect::Sync(ticket));
    }

    /// Asks the disk.
    pub fn fetch(&mut self, fetch: P::Fetch) {
        self.push(Effect::Fetch(fetch));
    }

    /// Tells the host.
    pub fn answer(&mut self, output: P::Output) {
        self.push(Effect::Answer(output));
    }

    /// The effects so far.
    pub fn list(&self) -> &[Effect<P>] {
        &self.list
    }

    /// Takes the effects out, in order, and leaves the list empty for the next step.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Effect<P>> {
        self.list.drain(..)
    }
}

/// A protocol participant: everything it does is an answer to an event.
pub trait Machine {
    /// The vocabulary that it speaks.
    type Protocol: Protocol;

    /// Takes one event, changes state, and adds what should happen next to `effects`.
    fn step(&mut self, event: Event<Self::Protocol>, effects: &mut Effects<Self::Protocol>);
}

impl<M: Machine + ?Sized> Machine for Box<M> {
    type Protocol = M::Protocol;

    fn step(&mut self, event: Event<Self::Protocol>, effects: &mut Effects<Self::Protocol>) {
        (**self).step(event, effects);
    }
}
