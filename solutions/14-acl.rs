//! Permissions: may this connection do that to this node?
//!
//! Each node has a list of its own; nothing is inherited. An entry says what somebody may do, and
//! somebody is named in the terms of a scheme: everyone, a user with a password, an address. A
//! connection collects identities: its address at once, users as it presents their passwords. They
//! belong to the connection and not to the session, so a client presents them again after it has
//! reconnected.
//!
//! Always true:
//! - one entry that matches is enough, and their order does not matter;
//! - to create or delete a node is to change its parent, so the parent's list decides;
//! - no password is kept, and no digest is shown to somebody who could not change the list.
//!
//! Book: chapter 14. ZooKeeper: `ZooKeeperServer.checkACL`, `PrepRequestProcessor.fixupACL`,
//! `DigestAuthenticationProvider`, `IPAuthenticationProvider`.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use acl::{AuthFailed, Block, NodeRef, Settings, address_of, host_address};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jute::records::{Acl, ClientInfo, ErrorCode, Id, OpCode, Perms};
use sha1::{Digest, Sha1};
use znodes::Access;

/// Who a connection is: everything that it has proved to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identities {
    ids: Vec<Id>,
    settings: Arc<Settings>,
}

impl Identities {
    /// How many identities a connection may collect. Unlike ZooKeeper, which has no limit.
    pub const LIMIT: usize = 100;

    /// How many entries a list may have. Unlike ZooKeeper, which lets a short list with the scheme
    /// `auth` grow with the number of identities.
    pub const ENTRIES: usize = 10_000;

    /// A connection from an address that has not yet presented anything.
    pub fn new(address: IpAddr, settings: &Arc<Settings>) -> Identities {
        Identities::forwarded(vec![Id::new("ip", host_address(address))], settings)
    }

    /// A connection at another server, which has found out who it is. That server is believed.
    pub fn forwarded(ids: Vec<Id>, settings: &Arc<Settings>) -> Identities {
        Identities { ids, settings: Arc::clone(settings) }
    }

    /// The identities, in the order in which they were proved.
    pub fn ids(&self) -> &[Id] {
        &self.ids
    }

    /// Takes what a connection presents to prove who it is.
    ///
    /// # Errors
    ///
    /// The scheme is none that can be proved this way, or nothing is presented, or the connection
    /// has as many identities as it may have.
    pub fn authenticate(&mut self, scheme: &str, proof: Option<&[u8]>) -> Result<(), AuthFailed> {
        match scheme {
            // The address is known since the connection began.
            "ip" => Ok(()),
            "digest" if self.settings.digest => {
                let id = digest(&String::from_utf8_lossy(proof.ok_or(AuthFailed)?));
                if self.settings.super_digest.as_ref() == Some(&id) {
                    self.add(Id::new("super", ""))?;
                }
                self.add(Id::new("digest", id))
            }
            _ => Err(AuthFailed),
        }
    }

    /// The identities without their secrets: what whoAmI answers.
    pub fn who_am_i(&self) -> Vec<ClientInfo> {
        let user = |id: &Id| match id.scheme.as_str() {
            "digest" => before_colon(&id.id).to_string(),
            "ip" => id.id.clone(),
            _ => String::new(),
        };
        self.ids.iter().map(|id| ClientInfo { scheme: id.scheme.clone(), user: user(id) }).collect()
    }

    fn add(&mut self, id: Id) -> Result<(), AuthFailed> {
        if self.ids.contains(&id) {
            return Ok(());
        }
        if self.ids.len() >= Self::LIMIT {
            return Err(AuthFailed);
        }
        self.ids.push(id);
        Ok(())
    }

    /// Whether somebody that an entry names is this connection.
    fn is(&self, named: &Id) -> bool {
        let mut held = self.ids.iter().filter(|held| held.scheme == named.scheme);
        match named.scheme.as_str() {
            "world" => named.id == "anyone",
            "digest" => self.settings.digest && held.any(|held| held.id == named.id),
            "ip" => Block::parse(&named.id).is_some_and(|block| {
                held.filter_map(|held| address_of(&held.id)).any(|address| block.contains(address))
            }),
            _ => false,
        }
    }

    /// Whether somebody may be named in a list.
    fn may_be_named(&self, named: &Id) -> bool {
        match named.scheme.as_str() {
            "world" => named.id == "anyone",
            "digest" => self.settings.digest && is_digest(&named.id),
            "ip" => Block::parse(&named.id).is_some(),
            _ => false,
        }
    }
}

impl Access for Identities {
    /// ZooKeeper: `ZooKeeperServer.checkACL`.
    fn allows(&self, acl: &[Acl], perms: Perms) -> bool {
        // Exercise 14.1: does the list let them?
        self.settings.skip_acl
            || acl.is_empty()
            || acl.iter().any(|entry| entry.perms.meets(perms) && self.is(&entry.id))
            || self.ids.iter().any(|held| held.scheme == "super")
        // End of 14.1.
    }

    /// Entries that are there already are dropped, and the scheme `auth` is replaced by whoever the
    /// connection has proved to be. The permissions are not looked at. ZooKeeper:
    /// `PrepRequestProcessor.fixupACL`.
    fn resolve(&self, acl: Vec<Acl>) -> Result<Vec<Acl>, ErrorCode> {
        let mut seen = BTreeSet::new();
        let mut resolved = Vec::new();
        for entry in &acl {
            if !seen.insert(entry) {
                continue;
            }
            let before = resolved.len();
            if entry.id.scheme == "auth" {
                // An address proves nobody to be somebody, and `super` may not be named.
                let mine =
                    self.ids.iter().filter(|id| id.scheme == "digest" && self.settings.digest);
                resolved.extend(mine.map(|id| Acl { perms: entry.perms, id: id.clone() }));
            } else if self.may_be_named(&entry.id) {
                resolved.push(entry.clone());
            }
            if resolved.len() == before || resolved.len() > Self::ENTRIES {
                return Err(ErrorCode::InvalidAcl);
            }
        }
        if resolved.is_empty() { Err(ErrorCode::InvalidAcl) } else { Ok(resolved) }
    }
}

/// What an operation needs, and on which node; any one of several permissions will do. `None` if it
/// needs nothing. A multi needs what its parts need.
pub fn required(op: OpCode) -> Option<(NodeRef, Perms)> {
    // Exercise 14.1: which permission, and on which node?
    match op {
        OpCode::Create | OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => {
            Some((NodeRef::Parent, Perms::CREATE))
        }
        OpCode::Delete => Some((NodeRef::Parent, Perms::DELETE)),
        // Of a reconfig, the node is the one that shows the configuration.
        OpCode::SetData | OpCode::Reconfig => Some((NodeRef::Node, Perms::WRITE)),
        OpCode::SetAcl => Some((NodeRef::Node, Perms::ADMIN)),
        OpCode::GetAcl => Some((NodeRef::Node, Perms::READ | Perms::ADMIN)),
        // As ZooKeeper since 3.8.4 and 3.9.2; exists told everybody before.
        OpCode::Exists
        | OpCode::GetData
        | OpCode::GetChildren
        | OpCode::GetChildren2
        | OpCode::GetAllChildrenNumber
        | OpCode::Check => Some((NodeRef::Node, Perms::READ)),
        OpCode::Sync
        | OpCode::Ping
        | OpCode::Multi
        | OpCode::MultiRead
        | OpCode::CheckWatches
        | OpCode::RemoveWatches
        | OpCode::AddWatch
        | OpCode::SetWatches
        | OpCode::SetWatches2
        | OpCode::Auth
        | OpCode::Sasl
        | OpCode::GetEphemerals
        | OpCode::WhoAmI
        | OpCode::DeleteContainer
        | OpCode::CreateSession
        | OpCode::CloseSession
        | OpCode::Error => None,
    }
    // End of 14.1.
}

/// The identity in the scheme `digest` of whoever presents `user:password`: the user, and a hash of
/// the user and the password together.
pub fn digest(proof: &str) -> String {
    // Exercise 14.2: the user, and the hash
    format!("{}:{}", before_colon(proof), STANDARD.encode(Sha1::digest(proof)))
    // End of 14.2.
}

/// The list of a node as `reader` may see it: who could not change it is not shown the digests,
/// from which passwords may be guessed.
pub fn mask(acl: &[Acl], reader: &dyn Access) -> Vec<Acl> {
    // Exercise 14.3: what may this reader see?
    let mut acl = acl.to_vec();
    if !reader.allows(&acl, Perms::ADMIN) {
        for Acl { id: Id { scheme, id }, .. } in &mut acl {
            if let (true, Some(colon)) = (scheme == "digest", id.find(':')) {
                id.replace_range(colon + 1.., "x");
            }
        }
    }
    acl
    // End of 14.3.
}

/// Whether this is a user, a colon, and something without a colon; colons at the end do not count,
/// as Java's `split` does not count empty parts there.
fn is_digest(id: &str) -> bool {
    id.trim_end_matches(':').split(':').count() == 2
}

fn before_colon(text: &str) -> &str {
    text.split(':').next().unwrap_or_default()
}
