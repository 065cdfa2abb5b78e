//! Telling a story: what happened, line by line, for a person to read or to step through.
//!
//! A message is told once, when it arrives, or where it was sent if it never does. What only says
//! that somebody is there is counted, not told.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write, stdin, stdout};
use std::path::Path;

use assurance::story::NOISE;
use assurance::{Ending, Story};
use machines::{Frame, Kind, NodeId, Picture};

use super::run::layout::Layout;
use crate::start::screen::Terminal;

/// A story that is told.
pub(super) struct Telling<'a> {
    story: &'a Story,
    ending: &'a Ending,
    file: &'a Path,
    layout: Layout,
    steps: Vec<Step>,
    /// How many more lines there are.
    left_out: usize,
}

/// One thing that happened.
struct Step {
    text: String,
    /// What has changed with its node.
    news: Vec<String>,
}

impl<'a> Telling<'a> {
    /// The last so many lines of a story that say something.
    pub(super) fn new(
        story: &'a Story,
        ending: &'a Ending,
        file: &'a Path,
        most: usize,
        emphasis: bool,
    ) -> Telling<'a> {
        let frames = &ending.frames;
        let broken = ending.violation.is_some();
        let picture = |most| Picture { title: "", frames, noise: NOISE, most, end: &[], broken };
        let (shown, all) = (picture(most).shown(), picture(usize::MAX).shown().len());
        let lines: Vec<_> = shown.iter().map(|at| frames[*at].line.clone()).collect();
        let layout = Layout::new(&lines, emphasis);
        let steps = steps(frames, &shown, &layout);
        let left_out = all - shown.len();
        Telling { story, ending, file, layout, steps, left_out }
    }

    /// Writes it all.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}\n\n{}", self.layout.emphasis(&self.story.title()), self.layout.head())?;
        let left_out = self.left_out();
        if let (Some(left_out), true) = (&left_out, self.ending.violation.is_some()) {
            writeln!(out, "{left_out}")?;
        }
        self.steps.iter().try_for_each(|step| writeln!(out, "{}", step.text))?;
        if let (Some(left_out), false) = (&left_out, self.ending.violation.is_some()) {
            writeln!(out, "{left_out}")?;
        }
        self.write_end(out)
    }

    fn left_out(&self) -> Option<String> {
        let left_out = self.left_out;
        let text = || format!("{:>9}  {left_out} lines are left out: see --most", "...");
        (left_out > 0).then(text)
    }

    /// Writes what came of it.
    pub(super) fn write_end(&self, out: &mut impl Write) -> io::Result<()> {
        let says = self.story.says(self.ending);
        writeln!(out, "\n{}", self.layout.emphasis(&says[0]))?;
        says[1..].iter().try_for_each(|line| writeln!(out, "{line}"))?;
        writeln!(out, "hash {:016x}, {} steps", self.ending.hash, self.ending.steps)?;
        if self.story.hash.is_some_and(|hash| hash != self.ending.hash) {
            writeln!(
                out,
                "This is another run than the one that was saved: the code has changed."
            )?;
        }
        if self.ending.given < self.story.cues.len() {
            let cue = &self.story.cues[self.ending.given];
            writeln!(out, "It never came to this: {cue}")?;
        }
        writeln!(out, "replay: ensemble replay {}", self.file.display())
    }

    /// Goes through it on the terminal, with keys. Nothing if there is no terminal.
    pub(super) fn step_through(&self) -> Option<io::Result<()>> {
        let terminal = Terminal::open()?;
        let (mut at, mut keys) = (0, [0; 8]);
        loop {
            terminal.show(&self.screen(at));
            let read = match stdin().read(&mut keys) {
                Ok(0) => break,
                Ok(read) => read,
                Err(why) => return Some(Err(why)),
            };
            at = match &keys[..read] {
                [b'q' | 3 | 4, ..] => break,
                [b'b' | b'k' | 8 | 127, ..] | [27, b'[' | b'O', b'D' | b'A', ..] => {
                    at.saturating_sub(1)
                }
                [b'g', ..] => 0,
                [b'G', ..] => self.steps.len().saturating_sub(1),
                [b' ' | b'n' | b'j' | 10 | 13, ..] | [27, b'[' | b'O', b'C' | b'B', ..] => {
                    (at + 1).min(self.steps.len().saturating_sub(1))
                }
                _ => at,
            };
        }
        terminal.show(&[]);
        drop(terminal);
        Some(self.write_end(&mut stdout().lock()))
    }

    /// What the terminal shows at a step: those before it, and what it has changed.
    fn screen(&self, at: usize) -> Vec<String> {
        let from = at.saturating_sub(9);
        let mut lines: Vec<String> =
            self.steps[from..=at].iter().map(|step| format!("  {}", step.text)).collect();
        if let Some(last) = lines.last_mut() {
            last.replace_range(..1, ">");
        }
        lines.resize(11, String::new());
        lines.extend(self.steps[at].news.iter().map(|news| format!("      {news}")));
        lines.resize(20, String::new());
        let (at, all) = (at + 1, self.steps.len());
        lines.push(format!("{at} of {all}   space: on   b: back   g/G: begin/end   q: quit"));
        lines
    }
}

fn steps(frames: &[Frame], shown: &[usize], layout: &Layout) -> Vec<Step> {
    let is = |frame: &Frame, kind| frame.line.kind == kind;
    let arrived: BTreeSet<_> =
        frames.iter().filter(|it| is(it, Kind::Received)).map(|it| it.line.number).collect();
    let mut known: BTreeMap<NodeId, &[(String, String)]> = BTreeMap::new();
    let (mut steps, mut next) = (Vec::new(), shown.first().copied().unwrap_or(0));
    for at in shown {
        let noise = frames[next..*at].iter().filter(|it| {
            is(it, Kind::Received) && NOISE.iter().any(|word| it.line.text.starts_with(word))
        });
        let count = noise.count();
        next = *at;
        let frame = &frames[*at];
        let sent = is(frame, Kind::Sent);
        if sent && arrived.contains(&frame.line.number) {
            continue;
        }
        if count > 0 {
            let text = format!("{:>9}  {count} pings", "");
            steps.push(Step { text, news: Vec::new() });
        }
        let lost = if sent { "   (never arrives)" } else { "" };
        let before = known.insert(frame.line.node, &frame.facts).unwrap_or_default();
        let news = frame.facts.iter().filter(|fact| !before.contains(fact));
        let news = news.map(|(name, value)| format!("{name}: {value}")).collect();
        steps.push(Step { text: format!("{}{lost}", layout.line(&frame.line)), news });
    }
    steps
}
