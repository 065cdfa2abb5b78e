//! What can be asked of a server, as numbers on the wire.

use std::fmt;

macro_rules! op_codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// The type of a request, and of a transaction. ZooKeeper: `ZooDefs.OpCode`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i32)]
        pub enum OpCode { $($(#[$doc])* $name = $number,)* }

        impl OpCode {
            /// The operation of a number.
            pub fn from_code(code: i32) -> Option<OpCode> {
                match code { $($number => Some(OpCode::$name),)* _ => None }
            }
        }
    };
}

op_codes! {
    /// Create a node; the answer is its path.
    Create = 1,
    /// Delete a node.
    Delete = 2,
    /// Ask for a node's Stat.
    Exists = 3,
    /// Ask for a node's data and Stat.
    GetData = 4,
    /// Replace a node's data.
    SetData = 5,
    /// Ask for a node's ACL.
    GetAcl = 6,
    /// Replace a node's ACL.
    SetAcl = 7,
    /// Ask for the names of a node's children.
    GetChildren = 8,
    /// Wait until this server has caught up with the leader.
    Sync = 9,
    /// Say that the session is alive.
    Ping = 11,
    /// As `GetChildren`, with the node's Stat.
    GetChildren2 = 12,
    /// Fail unless a node has the given version; only inside a multi.
    Check = 13,
    /// Several writes, all or none.
    Multi = 14,
    /// As `Create`; the answer has the Stat too.
    Create2 = 15,
    /// Change the members of the ensemble.
    Reconfig = 16,
    /// Ask whether a watch is set.
    CheckWatches = 17,
    /// Remove watches.
    RemoveWatches = 18,
    /// Create a container node.
    CreateContainer = 19,
    /// Remove an empty container or an expired TTL node; made by servers only.
    DeleteContainer = 20,
    /// Create a node with a time to live.
    CreateTtl = 21,
    /// Several reads at once.
    MultiRead = 22,
    /// Present credentials.
    Auth = 100,
    /// Set the watches of an earlier connection again.
    SetWatches = 101,
    /// Exchange a SASL token.
    Sasl = 102,
    /// Ask for the session's ephemeral nodes.
    GetEphemerals = 103,
    /// Ask how many nodes are below a node.
    GetAllChildrenNumber = 104,
    /// As `SetWatches`, with persistent ones.
    SetWatches2 = 105,
    /// Add a persistent watch.
    AddWatch = 106,
    /// Ask as whom the server knows this connection.
    WhoAmI = 107,
    /// A failed transaction, or a failed part of a multi.
    Error = -1,
    /// Begin a session; made by servers only.
    CreateSession = -10,
    /// End the session.
    CloseSession = -11,
}

impl OpCode {
    /// The number on the wire.
    pub fn code(self) -> i32 {
        self as i32
    }
}

impl fmt::Display for OpCode {
    /// As ZooKeeper writes it: `getChildren2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{self:?}");
        match self {
            OpCode::GetAcl => write!(f, "getACL"),
            OpCode::SetAcl => write!(f, "setACL"),
            OpCode::CreateTtl => write!(f, "createTTL"),
            _ => write!(f, "{}{}", name[..1].to_ascii_lowercase(), &name[1..]),
        }
    }
}
