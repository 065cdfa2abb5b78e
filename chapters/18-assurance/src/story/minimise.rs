//! Making a story small: what can be left out while the same invariant still breaks.
//!
//! It leaves out cues, first many at once and then one by one, then clients, then time, and begins
//! again as long as something could be left out. Every try is a whole run, so there is a budget.
//!
//! Always true: what comes out breaks the invariant that it names, with the hash that it names.

use std::collections::BTreeSet;
use std::time::Duration;

use machines::NodeId;

use super::replay::{Ending, play};
use super::setting::Scenery;
use super::{Cue, Story};

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many runs it has tried.
    pub tries: usize,
    /// How many cues the smallest story has so far.
    pub cues: usize,
    /// How many steps it has.
    pub steps: u64,
}

/// Makes a story smaller that breaks an invariant, with so many runs at most. Nothing if it breaks
/// none.
pub fn minimise(story: &Story, budget: usize, progress: impl FnMut(Progress)) -> Option<Story> {
    minimise_by(story, budget, |story| play(story, false), progress)
}

/// The same, where somebody else plays a story and judges it.
pub fn minimise_by(
    story: &Story,
    budget: usize,
    play: impl Fn(&Story) -> Ending,
    mut progress: impl FnMut(Progress),
) -> Option<Story> {
    let ending = play(story);
    let name = ending.violation.as_ref()?.broken.invariant.to_string();
    let mut small = Small { story: story.clone(), ending, play, name, tries: 1, budget };
    small.story.expect = Some(small.name.clone());
    small.forget_what_came_after();
    loop {
        let before = small.story.clone();
        small.drop_cues(&mut progress);
        small.drop_clients(&mut progress);
        small.calm(&mut progress);
        small.shorten(&mut progress);
        if small.story == before || small.tries >= small.budget {
            break;
        }
    }
    Some(small.told())
}

/// The smallest story so far, and what came of it.
struct Small<P> {
    story: Story,
    ending: Ending,
    play: P,
    name: String,
    tries: usize,
    budget: usize,
}

impl<P: Fn(&Story) -> Ending> Small<P> {
    /// Takes a smaller story if it breaks the same.
    fn try_with(&mut self, story: Story, progress: &mut impl FnMut(Progress)) -> bool {
        if self.tries >= self.budget || story == self.story {
            return false;
        }
        self.tries += 1;
        let ending = (self.play)(&story);
        let broken = ending.violation.as_ref().map(|it| it.broken.invariant.to_string());
        let same = broken.as_ref() == Some(&self.name);
        if same {
            (self.story, self.ending) = (story, ending);
            self.forget_what_came_after();
        }
        let (tries, cues, steps) = (self.tries, self.story.cues.len(), self.ending.steps);
        progress(Progress { tries, cues, steps });
        same
    }

    /// What was to be done after the end was not done.
    fn forget_what_came_after(&mut self) {
        self.story.cues.truncate(self.ending.given);
    }

    /// Leaves out as many cues at once as goes, from the last to the first.
    fn drop_cues(&mut self, progress: &mut impl FnMut(Progress)) {
        let mut size = self.story.cues.len().next_power_of_two();
        while size > 0 {
            let mut end = self.story.cues.len();
            while end > 0 && self.tries < self.budget {
                let from = end.saturating_sub(size);
                let kept =
                    |(at, cue): (usize, &Cue)| (!(from..end).contains(&at)).then(|| cue.clone());
                let cues = self.story.cues.iter().enumerate().filter_map(kept).collect();
                self.try_with(Story { cues, ..self.story.clone() }, progress);
                end = from.min(self.story.cues.len());
            }
            size /= 2;
        }
    }

    /// Lets clients stay away, all of them or one by one. What is done to them goes with them.
    fn drop_clients(&mut self, progress: &mut impl FnMut(Progress)) {
        let clients = |story: &Story| -> Vec<NodeId> {
            let all = (1..=story.setting.clients).map(NodeId::Client);
            all.filter(|client| !story.setting.down.contains(client)).collect()
        };
        let all = clients(&self.story);
        if !self.try_with(self.without(&all), progress) {
            for client in all {
                self.try_with(self.without(&[client]), progress);
            }
        }
    }

    fn without(&self, clients: &[NodeId]) -> Story {
        let mut story = self.story.clone();
        story.setting.down.extend(clients);
        let gone: BTreeSet<NodeId> = clients.iter().copied().collect();
        story.cues.retain(|cue| !cue.act.nodes().iter().any(|node| gone.contains(node)));
        story
    }

    /// Tries a friendly network, and fast disks.
    fn calm(&mut self, progress: &mut impl FnMut(Progress)) {
        let mut story = self.story.clone();
        story.setting.rough = false;
        self.try_with(story, progress);
    }

    /// Lets the storm be over sooner.
    fn shorten(&mut self, progress: &mut impl FnMut(Progress)) {
        let end = self.ending.violation.as_ref().map_or(Duration::ZERO, |it| it.time);
        let last = self.story.setting.duration;
        // Where the storm ends is no matter to what breaks in it.
        let whole = Duration::from_secs(end.as_secs() + 1);
        for duration in [last / 4, last / 2, whole] {
            if duration < self.story.setting.duration {
                let mut story = self.story.clone();
                story.setting.duration = duration;
                self.try_with(story, progress);
            }
        }
    }

    /// The story, with all that it must say of itself.
    fn told(mut self) -> Story {
        self.story.hash = Some(self.ending.hash);
        self.story.about = self.story.says(&self.ending);
        if self.story.setting.world == Scenery::Ensemble {
            let steps = self.ending.steps;
            self.story.about.push(format!("Made small in {} runs: {steps} steps.", self.tries));
        }
        self.story
    }
}
