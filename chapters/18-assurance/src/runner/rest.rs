//! The end of a run: everything is mended, the programs fall silent, and what is left must come to
//! rest. Then the power goes once more, everywhere, and all that was ever confirmed must be there.
//!
//! Always true: nothing that is done here is drawn.

use std::time::Duration;

use machines::NodeId;
use sync::laws::Law;

use super::{FLOOR, Run};
use crate::anyone::Anyone;
use crate::invariants::{Broken, Invariant, Verdict, durability, holds};

/// For how long programs go on when all is well again, and how often they may go on for as long
/// until enough writes are confirmed: a run in which nothing was ever done says nothing.
const PEACE: Duration = Duration::from_secs(5);
const PEACES: u32 = 60;
const ENOUGH: u64 = FLOOR;

impl Run {
    /// Everything is mended, and all is well again.
    pub(super) fn all_come_to_rest(&mut self) -> Verdict {
        self.hands.mend_all(&mut self.world);
        self.friendly();
        for _ in 0..PEACES {
            self.pass(self.measure.of(PEACE))?;
            self.hands.mend_all(&mut self.world);
            if self.history.borrow().confirmed >= ENOUGH {
                break;
            }
        }
        self.history.borrow_mut().quiet = true;
        self.all_is_answered(self.settings.patience, "all is well")?;
        self.converge()?;
        self.end()
    }

    /// From now on nothing goes wrong by itself.
    pub(super) fn friendly(&mut self) {
        let friendly = machines::Settings::default();
        let wall_ms = self.world.settings_mut().wall_ms;
        *self.world.settings_mut() = machines::Settings { wall_ms, ..friendly };
        for node in self.world.nodes() {
            self.world.slow(node, 1);
        }
    }

    /// Everything that was asked for is answered, within a time.
    pub(super) fn all_is_answered(&mut self, within: Duration, when: &str) -> Verdict {
        let limit = self.world.now() + within;
        while self.world.now() < limit {
            if self.history.borrow().open.is_empty() {
                return Ok(());
            }
            self.step(limit)?;
        }
        let open = self.history.borrow().open.clone();
        let what = format!("{} asks have no answer long after {when}: {open:?}", open.len());
        Err(Broken { invariant: Invariant::L2, what })
    }

    /// There is one leader, everybody serves, and all hold the same.
    fn converge(&mut self) -> Verdict {
        let limit = self.world.now() + self.settings.patience;
        while let Some((invariant, what)) = self.trouble() {
            holds(invariant, self.world.now() < limit, || what)?;
            self.pass(Duration::from_millis(200))?;
            // A disk that was damaged may show it as late as now, when its log is to be cut.
            self.hands.mend_all(&mut self.world);
        }
        for number in 1..=self.starters.len() as u64 {
            if let Some(Anyone::Server(host)) = self.world.machine(NodeId::Server(number)) {
                self.witness.borrow().holds_all(number, host.server().state())?;
            }
        }
        Ok(())
    }

    /// Why the servers are not yet one, if they are not.
    fn trouble(&self) -> Option<(Invariant, String)> {
        let mut leaders = Vec::new();
        let last = self.witness.borrow().all().last();
        let serve = Invariant::Law(Law::L1);
        for number in 1..=self.starters.len() as u64 {
            let Some(Anyone::Server(host)) = self.world.machine(NodeId::Server(number)) else {
                return Some((serve, format!("server {number} is down")));
            };
            if !host.serves() {
                return Some((serve, format!("server {number} does not serve")));
            }
            if host.server().state().last != last {
                let at = host.server().state().last;
                let what = format!("server {number} is at {at}, and {last} is committed");
                return Some((Invariant::L3, what));
            }
            if host.leads() {
                leaders.push(number);
            }
        }
        let one = leaders.len() == 1 || self.starters.len() == 1;
        (!one).then(|| (serve, format!("{leaders:?} lead")))
    }

    /// Waits until nothing was written for a while: the reaper asks nobody, and what it does is not
    /// known to all until they were told.
    fn nothing_is_written(&mut self) -> Verdict {
        let limit = self.world.now() + self.settings.patience;
        loop {
            let last = self.witness.borrow().all().last();
            self.pass(self.measure.of(Duration::from_secs(1)))?;
            let now = self.witness.borrow().all().last();
            if now == last {
                return Ok(());
            }
            holds(Invariant::L2, self.world.now() < limit, || {
                format!("{now} is written, long after the last client asked for something")
            })?;
        }
    }

    /// The last checks: the history, and the disks after one more loss of power.
    fn end(&mut self) -> Verdict {
        let quiet = Duration::from_secs(if self.starters.len() == 1 { 29 } else { 4 });
        self.pass(self.measure.of(quiet))?;
        self.nothing_is_written()?;
        self.witness.borrow().judge_history(&self.history.borrow())?;
        self.hands.black_out(&mut self.world);
        self.pass(Duration::from_secs(1))?;
        for number in 1..=self.starters.len() as u64 {
            let up = self.world.running(NodeId::Server(number));
            durability::starts_again(if up { None } else { Some("it is down") })?;
        }
        self.converge()
    }
}
