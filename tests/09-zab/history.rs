//! The history in memory, against a plain list of all that ever was.

use bytes::Bytes;
use election::LogEnd;
use machines::Dice;
use storage::Entry;
use zab::{History, Recovered};
use zxid::Zxid;

/// A transaction with so many bytes.
fn entry(zxid: Zxid, bytes: usize) -> Entry {
    Entry { zxid, payload: Bytes::from(vec![7; bytes]) }
}

/// Epoch 1, counters 3 to 5, after a snapshot of 1.2.
fn recovered() -> Recovered {
    let tail = (3..=5).map(|counter| entry(Zxid::new(1, counter), 10)).collect();
    Recovered { accepted: 2, current: 1, applied: Zxid::new(1, 2), tail, ..Recovered::default() }
}

fn zxids<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<Zxid> {
    entries.into_iter().map(|entry| entry.zxid).collect()
}

#[test]
fn what_was_on_disk_is_pending_until_a_leader_says_that_it_is_committed() {
    let mut history = History::new(recovered());
    let end = LogEnd { current_epoch: 1, last: Zxid::new(1, 5) };
    assert_eq!((history.log_end(), recovered().log_end()), (end, end));
    assert_eq!((history.from(), history.committed()), (Zxid::new(1, 2), Zxid::new(1, 2)));
    assert_eq!((history.pending().count(), history.window().count()), (3, 0));
    assert_eq!(zxids(&history.commit(Zxid::new(1, 4))), [Zxid::new(1, 3), Zxid::new(1, 4)]);
    assert_eq!(history.commit(Zxid::new(1, 4)), [], "each is given once");
    // A new leader's epoch begins: all that it has is committed.
    assert_eq!(zxids(&history.commit(Zxid::new(2, 0))), [Zxid::new(1, 5)]);
    assert_eq!(history.committed(), Zxid::new(2, 0));
    assert_eq!(history.last(), Zxid::new(1, 5));
}

#[test]
fn epochs_only_rise() {
    let mut history = History::new(recovered());
    history.promise(2);
    history.promise(3);
    history.begin_epoch(3);
    assert_eq!((history.accepted(), history.current()), (3, 3));
}

#[test]
#[should_panic(expected = "no hole in a history: 1.7 after 1.5")]
fn a_history_has_no_hole() {
    History::new(recovered()).append(entry(Zxid::new(1, 7), 0));
}

#[test]
#[should_panic(expected = "1.3 is below 1.4, which is committed")]
fn what_is_committed_is_never_cut_off() {
    let mut history = History::new(recovered());
    history.commit(Zxid::new(1, 4));
    history.truncate(Zxid::new(1, 3));
}

#[test]
#[should_panic(expected = "epoch 1 after a promise of 2")]
fn a_promise_is_never_taken_back() {
    History::new(recovered()).promise(1);
}

/// All entries from the beginning, and where three borders run between them.
struct Plain {
    all: Vec<Entry>,
    /// How many of them are not in memory any more, and how many are committed.
    gone: usize,
    settled: usize,
    /// The transaction before the first.
    first: Zxid,
    committed: Zxid,
}

impl Plain {
    fn last(&self) -> Zxid {
        self.all.last().map_or(self.first, |entry| entry.zxid)
    }

    fn from(&self) -> Zxid {
        self.gone.checked_sub(1).map_or(self.first, |last| self.all[last].zxid)
    }

    fn agrees(&self, history: &History, dice: &mut Dice) {
        let Plain { all, gone, settled, .. } = self;
        assert_eq!(history.last(), self.last());
        assert_eq!(history.from(), self.from());
        assert_eq!(history.committed(), self.committed);
        assert_eq!(zxids(history.window()), zxids(&all[*gone..*settled]));
        assert_eq!(zxids(history.pending()), zxids(&all[*settled..]));
        let some = dice.below(all.len() + 1);
        let some = some.checked_sub(1).map_or(Zxid::ZERO, |at| all[at].zxid);
        let after = all[*gone..].iter().filter(|entry| entry.zxid > some);
        assert_eq!(zxids(history.after(some)), zxids(after));
    }
}

#[test]
fn a_history_is_a_plain_list_with_borders() {
    let (mut cut, mut forgotten) = (0, 0);
    for seed in 0..2_000 {
        let mut dice = Dice::new(seed);
        let start = recovered();
        let mut plain = Plain {
            all: start.tail.clone(),
            gone: 0,
            settled: 0,
            first: start.applied,
            committed: start.applied,
        };
        let mut history = History::new(start);
        for _ in 0..dice.below(60) {
            let Plain { all, gone, settled, first, committed } = &mut plain;
            match dice.below(10) {
                0..=3 => {
                    let last = history.last();
                    let next = match last.epoch() < committed.epoch() {
                        true => Zxid::new(committed.epoch(), 1),
                        false if dice.chance(100) => Zxid::new(last.epoch() + 1, 1),
                        false => Zxid(last.0 + 1),
                    };
                    let new = entry(next, dice.below(100));
                    all.push(new.clone());
                    history.append(new);
                }
                4..=5 => {
                    // An earlier one is committed already, and changes nothing.
                    let to = match dice.below(all.len() + 1) {
                        0 => Zxid::new(history.last().epoch() + 1, 0),
                        some => all[some - 1].zxid,
                    };
                    let new = all[*settled..].iter().take_while(|entry| entry.zxid <= to).count();
                    assert_eq!(zxids(&history.commit(to)), zxids(&all[*settled..*settled + new]));
                    *settled += new;
                    *committed = to.max(*committed);
                }
                6 if *committed <= history.last() => {
                    let keep = *settled + dice.below(all.len() - *settled + 1);
                    let to = keep.checked_sub(1).map_or(*first, |last| all[last].zxid);
                    cut += all.len() - keep;
                    all.truncate(keep);
                    history.truncate(to);
                }
                7..=8 => {
                    let (count, bytes) = (dice.below(8), dice.below(600));
                    history.forget(count, bytes);
                    let size = |entries: &[Entry]| {
                        entries.iter().map(|entry| entry.payload.len()).sum::<usize>()
                    };
                    while *gone < *settled
                        && (*settled - *gone > count || size(&all[*gone..]) > bytes)
                    {
                        *gone += 1;
                        forgotten += 1;
                    }
                }
                9 if dice.chance(100) => {
                    let to = Zxid::new(history.last().epoch() + 1, dice.below(9) as u32);
                    history.reset(to);
                    let all = Vec::new();
                    plain = Plain { all, gone: 0, settled: 0, first: to, committed: to };
                }
                _ => {}
            }
            plain.agrees(&history, &mut dice);
        }
    }
    assert!(cut > 1_000 && forgotten > 1_000, "{cut} were cut off, {forgotten} forgotten");
}
