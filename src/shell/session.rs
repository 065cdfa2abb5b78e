//! The shell's session with an ensemble: its client, and what the client is told meanwhile.
//!
//! Always true: an event that came before an answer is printed before it.

use std::future::{Future, pending, ready};
use std::time::Duration;

use jute::records::{ErrorCode, Stat};
use tokio::time::Instant;

use super::print::{self, remark, say};
use crate::client::{
    Client, Error, EventKind, Operation, Reply, SessionState, States, WatchedEvent, Watcher,
};

/// How long a shell looks for a server before it gives up.
const PATIENCE: Duration = Duration::from_secs(5);

/// The shell's session.
pub(super) struct Session {
    servers: String,
    timeout: Duration,
    /// The client and its events; none once it was closed.
    open: Option<(Client, Events)>,
    /// Whether events are printed.
    pub(super) print_watches: bool,
}

/// What a client is told without asking.
struct Events {
    watcher: Watcher,
    watching: bool,
    states: States,
    alive: bool,
}

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server or the client refused it.
    Refused {
        /// Why.
        error: Error,
        /// What it was about; may be empty.
        path: String,
    },
    /// This is why.
    Text(String),
    /// There is no session.
    NotConnected,
}

impl Failure {
    pub(super) fn refused(error: Error, path: &str) -> Failure {
        Failure::Refused { error, path: path.to_owned() }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Refused { error, path } => write!(f, "{}", print::error(error, path)),
            Failure::Text(text) => write!(f, "{text}"),
            Failure::NotConnected => write!(f, "Not connected"),
        }
    }
}

impl Events {
    /// The next event. It never comes if the session is over.
    async fn next(&mut self) -> WatchedEvent {
        loop {
            let Events { watcher, watching, states, alive } = self;
            tokio::select! {
                biased;
                state = states.next(), if *alive => match state {
                    Some(state) => {
                        return WatchedEvent { kind: EventKind::None, state, path: String::new() };
                    }
                    None => *alive = false,
                },
                event = watcher.next(), if *watching => match event {
                    Ok(event) => return event,
                    Err(_) => *watching = false,
                },
                else => pending().await,
            }
        }
    }
}

impl Session {
    /// A session that is not connected yet.
    pub(super) fn new(servers: String, timeout: Duration) -> Session {
        Session { servers, timeout, open: None, print_watches: true }
    }

    /// Connects, in place of an earlier session: to other servers, if they are named. `welcome` is
    /// said to somebody who comes to stay.
    pub(super) async fn connect(
        &mut self,
        servers: Option<String>,
        welcome: Option<&str>,
    ) -> Result<(), Failure> {
        self.close().await;
        self.servers = servers.unwrap_or_else(|| self.servers.clone());
        let client = Client::start(&self.servers, self.timeout)
            .map_err(|error| Failure::Text(error.to_string()))?;
        let events = Events {
            watcher: client.watcher(),
            watching: true,
            states: client.states(),
            alive: true,
        };
        self.open = Some((client.clone(), events));
        say(&format!("Connecting to {}", self.servers));
        welcome.into_iter().for_each(say);
        let deadline = Instant::now() + PATIENCE.min(self.timeout);
        let mut told = false;
        loop {
            let soon = tokio::time::timeout(Duration::from_millis(100), client.connected());
            match soon.await {
                Ok(Ok(())) => break,
                Ok(Err(error)) => return Err(Failure::refused(error, "")),
                Err(_) => {}
            }
            let trouble = client.trouble();
            if Instant::now() >= deadline {
                self.open = None;
                let why = trouble.map_or("none answered".to_owned(), |trouble| trouble);
                let servers = &self.servers;
                return Err(Failure::Text(format!("No server of {servers} can be reached: {why}")));
            }
            if let (Some(trouble), false) = (trouble, told) {
                remark(&format!("{trouble}; trying on for a few seconds"));
                told = true;
            }
        }
        self.print_events().await;
        Ok(())
    }

    /// Closes the session, if there is one.
    pub(super) async fn close(&mut self) {
        if let Some((client, _)) = &self.open {
            let client = client.clone();
            let _ = self.answer(client.close()).await; // The session ends sooner or later.
            self.print_events().await;
        }
        self.open = None;
    }

    /// The client, if its session lives.
    pub(super) fn living(&self) -> Option<Client> {
        let (client, _) = self.open.as_ref()?;
        (!client.session_state().is_final()).then(|| client.clone())
    }

    /// The client, connected. A connection that was lost is waited for, but not for ever.
    pub(super) async fn client(&mut self) -> Result<Client, Failure> {
        let client = self.living().ok_or(Failure::NotConnected)?;
        match self.answer(tokio::time::timeout(PATIENCE, client.connected())).await {
            Ok(Ok(())) => Ok(client),
            Ok(Err(error)) => Err(Failure::refused(error, "")),
            Err(_) => Err(Failure::refused(Error::CONNECTION_LOSS, "")),
        }
    }

    /// What stands before the cursor: `[zk: localhost:2181(CONNECTED) 3] `.
    pub(super) fn prompt(&self, number: usize) -> String {
        let state = match self.open.as_ref().map(|(client, _)| client.session_state()) {
            Some(SessionState::SyncConnected) => "CONNECTED",
            Some(SessionState::Disconnected) => "CONNECTING",
            Some(SessionState::AuthFailed) => "AUTH_FAILED",
            Some(SessionState::Expired | SessionState::Closed) | None => "CLOSED",
        };
        format!("[zk: {}({state}) {number}] ", self.servers)
    }

    /// Waits for an answer, and prints the events that come before it.
    pub(super) async fn answer<T>(&mut self, answer: impl Future<Output = T>) -> T {
        let mut answer = std::pin::pin!(answer);
        loop {
            tokio::select! {
                biased;
                event = self.next_event() => self.print_event(&event),
                answer = &mut answer => {
                    self.print_events().await;
                    return answer;
                }
            }
        }
    }

    /// Does an operation, and leaves the shell's watch if the user wants one.
    pub(super) async fn ask(
        &mut self,
        operation: Operation,
        watch: bool,
    ) -> Result<Reply, Failure> {
        let client = self.client().await?;
        let path = operation.path().unwrap_or_default().to_owned();
        let completion = match &self.open {
            Some((_, events)) if watch => client.request_watched(operation, &events.watcher),
            _ => client.request(operation),
        };
        self.answer(completion).await.map_err(|error| Failure::Refused { error, path })
    }

    /// The next event, if there is a session.
    pub(super) async fn next_event(&mut self) -> WatchedEvent {
        match &mut self.open {
            Some((_, events)) => events.next().await,
            None => pending().await,
        }
    }

    /// Prints the events that are here.
    pub(super) async fn print_events(&mut self) {
        loop {
            tokio::select! {
                biased;
                event = self.next_event() => self.print_event(&event),
                () = ready(()) => return,
            }
        }
    }

    fn print_event(&self, event: &WatchedEvent) {
        if self.print_watches {
            say(&print::event(event));
        }
    }

    /// A node's Stat, if there is such a node.
    pub(super) async fn exists(&mut self, path: &str) -> Result<Option<Stat>, Failure> {
        let client = self.client().await?;
        let stat = self.answer(client.exists(path)).await;
        stat.map_err(|error| Failure::refused(error, path))
    }

    /// The names of a node's children, sorted.
    pub(super) async fn children(&mut self, path: &str) -> Result<Vec<String>, Failure> {
        let client = self.client().await?;
        let names = self.answer(client.get_children(path)).await;
        let mut names = names.map_err(|error| Failure::refused(error, path))?;
        names.sort();
        Ok(names)
    }

    /// As [`children`](Session::children); a node that is not there has none.
    pub(super) async fn children_or_none(&mut self, path: &str) -> Result<Vec<String>, Failure> {
        match self.children(path).await {
            Err(Failure::Refused { error: Error::Code(ErrorCode::NoNode), .. }) => Ok(Vec::new()),
            other => other,
        }
    }
}
