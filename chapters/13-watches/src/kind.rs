//! The kinds of watches, as they are set and as they are removed.
//!
//! ZooKeeper keeps two tables, one of data watches and one of child watches, and a persistent watch
//! is in both. Here one table has all kinds of a watcher on a path in one byte; what ZooKeeper says
//! of its two tables is said of [`Kinds::IN_DATA`] and [`Kinds::IN_CHILD`].
//!
//! Book: chapter 13. ZooKeeper: `WatchManager`, `AddWatchMode`, `Watcher.WatcherType`.

use std::ops::BitOr;

/// What a watch hears of, and whether it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum WatchKind {
    /// The next change of the node itself. Left by `getData` and `exists`.
    Data = 1,
    /// The next change of the list of children, or the node's end. Left by `getChildren`.
    Child = 2,
    /// Every change of the node and of its list of children.
    Persistent = 4,
    /// Every change of the node and of all nodes below; never of a list of children.
    Recursive = 8,
}

impl WatchKind {
    /// The kind that `addWatch` adds in a mode: 0 persistent, 1 recursive; `None` for others.
    pub fn from_mode(mode: i32) -> Option<WatchKind> {
        match mode {
            0 => Some(WatchKind::Persistent),
            1 => Some(WatchKind::Recursive),
            _ => None,
        }
    }
}

/// A set of kinds: the watches of one watcher on one path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kinds(u8);

impl Kinds {
    /// No watch.
    pub const NONE: Kinds = Kinds(0);
    /// Those that ZooKeeper has in its table of data watches.
    pub const IN_DATA: Kinds = Kinds(1 | 4 | 8);
    /// Those that ZooKeeper has in its table of child watches.
    pub const IN_CHILD: Kinds = Kinds(2 | 4);
    /// All of them.
    pub const ALL: Kinds = Kinds(15);

    /// Whether some kind is in both sets.
    pub fn meets(self, other: Kinds) -> bool {
        self.0 & other.0 != 0
    }

    /// This set without the kinds of another.
    pub fn without(self, other: Kinds) -> Kinds {
        Kinds(self.0 & !other.0)
    }
}

impl From<WatchKind> for Kinds {
    fn from(kind: WatchKind) -> Kinds {
        Kinds(kind as u8)
    }
}

impl BitOr for Kinds {
    type Output = Kinds;
    fn bitor(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }
}

/// Which watches `removeWatches` removes, and `checkWatches` looks for. The numbers are on the
/// wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum Removal {
    /// The one-shot watch of the children.
    Children = 1,
    /// The one-shot watch of the data.
    Data = 2,
    /// All of them.
    Any = 3,
    /// The persistent one.
    Persistent = 4,
    /// The recursive one.
    Recursive = 5,
}

impl Removal {
    /// The removal of a number; `None` if it has no meaning.
    pub fn from_code(code: i32) -> Option<Removal> {
        use Removal::*;
        [Children, Data, Any, Persistent, Recursive].into_iter().find(|kind| *kind as i32 == code)
    }

    /// The kinds that are meant.
    pub fn kinds(self) -> Kinds {
        match self {
            Removal::Children => WatchKind::Child.into(),
            Removal::Data => WatchKind::Data.into(),
            Removal::Any => Kinds::ALL,
            Removal::Persistent => WatchKind::Persistent.into(),
            Removal::Recursive => WatchKind::Recursive.into(),
        }
    }
}
