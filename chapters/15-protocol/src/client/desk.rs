//! The desk between a program and the host of its client machine.
//!
//! The program's side is the [`Client`](super::Client) handle: it lays asks on the desk and waits
//! for their answers. The host's side is [`Desk`]: it takes the asks into the machine and brings
//! the machine's outputs back. Nothing here knows of a runtime: who waits leaves a `Waker`.
//!
//! Always true:
//! - asks are taken in the order in which they were laid down;
//! - an answer, event or state is seen by the program in the order of the machine's outputs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use zxid::{SessionId, Zxid};

use super::{Ask, Client, ClientOutput, Error, Reply, SessionState, WatchId, WatchedEvent};

/// The host's side of a client.
#[derive(Clone, Debug)]
pub struct Desk {
    board: Arc<Mutex<Board>>,
}

/// Everything that lies on the desk.
#[derive(Debug)]
pub(super) struct Board {
    asks: VecDeque<Ask>,
    host: Option<Waker>,
    last_number: u64,
    abandoned: bool,
    answers: BTreeMap<u64, Answer>,
    watches: BTreeMap<WatchId, Feed<WatchedEvent>>,
    states: BTreeMap<u64, Feed<SessionState>>,
    /// The state of the session, as last told.
    pub(super) state: SessionState,
    /// The session, as last told.
    pub(super) session: SessionId,
    /// Its timeout in ms, as last told.
    pub(super) timeout: i32,
}

#[derive(Debug)]
enum Answer {
    Awaited(Option<Waker>),
    Here(Result<Reply, Error>, Zxid),
}

/// A queue that one future waits at.
#[derive(Debug)]
struct Feed<T> {
    queue: VecDeque<T>,
    waker: Option<Waker>,
}

impl<T> Default for Feed<T> {
    fn default() -> Self {
        Feed { queue: VecDeque::new(), waker: None }
    }
}

impl<T> Feed<T> {
    fn push(&mut self, item: T) {
        self.queue.push_back(item);
        wake(&mut self.waker);
    }
}

impl Desk {
    /// A desk, and the first handle on the program's side.
    pub fn new() -> (Desk, Client) {
        let board = Arc::new(Mutex::new(Board {
            asks: VecDeque::new(),
            host: None,
            last_number: 0,
            abandoned: false,
            answers: BTreeMap::new(),
            watches: BTreeMap::new(),
            states: BTreeMap::new(),
            state: SessionState::Disconnected,
            session: SessionId::NONE,
            timeout: 0,
        }));
        (Desk { board: board.clone() }, Client::new(board))
    }

    /// Takes the next ask, if there is one.
    pub fn take(&self) -> Option<Ask> {
        lock(&self.board).asks.pop_front()
    }

    /// Takes every ask; waits while there is none.
    pub fn poll_take(&self, cx: &mut Context<'_>) -> Poll<VecDeque<Ask>> {
        let mut board = lock(&self.board);
        if board.asks.is_empty() {
            board.host = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut board.asks))
    }

    /// Whether nobody has a handle any more. The last handle asked for the session to be closed.
    pub fn is_abandoned(&self) -> bool {
        lock(&self.board).abandoned
    }

    /// Brings an output of the machine to whoever waits for it.
    pub fn deliver(&self, output: ClientOutput) {
        let board = &mut *lock(&self.board);
        match output {
            ClientOutput::Completed { number, result, zxid } => {
                // Nobody waits any more if the entry is gone.
                if let Some(answer) = board.answers.get_mut(&number) {
                    if let Answer::Awaited(waker) = answer {
                        wake(waker);
                    }
                    *answer = Answer::Here(result, zxid);
                }
            }
            ClientOutput::Fired { watches, event } => {
                for watch in watches {
                    if let Some(feed) = board.watches.get_mut(&watch) {
                        feed.push(event.clone());
                    }
                }
            }
            ClientOutput::State { state, session, timeout } => {
                (board.state, board.session, board.timeout) = (state, session, timeout);
                for feed in board.states.values_mut() {
                    feed.push(state);
                }
                if state.is_final() {
                    board.watches.values_mut().for_each(|feed| wake(&mut feed.waker));
                }
            }
        }
    }
}

impl Board {
    /// Lays an ask down, made from its number.
    pub(super) fn ask(&mut self, ask: impl FnOnce(u64) -> Ask) -> u64 {
        let number = self.number();
        self.answers.insert(number, Answer::Awaited(None));
        self.lay(ask(number));
        number
    }

    /// Asks for the end of the session; nobody waits for the answer.
    pub(super) fn abandon(&mut self) {
        self.abandoned = true;
        let number = self.number();
        self.lay(Ask::Close { number });
    }

    /// A new watch's place, before the server knows of it.
    pub(super) fn open_watch(&mut self) -> WatchId {
        let watch = WatchId(self.number());
        self.watches.insert(watch, Feed::default());
        watch
    }

    pub(super) fn close_watch(&mut self, watch: WatchId) {
        self.watches.remove(&watch);
        if !self.state.is_final() {
            self.lay(Ask::Forget(watch));
        }
    }

    pub(super) fn open_states(&mut self) -> u64 {
        let number = self.number();
        self.states.insert(number, Feed::default());
        number
    }

    pub(super) fn close_states(&mut self, number: u64) {
        self.states.remove(&number);
    }

    pub(super) fn forget_answer(&mut self, number: u64) {
        self.answers.remove(&number);
    }

    pub(super) fn poll_answer(
        &mut self,
        number: u64,
        cx: &mut Context<'_>,
    ) -> Poll<(Result<Reply, Error>, Zxid)> {
        match self.answers.remove(&number) {
            Some(Answer::Here(result, zxid)) => Poll::Ready((result, zxid)),
            Some(Answer::Awaited(_)) => {
                self.answers.insert(number, Answer::Awaited(Some(cx.waker().clone())));
                Poll::Pending
            }
            None => panic!("a future is not polled after it was ready"),
        }
    }

    /// The next event of a watch, or why there will be none.
    pub(super) fn poll_watch(
        &mut self,
        watch: WatchId,
        cx: &mut Context<'_>,
    ) -> Poll<Result<WatchedEvent, Error>> {
        let over = self.state;
        match self.watches.get_mut(&watch) {
            Some(feed) => match feed.queue.pop_front() {
                Some(event) => Poll::Ready(Ok(event)),
                None if over.is_final() => Poll::Ready(Err(over.error())),
                None => {
                    feed.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            },
            None => Poll::Ready(Err(Error::Closed)),
        }
    }

    /// The next state, or `None` after a final one.
    pub(super) fn poll_state(
        &mut self,
        number: u64,
        cx: &mut Context<'_>,
    ) -> Poll<Option<SessionState>> {
        let over = self.state.is_final();
        match self.states.get_mut(&number) {
            Some(feed) => match feed.queue.pop_front() {
                Some(state) => Poll::Ready(Some(state)),
                None if over => Poll::Ready(None),
                None => {
                    feed.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            },
            None => Poll::Ready(None),
        }
    }

    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn lay(&mut self, ask: Ask) {
        self.asks.push_back(ask);
        wake(&mut self.host);
    }
}

/// The board, even if somebody panicked who had it: it is whole between any two lines.
pub(super) fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}
