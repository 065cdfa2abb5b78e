//! Notes: what happened within a step.
//!
//! While millions of steps are tried, only names are counted: that something happened at all.
//! When the way to one state is told afterwards, each line of it is kept as well.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use machines::{Kind, Line, NodeId};

/// What happened within a step, or within many.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    seen: BTreeMap<&'static str, u64>,
    account: Option<Account>,
}

/// Lines, and the numbers of the messages that are on their way.
#[derive(Clone, Debug, Default)]
struct Account {
    lines: Vec<Line>,
    numbers: u64,
    under_way: BTreeMap<(NodeId, NodeId), VecDeque<u64>>,
}

impl Notes {
    /// Notes that keep every line.
    pub(crate) fn in_full() -> Notes {
        Notes { seen: BTreeMap::new(), account: Some(Account::default()) }
    }

    /// Something happened that an exploration must have met.
    pub fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// Something happened at a node; the text is only made if it is wanted.
    pub fn happened(&mut self, node: NodeId, kind: Kind, text: impl FnOnce() -> String) {
        if let Some(account) = &mut self.account {
            account.push(node, kind, None, None, text());
        }
    }

    /// A message goes on its way.
    pub fn sent(&mut self, from: NodeId, to: NodeId, text: impl FnOnce() -> String) {
        if let Some(account) = &mut self.account {
            account.numbers += 1;
            let number = account.numbers;
            account.under_way.entry((from, to)).or_default().push_back(number);
            account.push(from, Kind::Sent, Some(to), Some(number), text());
        }
    }

    /// The oldest message that is on its way from one node to another arrives.
    pub fn received(&mut self, from: NodeId, to: NodeId, text: impl FnOnce() -> String) {
        if let Some(account) = &mut self.account {
            let number = account.under_way.entry((from, to)).or_default().pop_front();
            account.push(to, Kind::Received, Some(from), number, text());
        }
    }

    /// Nothing of what is on its way from one node to another arrives.
    pub fn lost(&mut self, from: NodeId, to: NodeId) {
        if let Some(account) = &mut self.account {
            account.under_way.remove(&(from, to));
        }
    }

    /// How often each thing happened that an exploration must have met.
    pub fn seen(&self) -> &BTreeMap<&'static str, u64> {
        &self.seen
    }

    /// The lines that were kept since they were last asked for.
    pub(crate) fn take_lines(&mut self) -> Vec<Line> {
        self.account.as_mut().map(|account| std::mem::take(&mut account.lines)).unwrap_or_default()
    }

    /// Adds the counts of other notes.
    pub(crate) fn add(&mut self, other: &Notes) {
        for (what, count) in &other.seen {
            *self.seen.entry(what).or_default() += count;
        }
    }
}

impl Account {
    fn push(
        &mut self,
        node: NodeId,
        kind: Kind,
        peer: Option<NodeId>,
        number: Option<u64>,
        text: String,
    ) {
        self.lines.push(Line { time: Duration::ZERO, node, kind, peer, number, text });
    }
}
