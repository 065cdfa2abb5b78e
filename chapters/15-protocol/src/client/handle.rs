//! The client handle: what a program uses.
//!
//! A handle is cheap to clone and works from any thread and under any runtime, since all it does is
//! to lay asks on the [desk](super::Desk) and wait. When the last handle is dropped, the session is
//! closed.
//!
//! ZooKeeper: `ZooKeeper`.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use jute::records::{Acl, ClientInfo, ErrorCode, Stat};
use zxid::{SessionId, Zxid};

use super::desk::{Board, lock};
use super::{
    Ask, CreateMode, Error, Operation, Part, PartResult, Read, Reconfiguration, Reply,
    SessionState, Transaction, WatchId, WatchKind, WatchedEvent,
};

/// A client of an ensemble.
#[derive(Clone, Debug)]
pub struct Client {
    owner: Arc<Owner>,
}

/// What all handles share. Its end is the end of the session.
#[derive(Debug)]
struct Owner {
    board: Arc<Mutex<Board>>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        lock(&self.board).abandon();
    }
}

/// What kind of node to create, and for whom. A [`CreateMode`] alone stands for an open ACL.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateOptions {
    /// The kind.
    pub mode: CreateMode,
    /// Who may do what with the node.
    pub acl: Vec<Acl>,
    /// The time to live in ms, for the kinds that have one.
    pub ttl: i64,
}

impl From<CreateMode> for CreateOptions {
    fn from(mode: CreateMode) -> CreateOptions {
        CreateOptions { mode, acl: Acl::open(), ttl: -1 }
    }
}

impl Default for CreateOptions {
    fn default() -> CreateOptions {
        CreateMode::Persistent.into()
    }
}

impl Client {
    pub(super) fn new(board: Arc<Mutex<Board>>) -> Client {
        Client { owner: Arc::new(Owner { board }) }
    }

    /// Creates a node. Gives its path, which for a sequential node has its number.
    pub async fn create(
        &self,
        path: &str,
        data: impl Into<Bytes>,
        options: impl Into<CreateOptions>,
    ) -> Result<String, Error> {
        let operation = create(path, data.into(), options.into(), false);
        match self.request(operation).await? {
            Reply::Created { path, .. } => Ok(path),
            other => unexpected(other),
        }
    }

    /// As [`create`](Client::create), with the node's Stat.
    pub async fn create_with_stat(
        &self,
        path: &str,
        data: impl Into<Bytes>,
        options: impl Into<CreateOptions>,
    ) -> Result<(String, Stat), Error> {
        let operation = create(path, data.into(), options.into(), true);
        match self.request(operation).await? {
            Reply::Created { path, stat: Some(stat) } => Ok((path, stat)),
            other => unexpected(other),
        }
    }

    /// Deletes a node that has this version; -1 for any.
    pub async fn delete(&self, path: &str, version: i32) -> Result<(), Error> {
        self.request(Operation::Delete { path: path.into(), version }).await.map(drop)
    }

    /// A node's Stat, or `None` if there is no such node.
    pub async fn exists(&self, path: &str) -> Result<Option<Stat>, Error> {
        present(self.request(Operation::Exists { path: path.into() }).await)
    }

    /// As [`exists`](Client::exists); the watch fires when the node is created, deleted or set.
    pub async fn exists_watch(&self, path: &str) -> Result<(Option<Stat>, Watch), Error> {
        let (result, watch) = self.watch(Operation::Exists { path: path.into() }).await;
        Ok((present(result)?, watch))
    }

    /// A node's data and Stat. Null data reads as empty.
    pub async fn get_data(&self, path: &str) -> Result<(Bytes, Stat), Error> {
        data(self.request(Operation::GetData { path: path.into() }).await?)
    }

    /// As [`get_data`](Client::get_data); the watch fires when the node is set or deleted.
    pub async fn get_data_watch(&self, path: &str) -> Result<(Bytes, Stat, Watch), Error> {
        let (result, watch) = self.watch(Operation::GetData { path: path.into() }).await;
        let (bytes, stat) = data(result?)?;
        Ok((bytes, stat, watch))
    }

    /// The names of a node's children, in no order.
    pub async fn get_children(&self, path: &str) -> Result<Vec<String>, Error> {
        let operation = Operation::GetChildren { path: path.into(), stat: false };
        match self.request(operation).await? {
            Reply::Children { names, .. } => Ok(names),
            other => unexpected(other),
        }
    }

    /// As [`get_children`](Client::get_children), with the Stat; the watch fires when a child comes
    /// or goes, or the node is deleted.
    pub async fn get_children_watch(
        &self,
        path: &str,
    ) -> Result<(Vec<String>, Stat, Watch), Error> {
        let operation = Operation::GetChildren { path: path.into(), stat: true };
        let (result, watch) = self.watch(operation).await;
        match result? {
            Reply::Children { names, stat: Some(stat) } => Ok((names, stat, watch)),
            other => unexpected(other),
        }
    }

    /// Replaces the data of a node that has this version; -1 for any.
    pub async fn set_data(
        &self,
        path: &str,
        data: impl Into<Bytes>,
        version: i32,
    ) -> Result<Stat, Error> {
        let data = Some(data.into());
        stat(self.request(Operation::SetData { path: path.into(), data, version }).await?)
    }

    /// A node's ACL and Stat.
    pub async fn get_acl(&self, path: &str) -> Result<(Vec<Acl>, Stat), Error> {
        match self.request(Operation::GetAcl { path: path.into() }).await? {
            Reply::Acl { acl, stat } => Ok((acl, stat)),
            other => unexpected(other),
        }
    }

    /// Replaces the ACL of a node whose ACL has this version; -1 for any.
    pub async fn set_acl(&self, path: &str, acl: Vec<Acl>, version: i32) -> Result<Stat, Error> {
        stat(self.request(Operation::SetAcl { path: path.into(), acl, version }).await?)
    }

    /// Waits until this server has caught up with the leader.
    pub async fn sync(&self, path: &str) -> Result<(), Error> {
        self.request(Operation::Sync { path: path.into() }).await.map(drop)
    }

    /// Several writes, all or none, to be gathered and committed.
    pub fn transaction(&self) -> Transaction {
        Transaction::new(self.clone())
    }

    /// Several writes, all or none. A part that failed is a result, not an error.
    pub async fn multi(&self, parts: Vec<Part>) -> Result<Vec<PartResult>, Error> {
        match self.request(Operation::Multi(parts)).await? {
            Reply::Multi(results) => Ok(results),
            other => unexpected(other),
        }
    }

    /// Several reads at once. A read that failed is a result, not an error.
    pub async fn multi_read(&self, reads: Vec<Read>) -> Result<Vec<PartResult>, Error> {
        match self.request(Operation::MultiRead(reads)).await? {
            Reply::Multi(results) => Ok(results),
            other => unexpected(other),
        }
    }

    /// Leaves a watch that stays: on a node, or on a node and everything below it.
    pub async fn add_watch(&self, path: &str, recursive: bool) -> Result<Watcher, Error> {
        let operation = Operation::AddWatch { path: path.into(), recursive };
        let watcher = self.watcher();
        self.request_watched(operation, &watcher).await.map(|_| watcher)
    }

    /// Removes the watches of a kind from a path, all of them. `local`: forget them here even if the
    /// server cannot be asked.
    pub async fn remove_watches(
        &self,
        path: &str,
        kind: WatchKind,
        local: bool,
    ) -> Result<(), Error> {
        let operation = Operation::RemoveWatches { path: path.into(), kind, local };
        self.request(operation).await.map(drop)
    }

    /// The paths of this session's ephemeral nodes that begin with a prefix, such as `/`.
    pub async fn get_ephemerals(&self, prefix: &str) -> Result<Vec<String>, Error> {
        match self.request(Operation::GetEphemerals { prefix: prefix.into() }).await? {
            Reply::Ephemerals(paths) => Ok(paths),
            other => unexpected(other),
        }
    }

    /// How many nodes are below a node, at any depth.
    pub async fn count_descendants(&self, path: &str) -> Result<i32, Error> {
        match self.request(Operation::CountDescendants { path: path.into() }).await? {
            Reply::Descendants(total) => Ok(total),
            other => unexpected(other),
        }
    }

    /// Presents credentials, now and after every reconnect. If they are refused, the session is
    /// lost to this client.
    pub async fn add_auth(&self, scheme: &str, auth: impl Into<Bytes>) -> Result<(), Error> {
        let (scheme, auth) = (scheme.to_owned(), auth.into());
        self.ask(|number| Ask::Authenticate { number, scheme, auth }).await.map(drop)
    }

    /// As whom the server knows this connection.
    pub async fn who_am_i(&self) -> Result<Vec<ClientInfo>, Error> {
        match self.request(Operation::WhoAmI).await? {
            Reply::Identities(clients) => Ok(clients),
            other => unexpected(other),
        }
    }

    /// Changes the members of the ensemble. Gives the new configuration, as text.
    pub async fn reconfig(&self, change: Reconfiguration) -> Result<(Bytes, Stat), Error> {
        data(self.request(Operation::Reconfig(change)).await?)
    }

    /// Ends the session: its ephemeral nodes go, and this client is of no more use.
    pub async fn close(&self) -> Result<(), Error> {
        match self.ask(|number| Ask::Close { number }).await {
            // It is what was wanted.
            Ok(_) | Err(Error::Closed | Error::SESSION_EXPIRED) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The state of the session.
    pub fn session_state(&self) -> SessionState {
        lock(&self.owner.board).state
    }

    /// The session's id; 0 before the first connect.
    pub fn session_id(&self) -> SessionId {
        lock(&self.owner.board).session
    }

    /// The session timeout that was agreed with the server, in ms; 0 before the first connect.
    pub fn session_timeout(&self) -> i32 {
        lock(&self.owner.board).timeout
    }

    /// The states of the session from now on.
    pub fn states(&self) -> States {
        let number = lock(&self.owner.board).open_states();
        States { number, board: self.owner.board.clone() }
    }

    /// Waits until a server serves the session, or none ever will.
    pub async fn connected(&self) -> Result<(), Error> {
        let mut states = self.states();
        let mut state = Some(self.session_state());
        while let Some(now) = state {
            match now {
                SessionState::SyncConnected => return Ok(()),
                SessionState::Disconnected => state = states.next().await,
                over => return Err(over.error()),
            }
        }
        Err(self.session_state().error())
    }

    /// Any operation. It is in the queue when this returns, so that several can be asked for
    /// before the first is awaited.
    pub fn request(&self, operation: Operation) -> Completion {
        self.ask(|number| Ask::Request { number, operation, watch: None })
    }

    /// Any operation that can leave a watch. The watch counts only if the operation leaves one:
    /// on success, and for `exists` also when there is no node.
    pub async fn watch(&self, operation: Operation) -> (Result<Reply, Error>, Watch) {
        let watcher = self.watcher();
        (self.request_watched(operation, &watcher).await, Watch(watcher))
    }

    /// Somebody who can be told of many watches.
    pub fn watcher(&self) -> Watcher {
        let id = lock(&self.owner.board).open_watch();
        Watcher { id, board: self.owner.board.clone() }
    }

    /// As [`request`](Client::request), for an operation that leaves a watch. However many watches
    /// of his an event fires, a watcher is told once.
    pub fn request_watched(&self, operation: Operation, watcher: &Watcher) -> Completion {
        let watch = Some(watcher.id);
        self.ask(|number| Ask::Request { number, operation, watch })
    }

    fn ask(&self, ask: impl FnOnce(u64) -> Ask) -> Completion {
        let number = lock(&self.owner.board).ask(ask);
        Completion { number, board: self.owner.board.clone() }
    }
}

/// The answer to a request, to be awaited. Dropping it does not undo the request.
#[derive(Debug)]
pub struct Completion {
    number: u64,
    board: Arc<Mutex<Board>>,
}

impl Future for Completion {
    type Output = Result<Reply, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        lock(&self.board).poll_answer(self.number, cx).map(|(result, _)| result)
    }
}

impl Completion {
    /// The answer, and the last transaction that the server had applied when it gave it: of a write,
    /// its own. Zero if no server answered.
    pub async fn with_zxid(self) -> (Result<Reply, Error>, Zxid) {
        poll_fn(|cx| lock(&self.board).poll_answer(self.number, cx)).await
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        lock(&self.board).forget_answer(self.number);
    }
}

/// A watch that fires once. It is a future: the event, or why there will be none.
#[derive(Debug)]
pub struct Watch(Watcher);

impl Future for Watch {
    type Output = Result<WatchedEvent, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        lock(&self.0.board).poll_watch(self.0.id, cx)
    }
}

/// Somebody who is told of watches, until the session ends. Dropping it only stops listening: what
/// the server holds must be removed.
#[derive(Debug)]
pub struct Watcher {
    id: WatchId,
    board: Arc<Mutex<Board>>,
}

impl Watcher {
    /// The next event, or why there will be none.
    pub async fn next(&mut self) -> Result<WatchedEvent, Error> {
        poll_fn(|cx| lock(&self.board).poll_watch(self.id, cx)).await
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        lock(&self.board).close_watch(self.id);
    }
}

/// The states of a session, one after another.
#[derive(Debug)]
pub struct States {
    number: u64,
    board: Arc<Mutex<Board>>,
}

impl States {
    /// The next state; `None` after a final one.
    pub async fn next(&mut self) -> Option<SessionState> {
        poll_fn(|cx| lock(&self.board).poll_state(self.number, cx)).await
    }
}

impl Drop for States {
    fn drop(&mut self) {
        lock(&self.board).close_states(self.number);
    }
}

fn create(path: &str, data: Bytes, options: CreateOptions, stat: bool) -> Operation {
    let CreateOptions { mode, acl, ttl } = options;
    Operation::Create { path: path.into(), data: Some(data), acl, mode, ttl, stat }
}

fn present(result: Result<Reply, Error>) -> Result<Option<Stat>, Error> {
    match result {
        Ok(reply) => stat(reply).map(Some),
        Err(Error::Code(ErrorCode::NoNode)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn stat(reply: Reply) -> Result<Stat, Error> {
    match reply {
        Reply::Stat(stat) => Ok(stat),
        other => unexpected(other),
    }
}

fn data(reply: Reply) -> Result<(Bytes, Stat), Error> {
    match reply {
        Reply::Data { data, stat } => Ok((data.unwrap_or_default(), stat)),
        other => unexpected(other),
    }
}

/// A reply is decoded by the operation that was asked for, so it cannot be of another kind.
fn unexpected<T>(reply: Reply) -> T {
    panic!("a reply is of its operation's kind, but this is {reply:?}")
}
