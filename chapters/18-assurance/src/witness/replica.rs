//! What a server holds, compared with the model: all of it when it begins to serve, and from then on
//! whatever a transaction touched, as soon as it is applied.
//!
//! Always true: what is compared once and not touched since is still the same, so that after every
//! batch the whole of the server's state is the model's.

use std::collections::BTreeSet;

use bytes::Bytes;
use jute::records::Txn;
use server::State;
use zxid::SessionId;

use super::recovery;
use crate::model::{Model, split};

/// What is to be compared.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Everything.
    all: bool,
    paths: BTreeSet<String>,
    sessions: BTreeSet<SessionId>,
}

impl Touched {
    /// Everything is to be compared.
    pub(super) fn everything() -> Touched {
        Touched { all: true, ..Touched::default() }
    }

    /// A transaction is applied.
    pub(super) fn by(&mut self, payload: &Bytes) {
        let Ok((header, txn, _)) = Txn::decode_payload(payload) else { return };
        if matches!(txn, Txn::CreateSession(_) | Txn::CloseSession(_)) {
            self.sessions.insert(header.session);
        }
        self.part(header.session, &txn);
    }

    fn part(&mut self, session: SessionId, txn: &Txn) {
        match txn {
            Txn::Create(txn) => {
                if txn.ephemeral {
                    self.sessions.insert(session);
                }
                self.node_and_parent(&txn.path);
            }
            Txn::CreateContainer(txn) => self.node_and_parent(&txn.path),
            Txn::CreateTtl(txn) => self.node_and_parent(&txn.path),
            Txn::Delete(txn) => self.node_and_parent(&txn.path),
            Txn::SetData(txn) => drop(self.paths.insert(txn.path.to_string())),
            Txn::SetAcl(txn) => drop(self.paths.insert(txn.path.to_string())),
            Txn::CloseSession(listed) => {
                let paths = listed.iter().flat_map(|listed| &listed.paths);
                paths.for_each(|path| self.node_and_parent(path));
            }
            Txn::Multi(parts) => parts.iter().for_each(|part| self.part(session, part)),
            Txn::CreateSession(_) | Txn::Check(_) | Txn::Error(_) => {}
        }
    }

    fn node_and_parent(&mut self, path: &str) {
        self.paths.insert(split(path).0.to_string());
        self.paths.insert(path.to_string());
    }

    /// Compares what is to be compared, which then is done. Says what differs.
    pub(super) fn compare(&mut self, expected: &Model, found: &State) -> Option<String> {
        let Touched { all, paths, sessions } = std::mem::take(self);
        if all {
            return recovery::difference(expected, found);
        }
        let node = |path: &String| recovery::node_differs(path, expected.node(path), found);
        let session = |session: &SessionId| recovery::session_differs(*session, expected, found);
        paths.iter().find_map(node).or_else(|| sessions.iter().find_map(session))
    }
}
