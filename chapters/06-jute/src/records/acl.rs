//! Who may do what: permissions, identities, and the two together.

use std::fmt;
use std::ops::{BitAnd, BitOr};

use serde::{Deserialize, Deserializer, Serialize};

/// A set of permissions, one bit each. Bits without a meaning are kept as they came.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Perms(pub i32);

impl Perms {
    /// See the data and the children.
    pub const READ: Perms = Perms(1);
    /// Change the data.
    pub const WRITE: Perms = Perms(2);
    /// Add children.
    pub const CREATE: Perms = Perms(4);
    /// Remove children.
    pub const DELETE: Perms = Perms(8);
    /// Change the ACL.
    pub const ADMIN: Perms = Perms(16);
    /// All of them.
    pub const ALL: Perms = Perms(31);

    /// Whether any permission is in both sets.
    pub fn meets(self, other: Perms) -> bool {
        self & other != Perms(0)
    }
}

impl BitOr for Perms {
    type Output = Perms;
    fn bitor(self, other: Perms) -> Perms {
        Perms(self.0 | other.0)
    }
}

impl BitAnd for Perms {
    type Output = Perms;
    fn bitand(self, other: Perms) -> Perms {
        Perms(self.0 & other.0)
    }
}

impl fmt::Display for Perms {
    /// As zkCli writes them: a letter each, in the order c, d, r, w, a.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (perm, letter) in [
            (Perms::CREATE, 'c'),
            (Perms::DELETE, 'd'),
            (Perms::READ, 'r'),
            (Perms::WRITE, 'w'),
            (Perms::ADMIN, 'a'),
        ] {
            if self.meets(perm) {
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}

/// Somebody, in the terms of one scheme: `world:anyone`, `digest:bob:ikIa...`, `ip:10.0.0.0/8`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Id {
    /// The scheme, which says how `id` is to be understood. Empty if it came as null.
    pub scheme: String,
    /// The identity within the scheme.
    pub id: String,
}

impl Id {
    /// An identity.
    pub fn new(scheme: impl Into<String>, id: impl Into<String>) -> Id {
        Id { scheme: scheme.into(), id: id.into() }
    }

    /// `world:anyone`.
    pub fn anyone() -> Id {
        Id::new("world", "anyone")
    }
}

impl<'de> Deserialize<'de> for Id {
    /// A null scheme reads as "", which no rule accepts; a null id is an error, except with the
    /// scheme `auth`, where the id says nothing. ZooKeeper: `PrepRequestProcessor.fixupACL`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename = "Id")]
        struct Nullable {
            scheme: Option<String>,
            id: Option<String>,
        }
        let Nullable { scheme, id } = Nullable::deserialize(deserializer)?;
        let scheme = scheme.unwrap_or_default();
        match id {
            Some(id) => Ok(Id { scheme, id }),
            None if scheme.is_empty() || scheme == "auth" => Ok(Id { scheme, id: String::new() }),
            None => Err(serde::de::Error::custom("the id of an ACL entry is null")),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme, self.id)
    }
}

/// One entry of an access control list: what somebody may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Acl {
    /// What.
    pub perms: Perms,
    /// Who.
    pub id: Id,
}

impl Acl {
    /// An entry.
    pub fn new(perms: Perms, scheme: impl Into<String>, id: impl Into<String>) -> Acl {
        Acl { perms, id: Id::new(scheme, id) }
    }

    /// The list that lets everybody do everything. ZooKeeper: `ZooDefs.Ids.OPEN_ACL_UNSAFE`.
    pub fn open() -> Vec<Acl> {
        vec![Acl { perms: Perms::ALL, id: Id::anyone() }]
    }
}

impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id, self.perms)
    }
}
