//! Who is in the ensemble, and which servers together are a quorum.
//!
//! Any two quorums share a server: that is all that elections and commits ask of them. More than
//! half of the voters is the usual way. The other way puts voters into groups with weights: then
//! more than half of the groups must each be there with more than half of their weight.
//!
//! Always true:
//! - two quorums of the same members have a server in common;
//! - observers, and voters of weight 0, change nothing about what is a quorum.
//!
//! Book: chapter 8. ZooKeeper: `QuorumMaj`, `QuorumHierarchical`.

use std::collections::{BTreeMap, BTreeSet};

use zxid::ServerId;

/// A voter's place among groups: `group.N` and `weight.N` of `zoo.cfg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Share {
    /// The group that the voter belongs to.
    pub group: i64,
    /// How much its vote weighs within the group. A server of weight 0 never leads.
    pub weight: u32,
}

/// The members of an ensemble.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Members {
    voters: BTreeMap<ServerId, Share>,
    observers: BTreeSet<ServerId>,
    /// Whether groups count, rather than heads.
    grouped: bool,
}

impl Members {
    /// Members of which more than half are a quorum.
    pub fn majority(voters: impl IntoIterator<Item = ServerId>) -> Members {
        let equal = Share { group: 0, weight: 1 };
        let voters = voters.into_iter().map(|voter| (voter, equal)).collect();
        Members { voters, observers: BTreeSet::new(), grouped: false }
    }

    /// Members in groups.
    pub fn grouped(voters: impl IntoIterator<Item = (ServerId, Share)>) -> Members {
        let voters = voters.into_iter().collect();
        Members { voters, observers: BTreeSet::new(), grouped: true }
    }

    /// The same members, and these servers that have no vote.
    pub fn with_observers(mut self, observers: impl IntoIterator<Item = ServerId>) -> Members {
        self.observers.extend(observers);
        self
    }

    /// The voters, in order.
    pub fn voters(&self) -> impl Iterator<Item = ServerId> {
        self.voters.keys().copied()
    }

    /// The servers without a vote, in order.
    pub fn observers(&self) -> impl Iterator<Item = ServerId> {
        self.observers.iter().copied()
    }

    /// Whether a server has a vote.
    pub fn is_voter(&self, server: ServerId) -> bool {
        self.voters.contains_key(&server)
    }

    /// Whether a server belongs to the ensemble.
    pub fn contains(&self, server: ServerId) -> bool {
        self.is_voter(server) || self.observers.contains(&server)
    }

    /// How much a server's vote weighs; 0 if it has none.
    pub fn weight(&self, server: ServerId) -> u32 {
        self.voters.get(&server).map_or(0, |share| share.weight)
    }

    /// Whether these servers are a quorum.
    pub fn is_quorum(&self, servers: &BTreeSet<ServerId>) -> bool {
        if !self.grouped {
            let present = self.voters().filter(|voter| servers.contains(voter)).count();
            return present > self.voters.len() / 2;
        }
        // Of each group: the weight that is there, and all of it.
        let mut groups: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
        for (voter, share) in &self.voters {
            let (present, all) = groups.entry(share.group).or_default();
            *all += u64::from(share.weight);
            *present += if servers.contains(voter) { u64::from(share.weight) } else { 0 };
        }
        groups.retain(|_, (_, all)| *all > 0);
        let won = groups.values().filter(|(present, all)| *present > all / 2).count();
        won > groups.len() / 2
    }
}
