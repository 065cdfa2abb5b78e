//! The kinds of nodes, and how a kind is stored in one number.
//!
//! ZooKeeper: `EphemeralType`.

use zxid::SessionId;

/// The longest time to live, in ms: 40 bits.
pub const MAX_TTL: i64 = (1 << 40) - 1;

const CONTAINER: i64 = i64::MIN;
const TTL: i64 = 0xff << 56;

/// What becomes of a node when nobody looks after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It stays.
    Persistent,
    /// It goes with its session.
    Ephemeral(SessionId),
    /// It goes once it has had children and has none.
    Container,
    /// It goes when it has no children and its data was not changed for so many ms.
    Ttl(i64),
}

impl Kind {
    /// The kind that a stored owner stands for. Without extended types a TTL node counts as an
    /// ephemeral one of a session that cannot exist.
    pub fn of(owner: i64, extended_types: bool) -> Kind {
        match owner {
            0 => Kind::Persistent,
            CONTAINER => Kind::Container,
            owner if extended_types && owner & TTL == TTL => Kind::Ttl(owner & MAX_TTL),
            owner => Kind::Ephemeral(SessionId(owner)),
        }
    }

    /// The number that is stored.
    pub fn owner(self) -> i64 {
        match self {
            Kind::Persistent => 0,
            Kind::Ephemeral(session) => session.0,
            Kind::Container => CONTAINER,
            Kind::Ttl(ms) => TTL | ms,
        }
    }
}
