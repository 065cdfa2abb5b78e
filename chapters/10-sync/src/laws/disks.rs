//! What a server's disk has: for sure, and perhaps.

use storage::Write;
use zxid::Zxid;

use super::law::Law;
use super::tree::Tree;

/// What matters of a disk's contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Version {
    /// The promise.
    pub(crate) accepted: u32,
    /// The epoch for which the history stands.
    pub(crate) current: u32,
    /// The end of the history.
    pub(crate) last: Zxid,
    /// Whether the server is marked as convalescent.
    pub(crate) convalescent: bool,
}

/// A disk as it was when it was forced last, and after each write since.
#[derive(Debug)]
pub(crate) struct Disk {
    versions: Vec<Version>,
    /// The snapshot that is being written is whole up to this.
    snapshot: Zxid,
    /// It failed since the process started.
    pub(crate) failed: bool,
    /// Some of its bytes were changed: it need not keep what was forced, only notice what it lost.
    pub(crate) damaged: bool,
    /// If it was damaged: where the history ended that was on it.
    pub(crate) before: Zxid,
}

impl Default for Disk {
    fn default() -> Self {
        let (versions, snapshot, before) = (vec![Version::default()], Zxid::ZERO, Zxid::ZERO);
        Disk { versions, snapshot, failed: false, damaged: false, before }
    }
}

impl Disk {
    /// What is there for sure.
    pub(crate) fn stable(&self) -> Version {
        self.versions[0]
    }

    /// What is there if no power is lost.
    pub(crate) fn now(&self) -> Version {
        *self.versions.last().expect("a disk has a content")
    }

    /// A write is carried out.
    pub(crate) fn write(&mut self, write: &Write) -> Result<(), (Law, String)> {
        let before = self.now();
        let mut now = before;
        match write {
            Write::Append(entry) => now.last = entry.zxid,
            Write::Truncate(to) => now.last = now.last.min(*to),
            Write::AcceptedEpoch(epoch) => now.accepted = *epoch,
            Write::CurrentEpoch(epoch) => now.current = *epoch,
            Write::BeginSnapshot { zxid } => self.snapshot = *zxid,
            Write::InstallSnapshot { .. } => now.last = self.snapshot,
            Write::Convalesced => now.convalescent = false,
            Write::Roll
            | Write::SnapshotBytes(_)
            | Write::EndSnapshot { .. }
            | Write::AbandonSnapshot
            | Write::Purge { .. } => {}
        }
        self.versions.push(now);
        let rises = now.accepted >= before.accepted && now.current >= before.current;
        if rises && now.current <= now.accepted {
            return Ok(());
        }
        Err((Law::D1, format!("its epochs go from {before:?} to {now:?}")))
    }

    /// Some of its bytes are changed.
    pub(crate) fn damage(&mut self) {
        self.damaged = true;
    }

    /// Everything is forced. Whoever has convalesced has nothing of before on its disk.
    pub(crate) fn forced(&mut self) {
        if self.stable().convalescent && !self.now().convalescent {
            self.damaged = false;
        }
        self.versions = vec![self.now()];
    }

    /// A process starts again and finds this.
    pub(crate) fn recovered(&mut self, found: Version, tree: &Tree) -> Result<(), (Law, String)> {
        let versions = std::mem::replace(&mut self.versions, vec![found]);
        self.failed = false;
        let before = versions[0];
        if found.convalescent && self.damaged {
            self.before = if before.convalescent { self.before } else { before.last };
            return Ok(());
        }
        // The mark comes with damage only, and goes when all that it waits for is there.
        let sound = versions.iter().find(|version| !version.convalescent);
        let whole = sound.is_some_and(|version| tree.is_prefix(version.last, found.last));
        let fits = match (before.convalescent, found.convalescent) {
            (false, true) => false,
            (true, false) => whole,
            (false, false) | (true, true) => true,
        };
        if !fits {
            return Err((Law::D8, format!("it comes back with {found:?} of {versions:?}")));
        }
        let least = versions.iter().map(|version| version.last).min().unwrap_or_default();
        let known = versions.iter().any(|version| tree.is_prefix(found.last, version.last));
        if found.last < least || !known {
            return Err((Law::D8, format!("it comes back with {found:?} of {versions:?}")));
        }
        // What is there from an epoch tells that its beginning is.
        let fits = |version: &Version| {
            let current = version.current.max(found.last.epoch());
            version.accepted == found.accepted && current == found.current
        };
        if !versions.iter().any(fits) {
            return Err((Law::D10, format!("it comes back with {found:?} of {versions:?}")));
        }
        Ok(())
    }
}
