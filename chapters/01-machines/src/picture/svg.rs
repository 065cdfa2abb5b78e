//! The drawing: lines of life, arrows for messages, signs for what happens to a node.
//!
//! Each step of a node has a height of its own, whatever time has passed: what matters is what
//! comes before what. The time stands at the left.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Picture;
use super::rows::{self, Life, Way};
use crate::node::NodeId;
use crate::trace::{Kind, Line};

const TOP: usize = 92;
const ROW: usize = 26;
const LEFT: usize = 170;
const BETWEEN: usize = 280;
/// About how wide a letter of a message is.
const LETTER: f64 = 6.6;

pub(super) fn draw(picture: &Picture<'_>) -> String {
    let mut sheet = Sheet::new(picture);
    let (width, height) = (sheet.width(), sheet.height());
    let mut out = String::new();
    let size = format!("width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\"");
    let _ = writeln!(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" {size} class=\"spacetime\">");
    let _ = writeln!(out, "<title>{}</title>", escape(picture.title));
    let _ = writeln!(out, "<desc>{}</desc>", escape(&sheet.twin()));
    let _ = writeln!(out, "<style>{STYLE}</style>");
    let _ = writeln!(out, "<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>");
    let _ =
        writeln!(out, "<text class=\"title\" x=\"20\" y=\"34\">{}</text>", escape(picture.title));
    sheet.lives();
    sheet.messages();
    sheet.signs();
    sheet.times();
    out.push_str(&sheet.out);
    sheet.out.clear();
    sheet.end();
    out.push_str(&sheet.out);
    out.push_str("</svg>\n");
    out
}

struct Sheet<'a> {
    picture: &'a Picture<'a>,
    nodes: Vec<NodeId>,
    shown: Vec<usize>,
    ways: BTreeMap<u64, Way>,
    /// The height of each frame that is shown.
    heights: BTreeMap<usize, usize>,
    bottom: usize,
    out: String,
}

impl<'a> Sheet<'a> {
    fn new(picture: &'a Picture<'a>) -> Sheet<'a> {
        let shown = rows::shown(picture);
        let (nodes, ways) = (rows::nodes(picture), rows::ways(picture, &shown));
        let (mut heights, mut y) = (BTreeMap::new(), TOP);
        let mut before: Option<&Line> = None;
        for at in &shown {
            let line = &picture.frames[*at].line;
            // What a node sends in one step begins at one point. Words need a row of their own.
            let sends = |line: &Line| line.kind == Kind::Sent;
            let together = before.is_some_and(|before| {
                (before.time, before.node) == (line.time, line.node)
                    && sends(line)
                    && before.kind != Kind::Answered
                    && before.kind != Kind::Driven
                    && before.peer != line.peer
            });
            if !together {
                y += ROW;
            }
            heights.insert(*at, y);
            before = Some(line);
        }
        Sheet { picture, nodes, shown, ways, heights, bottom: y + ROW, out: String::new() }
    }

    fn width(&self) -> usize {
        let widest = self.picture.end.iter().map(|line| line.chars().count()).max().unwrap_or(0);
        let title = self.picture.title.chars().count() * 11;
        let nodes = LEFT + (self.nodes.len() - 1) * BETWEEN + BETWEEN;
        nodes.max(widest * 8 + 60).max(title + 40).min(nodes.max(1_100))
    }

    fn height(&self) -> usize {
        self.bottom + 24 + self.picture.end.len() * 20
    }

    fn x(&self, node: NodeId) -> usize {
        let place = self.nodes.iter().position(|other| *other == node).unwrap_or(0);
        LEFT + place * BETWEEN
    }

    /// All that is shown, as text.
    fn twin(&self) -> String {
        let lines = self.shown.iter().map(|at| {
            let line = &self.picture.frames[*at].line;
            format!("{} {line}\n", millis(line))
        });
        lines.chain(self.picture.end.iter().cloned()).collect()
    }

    /// Each node's name, and its line of life: dashed while it is down, pale while it is stopped.
    fn lives(&mut self) {
        for node in self.nodes.clone() {
            let x = self.x(node);
            let name = node.name();
            let y = TOP - 20;
            let _ = writeln!(self.out, "<text class=\"node\" x=\"{x}\" y=\"{y}\">{name}</text>");
            let first = self.shown.first().copied().unwrap_or(0);
            let (mut life, mut from) = (rows::first_life(self.picture, node, first), TOP - 8);
            for at in self.shown.clone() {
                let line = &self.picture.frames[at].line;
                if line.node != node {
                    continue;
                }
                if let Some(next) = rows::life(line) {
                    let to = self.heights[&at];
                    self.life(life, x, from, to);
                    (life, from) = (next, to);
                }
            }
            self.life(life, x, from, self.bottom);
        }
    }

    fn life(&mut self, life: Life, x: usize, from: usize, to: usize) {
        let class = match life {
            Life::Up => "life",
            Life::Paused => "life paused",
            Life::Down => "life down",
        };
        let ends = format!("x1=\"{x}\" y1=\"{from}\" x2=\"{x}\" y2=\"{to}\"");
        let _ = writeln!(self.out, "<line class=\"{class}\" {ends}/>");
    }

    fn messages(&mut self) {
        for (_, way) in self.ways.clone() {
            match (way.sent, way.received) {
                (Some(sent), Some(received)) => self.arrow(Some(sent), received),
                (None, Some(received)) => self.arrow(None, received),
                (Some(sent), None) => self.lost(sent),
                (None, None) => {}
            }
        }
    }

    /// A message that arrived. If it was sent before all that is shown, its way begins near by.
    fn arrow(&mut self, sent: Option<usize>, received: usize) {
        let line = &self.picture.frames[received].line;
        let (to, y2) = (self.x(line.node), self.heights[&received]);
        let from = line.peer.map_or(to, |peer| self.x(peer));
        let y1 = sent.map_or(y2.saturating_sub(ROW / 2), |sent| self.heights[&sent]);
        let length = to.abs_diff(from) as f64 / LETTER - 6.0;
        let text = escape(&cut(&line.text, length as usize));
        let right = to > from;
        let tip = if right { to - 5 } else { to + 5 };
        let _ = write!(self.out, "<g class=\"message\" data-frame=\"{received}\">");
        let ends = format!("x1=\"{from}\" y1=\"{y1}\" x2=\"{tip}\" y2=\"{y2}\"");
        let _ = write!(self.out, "<line class=\"way\" {ends}/>");
        self.head(from, y1, tip, y2);
        self.label(&text, (from, y1), (tip, y2), right);
        let _ = writeln!(self.out, "<title>{}</title></g>", escape(&said(line)));
    }

    /// A message that never arrived, or not yet.
    fn lost(&mut self, sent: usize) {
        let line = &self.picture.frames[sent].line;
        let (from, y) = (self.x(line.node), self.heights[&sent]);
        let Some(to) = line.peer.map(|peer| self.x(peer)) else { return };
        let right = to > from;
        let end = if right { from + 86 } else { from.saturating_sub(86) };
        let low = y + ROW / 2;
        let _ = write!(self.out, "<g class=\"message gone\" data-frame=\"{sent}\">");
        let ends = format!("x1=\"{from}\" y1=\"{y}\" x2=\"{end}\" y2=\"{low}\"");
        let _ = write!(self.out, "<line class=\"way\" {ends}/>");
        let (left, top) = (end - 4, low - 4);
        let cross = format!("M{left} {top}l8 8m0 -8l-8 8");
        let _ = write!(self.out, "<path class=\"cross\" d=\"{cross}\"/>");
        let (x, anchor) = if right { (end + 8, "start") } else { (end - 8, "end") };
        let place = format!("x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\"", low + 4);
        let _ = write!(self.out, "<text class=\"word\" {place}>{}</text>", escape(&line.text));
        let _ =
            writeln!(self.out, "<title>{}, and it never arrives</title></g>", escape(&said(line)));
    }

    /// The head of an arrow.
    fn head(&mut self, x1: usize, y1: usize, x2: usize, y2: usize) {
        let angle = angle((x1, y1), (x2, y2));
        let turn = format!("translate({x2} {y2}) rotate({angle:.1})");
        let _ = write!(self.out, "<path class=\"head\" d=\"M0 0l-9 -4v8z\" transform=\"{turn}\"/>");
    }

    /// The words of a message, along its way, where it arrives.
    fn label(&mut self, text: &str, from: (usize, usize), to: (usize, usize), right: bool) {
        let mut angle = angle(from, to);
        if !right {
            angle += 180.0;
        }
        let (dx, anchor) = if right { (-14, "end") } else { (14, "start") };
        let turn = format!("translate({} {}) rotate({angle:.1})", to.0, to.1);
        let place = format!("transform=\"{turn}\" x=\"{dx}\" y=\"-4\" text-anchor=\"{anchor}\"");
        let _ = write!(self.out, "<text class=\"word\" {place}>{text}</text>");
    }

    /// What happens to a node, and what it says of itself.
    fn signs(&mut self) {
        for at in self.shown.clone() {
            let line = &self.picture.frames[at].line;
            let (class, what) = match line.kind {
                Kind::Sent | Kind::Received => continue,
                Kind::Durable => ("disk", format!("on disk {}", line.text)),
                Kind::Crashed => ("fall", "crashed".to_string()),
                Kind::PowerLost => ("fall", "lost power".to_string()),
                Kind::Failed | Kind::Refused => ("fall", without_node(line)),
                Kind::Started => ("rise", "started".to_string()),
                Kind::Answered => ("says", line.text.clone()),
                Kind::Driven => ("says", "is asked".to_string()),
                _ => ("event", without_node(line)),
            };
            let (x, y) = (self.x(line.node), self.heights[&at]);
            let _ = write!(self.out, "<g class=\"sign {class}\" data-frame=\"{at}\">");
            let _ = match class {
                "disk" => write!(
                    self.out,
                    "<rect x=\"{}\" y=\"{}\" width=\"8\" height=\"8\"/>",
                    x - 4,
                    y - 4
                ),
                "fall" => write!(self.out, "<path d=\"M{} {}l10 10m0 -10l-10 10\"/>", x - 5, y - 5),
                _ => write!(self.out, "<circle cx=\"{x}\" cy=\"{y}\" r=\"4\"/>"),
            };
            // Where an arrow may begin, words stand at the other side.
            let outside = class == "disk" && Some(&line.node) != self.nodes.last();
            let (x, anchor) = if outside { (x - 10, "end") } else { (x + 10, "start") };
            let place = format!("x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\"", y + 4);
            let words = escape(&cut(&what, (BETWEEN as f64 / LETTER) as usize));
            let title = escape(&said(line));
            let _ = writeln!(self.out, "<text {place}>{words}</text><title>{title}</title></g>");
        }
    }

    /// The time of each row, in ms, where it is not that of the row before.
    fn times(&mut self) {
        let mut last = String::new();
        for at in self.shown.clone() {
            let time = millis(&self.picture.frames[at].line);
            if time != last {
                let y = self.heights[&at] + 4;
                let _ = writeln!(self.out, "<text class=\"time\" x=\"78\" y=\"{y}\">{time}</text>");
                last = time;
            }
        }
    }

    fn end(&mut self) {
        for (number, line) in self.picture.end.iter().enumerate() {
            let y = self.bottom + 28 + number * 20;
            let class = if number == 0 && self.picture.broken { "verdict" } else { "end" };
            let _ = writeln!(
                self.out,
                "<text class=\"{class}\" x=\"20\" y=\"{y}\">{}</text>",
                escape(line)
            );
        }
    }
}

/// The angle of a way, in degrees.
fn angle(from: (usize, usize), to: (usize, usize)) -> f64 {
    let (dx, dy) = (to.0 as f64 - from.0 as f64, to.1 as f64 - from.1 as f64);
    dy.atan2(dx).to_degrees()
}

pub(super) fn millis(line: &Line) -> String {
    format!("{:.1}", line.time.as_micros() as f64 / 1000.0)
}

fn said(line: &Line) -> String {
    format!("{} ms: {line}", millis(line))
}

/// A line without the node at whose line of life it stands.
fn without_node(line: &Line) -> String {
    let text = line.to_string();
    text.split_once(' ').map_or(String::new(), |(_, rest)| rest.to_string())
}

/// So many letters of a text at most.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Text as it is written in SVG and HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// How it looks, by day and by night.
const STYLE: &str = "
.spacetime{--paper:#fff;--ink:#1d2430;--soft:#68727f;--line:#9aa5b1;--way:#2f6db5;--word:#1c4a80;\
--bad:#c02626;--good:#1d7a3c;--disk:#8a5a00;font:13px ui-sans-serif,system-ui,sans-serif}
@media(prefers-color-scheme:dark){.spacetime{--paper:#12161c;--ink:#e3e8ef;--soft:#8e99a6;\
--line:#56616e;--way:#6aa9f0;--word:#a9d0ff;--bad:#ff7b72;--good:#63cf85;--disk:#dba642}}
.spacetime .paper{fill:var(--paper)}
.spacetime text{fill:var(--ink);stroke:var(--paper);stroke-width:3px;paint-order:stroke;\
stroke-linejoin:round}
.spacetime .title{font-size:18px;font-weight:600}
.spacetime .node{font-weight:600;text-anchor:middle}
.spacetime .time{fill:var(--soft);font-size:11px;text-anchor:end;font-variant-numeric:tabular-nums}
.spacetime .life{stroke:var(--line);stroke-width:2.5}
.spacetime .life.down{stroke-dasharray:1 7;stroke-width:2}
.spacetime .life.paused{stroke-dasharray:6 4;opacity:.6}
.spacetime .way{stroke:var(--way);stroke-width:1.4}
.spacetime .head{fill:var(--way)}
.spacetime .word{fill:var(--word);font-size:12px}
.spacetime .gone .way{stroke-dasharray:4 3;stroke:var(--soft)}
.spacetime .gone .word{fill:var(--soft)}
.spacetime .cross{stroke:var(--bad);stroke-width:1.8;fill:none}
.spacetime .sign text{font-size:12px}
.spacetime .sign circle{fill:var(--ink)}
.spacetime .fall path{stroke:var(--bad);stroke-width:2.5;fill:none}
.spacetime .fall text{fill:var(--bad);font-weight:600}
.spacetime .rise circle{fill:var(--good)}
.spacetime .rise text{fill:var(--good)}
.spacetime .disk rect{fill:var(--disk)}
.spacetime .disk text{fill:var(--disk);font-size:11px}
.spacetime .says text{font-style:italic}
.spacetime .verdict{fill:var(--bad);font-weight:600;font-size:14px}
";
