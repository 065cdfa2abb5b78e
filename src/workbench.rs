//! A server without a network and a disk: requests become transactions, and transactions a tree.
//!
//! It is what a leader does with writes, one after another: prepare, then apply. Nothing is
//! agreed on, nothing is stored, and time passes only because each request takes a second.
//!
//! Always true: preparer, tree and permissions are those of every server of the product.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use acl::Identities;
use jute::records::{ErrorCode, Txn};
use machines::Now;
use server::{Asker, Preparer, Settings, State};
use storage::Entry;
use znodes::Outcome;
use zxid::{ServerId, SessionId, Zxid};

use crate::client::Operation;

/// The timeout of all sessions, in ms.
const TIMEOUT: i32 = 30_000;

/// When the first request is made, in ms since 1970.
const BEGIN: i64 = 1_600_000_000_000;

/// The server.
pub(crate) struct Workbench {
    state: State,
    preparer: Preparer,
    settings: Settings,
    access: Identities,
    sessions: BTreeMap<u8, SessionId>,
    /// How many sessions were begun.
    begun: i64,
    /// How many requests there were.
    count: u64,
    /// Whether each transaction is applied twice.
    twice: bool,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    /// The transaction.
    pub(crate) entry: Entry,
    /// What came of it.
    pub(crate) outcome: Outcome,
}

impl Done {
    /// Its place.
    pub(crate) fn zxid(&self) -> Zxid {
        self.entry.zxid
    }

    /// What it says.
    pub(crate) fn txn(&self) -> Txn<'_> {
        let (_, txn, _) = Txn::decode_payload(&self.entry.payload).expect("we wrote it");
        txn
    }

    /// Why the request was refused, if it was.
    pub(crate) fn refusal(&self) -> Option<ErrorCode> {
        match &self.outcome {
            Outcome::Failed(code) => ErrorCode::from_code(*code),
            Outcome::Parts(parts) => parts.iter().find_map(|part| match part {
                Outcome::Failed(code) => ErrorCode::from_code(*code),
                _ => None,
            }),
            Outcome::Stat(_) | Outcome::Done => None,
        }
    }
}

impl Workbench {
    /// An empty tree, at the beginning of epoch 1.
    pub(crate) fn new(twice: bool) -> Workbench {
        let settings = Settings { extended_types: true, ..Settings::default() };
        let state = State::new(1, true);
        let now = Now { monotonic: Duration::ZERO, wall_ms: BEGIN };
        let preparer = Preparer::new(&settings, &state, Some(Zxid::new(1, 0)), now);
        let access = Identities::new(IpAddr::V4(Ipv4Addr::LOCALHOST), &settings.acl);
        let sessions = BTreeMap::new();
        Workbench { state, preparer, settings, access, sessions, begun: 0, count: 0, twice }
    }

    /// The state after all that was done.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// The same, for who saves it while it changes.
    pub(crate) fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// A client's session, if it has one.
    pub(crate) fn session(&self, client: u8) -> Option<SessionId> {
        self.sessions.get(&client).copied()
    }

    /// Begins a client's session, unless it has one.
    pub(crate) fn begin(&mut self, client: u8) -> Option<Done> {
        if self.sessions.contains_key(&client) {
            return None;
        }
        self.begun += 1;
        let session = SessionId(self.settings.id.0 << 56 | self.begun);
        self.sessions.insert(client, session);
        let now = self.now();
        let entry = self.preparer.open_session((session, 0), TIMEOUT, ServerId(1), now);
        Some(self.apply(entry.expect("an epoch is long")))
    }

    /// What becomes of a client's write. Its session was begun.
    ///
    /// # Errors
    /// The client itself would refuse to send it.
    pub(crate) fn write(&mut self, client: u8, write: &Operation) -> Result<Done, String> {
        let now = self.now();
        let request = write.request("", false).map_err(|why| why.to_string())?;
        let asker = asker(self.sessions[&client], self.count, &self.access);
        let entry = self.preparer.write(&self.state, asker, request, now);
        Ok(self.apply(entry.expect("an epoch is long")))
    }

    /// Ends a client's session.
    pub(crate) fn close(&mut self, client: u8) -> Done {
        let now = self.now();
        let asker = asker(self.sessions[&client], self.count, &self.access);
        let entry = self.preparer.close_session(&self.state, asker, now);
        self.sessions.remove(&client);
        let entry = entry.expect("an epoch is long").expect("a session is ended once");
        self.apply(entry)
    }

    fn now(&mut self) -> Now {
        self.count += 1;
        let monotonic = Duration::from_secs(self.count);
        Now { monotonic, wall_ms: BEGIN + 1000 * self.count as i64 }
    }

    fn apply(&mut self, entry: Entry) -> Done {
        let mut changes = Vec::new();
        let applied = self.state.apply(&entry, &mut changes).expect("we wrote it");
        assert!(applied.as_foretold, "the tree after {} is what its leader foretold", entry.zxid);
        let outcome = applied.outcome;
        if self.twice {
            self.state.apply(&entry, &mut changes).expect("we wrote it");
        }
        self.preparer.applied(entry.zxid);
        Done { entry, outcome }
    }
}

fn asker(session: SessionId, count: u64, access: &Identities) -> Asker<'_> {
    Asker { session, cxid: count as i32, access }
}
