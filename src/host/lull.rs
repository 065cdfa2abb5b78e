//! Whether writes come so singly that whoever forces them need do nothing else meanwhile.
//!
//! A lone client's next write comes only after the answer to the last. While a member of an ensemble
//! forces it there is nothing else to do, so it may force it on the spot, and saves two changes of
//! thread; and it may stay awake for what comes next. With more clients the next write comes while
//! the last is being forced, or right after, and must not be kept waiting: many writes share a force
//! on the disk's own thread.
//!
//! Always true: there is no lull while a force is under way, nor until `MANY` lists in a row came
//! singly, each a while after the last was forced.

use std::time::Duration;

use crate::disk::Job;

/// What comes sooner after a force than this has waited for it. A lone client's next write takes
/// longer: its answer and the write have to travel.
const REST: Duration = Duration::from_micros(30);

/// So many single writes in a row are no accident.
const MANY: u32 = 16;

/// How the writes of late have come.
#[derive(Default)]
pub(super) struct Lull {
    /// Lists in a row that came singly.
    singly: u32,
    /// Forces that are under way.
    forcing: u64,
    /// When the last force was over.
    rested: Duration,
}

impl Lull {
    /// Jobs are about to be given to the disk. Says whether they may be carried out on the spot.
    pub(super) fn give(&mut self, jobs: &[Job], now: Duration) -> bool {
        let alone = self.forcing == 0 && now > self.rested + REST;
        self.singly = match jobs {
            [Job::Write(_), Job::Sync(_)] if alone => self.singly.saturating_add(1),
            _ => 0,
        };
        self.forcing += jobs.iter().filter(|job| matches!(job, Job::Sync(_))).count() as u64;
        self.holds()
    }

    /// Whether writes come singly.
    pub(super) fn holds(&self) -> bool {
        self.singly > MANY
    }

    /// A force is over, and its driver has heard of it.
    pub(super) fn forced(&mut self, now: Duration) {
        self.forcing = self.forcing.saturating_sub(1);
        self.rested = now;
    }
}

#[cfg(test)]
mod tests {
    use machines::Ticket;
    use storage::Write;

    use super::*;

    fn single() -> [Job; 2] {
        [Job::Write(Write::Roll), Job::Sync(Ticket(1))]
    }

    /// So many single writes, each forced before the next comes.
    fn after(writes: u32) -> (Lull, Duration) {
        let (mut lull, mut now) = (Lull::default(), Duration::from_secs(1));
        for _ in 0..writes {
            assert!(!lull.give(&single(), now));
            lull.forced(now + REST);
            now += REST * 3;
        }
        (lull, now)
    }

    #[test]
    fn many_writes_that_come_singly_make_a_lull() {
        let (mut lull, now) = after(MANY);
        assert!(!lull.holds());
        assert!(lull.give(&single(), now));
        assert!(lull.holds());
    }

    #[test]
    fn a_write_that_comes_during_a_force_ends_it() {
        let (mut lull, now) = after(MANY);
        assert!(lull.give(&single(), now));
        assert!(!lull.give(&single(), now + REST * 2));
    }

    #[test]
    fn a_write_that_has_waited_for_a_force_ends_it() {
        let (mut lull, now) = after(MANY);
        assert!(lull.give(&single(), now));
        lull.forced(now + REST * 4);
        assert!(!lull.give(&single(), now + REST * 5));
    }

    #[test]
    fn two_writes_at_once_end_it() {
        let (mut lull, now) = after(MANY);
        let [first, force] = single();
        assert!(!lull.give(&[first, Job::Write(Write::Roll), force], now));
    }
}
