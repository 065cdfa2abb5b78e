//! The tree of all transactions that were ever logged anywhere.

use std::collections::BTreeMap;

use storage::Entry;
use zxid::Zxid;

use super::law::Law;

/// Every transaction, with the one before it and a number for its payload.
#[derive(Debug, Default)]
pub(crate) struct Tree(BTreeMap<Zxid, (Zxid, u64)>);

/// A number for a payload: FNV-1a.
pub(crate) fn number(payload: &[u8]) -> u64 {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    payload.iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

impl Tree {
    /// An entry is in some log, right after another.
    pub(crate) fn add(&mut self, after: Zxid, entry: &Entry) -> Result<(), (Law, String)> {
        let number = number(&entry.payload);
        let (parent, known) = *self.0.entry(entry.zxid).or_insert((after, number));
        if known != number {
            return Err((Law::Z16, format!("{} is two transactions", entry.zxid)));
        }
        if parent != after {
            let what = format!("{} is logged after {after}, elsewhere after {parent}", entry.zxid);
            return Err((Law::Z10, what));
        }
        Ok(())
    }

    /// The payload of a transaction.
    pub(crate) fn number(&self, zxid: Zxid) -> Option<u64> {
        Some(self.0.get(&zxid)?.1)
    }

    /// The transaction before this one.
    pub(crate) fn parent(&self, zxid: Zxid) -> Option<Zxid> {
        Some(self.0.get(&zxid)?.0)
    }

    /// Whether the history that ends at `short` is the beginning of the one that ends at `long`.
    pub(crate) fn is_prefix(&self, short: Zxid, long: Zxid) -> bool {
        self.up_from(long).take_while(|zxid| *zxid >= short).any(|zxid| zxid == short)
    }

    /// Where two histories part.
    pub(crate) fn meet(&self, one: Zxid, other: Zxid) -> Zxid {
        let (mut one, mut other) = (one, other);
        while one != other {
            let later = if one > other { &mut one } else { &mut other };
            *later = self.parent(*later).unwrap_or(Zxid::ZERO);
        }
        one
    }

    /// The last transaction of a history that is of an earlier epoch.
    pub(crate) fn before_epoch(&self, last: Zxid, epoch: u32) -> Zxid {
        self.up_from(last).find(|zxid| zxid.epoch() < epoch).unwrap_or_default()
    }

    /// Every transaction up to one, the oldest first.
    pub(crate) fn history(&self, last: Zxid) -> Vec<(Zxid, u64)> {
        let known = |zxid: Zxid| Some((zxid, self.number(zxid)?));
        let mut history: Vec<_> = self.up_from(last).map_while(known).collect();
        history.reverse();
        history
    }

    /// A transaction and all before it, the newest first, down to zero.
    fn up_from(&self, zxid: Zxid) -> impl Iterator<Item = Zxid> {
        std::iter::successors(Some(zxid), |zxid| {
            (*zxid > Zxid::ZERO).then(|| self.parent(*zxid).unwrap_or(Zxid::ZERO))
        })
    }
}
