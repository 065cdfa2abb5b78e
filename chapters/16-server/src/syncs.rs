//! Clients that want to see everything that was committed before they asked, at a leader.
//!
//! Two things must be so before one is answered. What was proposed before it came is applied. And a
//! quorum has said, after it came, that it still follows: else there might be another leader by now,
//! with newer transactions. A transaction that was proposed later and is committed says the same.
//!
//! Always true:
//! - those of one server are answered in the order in which they came;
//! - each is answered once.
//!
//! Unlike ZooKeeper, whose leader does not ask whether it still is one.
//!
//! ZooKeeper: `Leader.processSync`.

use std::collections::VecDeque;

use zxid::Zxid;

/// Those who wait, in order, and what to do for each.
#[derive(Debug)]
pub struct Syncs<T> {
    waiting: VecDeque<Wait<T>>,
}

#[derive(Debug)]
struct Wait<T> {
    /// The last transaction that was proposed before.
    upto: Zxid,
    /// The question whether a quorum still follows.
    question: u64,
    whom: T,
}

impl<T> Default for Syncs<T> {
    fn default() -> Syncs<T> {
        Syncs { waiting: VecDeque::new() }
    }
}

impl<T> Syncs<T> {
    /// One more, after `upto` was proposed, and after `question` was asked.
    pub fn add(&mut self, upto: Zxid, question: u64, whom: T) {
        self.waiting.push_back(Wait { upto, question, whom });
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes the first, if everything up to `applied` is applied and question `confirmed` answered.
    pub fn next(&mut self, applied: Zxid, confirmed: u64) -> Option<T> {
        let ready = |wait: &mut Wait<T>| wait.upto <= applied && wait.question <= confirmed;
        self.waiting.pop_front_if(ready).map(|wait| wait.whom)
    }

    /// Takes the first of those that are `theirs`, if `committed` was proposed after it came.
    pub fn next_before(&mut self, committed: Zxid, theirs: impl Fn(&T) -> bool) -> Option<T> {
        let first = self.waiting.iter().position(|wait| theirs(&wait.whom))?;
        let ready = self.waiting[first].upto < committed;
        if ready { self.waiting.remove(first).map(|wait| wait.whom) } else { None }
    }
}
