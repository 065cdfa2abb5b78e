//! A state table: what each node is like, moment by moment.
//!
//! Where a space-time diagram shows who said what to whom, a table shows what came of it. It has a
//! column for each node, and a row for each moment at which one of them became another.
//!
//! Always true: a row differs from the one above it in the cell of one node, and that is marked.
//!
//! Book: chapter 1.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::svg::{escape, millis};
use crate::node::NodeId;
use crate::trace::{Facts, Kind, Line, Trace};

/// What is to be shown as a table.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    /// What it shows, in a sentence.
    pub title: &'a str,
    /// All that happened, with what nodes were like.
    pub trace: &'a Trace,
}

/// A moment at which a node became another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When, in ms since the world began, as text.
    pub time: String,
    /// What made it so, in few words: `1 ← 3 Notification`.
    pub cause: String,
    /// The place of the node that became another.
    pub which: usize,
    /// What each node is like; nothing if it has not started yet, or is down.
    pub cells: Vec<Vec<Value>>,
}

/// One thing that is known of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its name, if it needs one, and what it is: `round 2`.
    pub text: String,
    /// Whether it was something else in the row above.
    pub is_new: bool,
}

impl Table<'_> {
    /// The nodes of which something is known, servers first: one column for each.
    pub fn nodes(&self) -> Vec<NodeId> {
        let known = self.trace.facts().filter(|(_, facts)| !facts.is_empty());
        let nodes: BTreeSet<NodeId> = known.map(|(line, _)| line.node).collect();
        nodes.into_iter().collect()
    }

    /// The moments; none if nothing is known of any node.
    pub fn rows(&self) -> Vec<Row> {
        let nodes = self.nodes();
        let mut now: Vec<&Facts> = vec![const { &Facts::new() }; nodes.len()];
        let mut rows = Vec::new();
        for (line, facts) in self.trace.facts() {
            let Some(which) = nodes.iter().position(|node| *node == line.node) else { continue };
            let before = std::mem::replace(&mut now[which], facts);
            if before == facts {
                continue;
            }
            let cells = now.iter().enumerate().map(|(place, facts)| match place == which {
                true => values(facts, before),
                false => values(facts, facts),
            });
            let cells = cells.collect();
            rows.push(Row { time: millis(line), cause: cause(line), which, cells });
        }
        rows
    }

    /// The drawing, as SVG.
    pub fn svg(&self) -> String {
        Sheet::new(self).draw(self.title)
    }
}

/// What is known, and what of it is new.
fn values(facts: &Facts, before: &Facts) -> Vec<Value> {
    let value = |(name, value): &(String, String)| {
        let is_new = !before.iter().any(|(other, was)| other == name && was == value);
        let text = if name.is_empty() { value.clone() } else { format!("{name} {value}") };
        Value { text, is_new }
    };
    facts.iter().map(value).collect()
}

/// A line in few words.
fn cause(line: &Line) -> String {
    let word = line.text.split(' ').next().unwrap_or_default();
    match (line.kind, line.peer) {
        (Kind::Received, Some(peer)) => format!("{} ← {peer} {word}", line.node),
        (Kind::Durable, _) => format!("{} on disk", line.node),
        (Kind::Driven, _) => format!("{} is asked", line.node),
        (Kind::Expired, _) => format!("{} {word} ran out", line.node),
        (_, Some(peer)) => format!("{} {:?} {peer}", line.node, line.kind).to_lowercase(),
        (kind, None) => format!("{} {kind:?}", line.node).to_lowercase(),
    }
}

/// How wide a letter is, about, and how high a row.
const LETTER: usize = 7;
const ROW: usize = 24;
const TOP: usize = 78;

struct Sheet {
    heads: Vec<String>,
    rows: Vec<Row>,
    /// Where each column begins, and where the last one ends.
    edges: Vec<usize>,
}

impl Sheet {
    fn new(table: &Table<'_>) -> Sheet {
        let rows = table.rows();
        let heads: Vec<String> = table.nodes().iter().map(|node| node.name()).collect();
        let wide = |text: &str| text.chars().count() * LETTER + 22;
        let causes = rows.iter().map(|row| wide(&row.cause)).max().unwrap_or(0);
        let mut edges = vec![20, 76, 76 + causes];
        for (place, head) in heads.iter().enumerate() {
            let cells = rows.iter().map(|row| wide(&words(&row.cells[place])));
            let width = cells.chain([wide(head)]).max().unwrap_or(0);
            edges.push(edges.last().expect("there are some") + width);
        }
        Sheet { heads, rows, edges }
    }

    fn draw(&self, title: &str) -> String {
        let (width, height) = (self.width(title), TOP + self.rows.len() * ROW + 16);
        let mut out = String::new();
        let size =
            format!("width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\"");
        let _ = writeln!(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" {size} class=\"states\">");
        let _ = writeln!(out, "<title>{}</title>", escape(title));
        let _ = writeln!(out, "<desc>{}</desc>", escape(&self.twin()));
        let _ = writeln!(out, "<style>{STYLE}</style>");
        let _ = writeln!(out, "<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>");
        let _ = writeln!(out, "<text class=\"title\" x=\"20\" y=\"32\">{}</text>", escape(title));
        for (head, x) in self.heads.iter().zip(&self.edges[2..]) {
            let x = x + 10;
            let _ =
                writeln!(out, "<text class=\"node\" x=\"{x}\" y=\"{}\">{head}</text>", TOP - 14);
        }
        for (number, row) in self.rows.iter().enumerate() {
            self.row(row, TOP + number * ROW, &mut out);
        }
        out.push_str("</svg>\n");
        out
    }

    fn row(&self, row: &Row, top: usize, out: &mut String) {
        let (edges, base) = (&self.edges, top + 16);
        let (first, last) = (edges[0], edges[edges.len() - 1]);
        let rule = format!("x1=\"{first}\" y1=\"{top}\" x2=\"{last}\" y2=\"{top}\"");
        let _ = writeln!(out, "<line class=\"rule\" {rule}/>");
        let (x, next) = (edges[2 + row.which], edges[3 + row.which]);
        let place = format!("x=\"{x}\" y=\"{}\" width=\"{}\"", top + 2, next - x - 4);
        let _ = writeln!(out, "<rect class=\"mark\" {place} height=\"{}\" rx=\"4\"/>", ROW - 4);
        let time = format!("x=\"{}\" y=\"{base}\"", edges[1] - 12);
        let _ = writeln!(out, "<text class=\"time\" {time}>{}</text>", row.time);
        let cause = format!("x=\"{}\" y=\"{base}\"", edges[1]);
        let _ = writeln!(out, "<text class=\"cause\" {cause}>{}</text>", escape(&row.cause));
        for (cell, x) in row.cells.iter().zip(&edges[2..]) {
            let _ = write!(out, "<text x=\"{}\" y=\"{base}\">", x + 10);
            for (number, value) in cell.iter().enumerate() {
                let comma = if number > 0 { ", " } else { "" };
                let class = if value.is_new { "new" } else { "old" };
                let text = escape(&value.text);
                let _ = write!(out, "<tspan class=\"{class}\">{comma}{text}</tspan>");
            }
            out.push_str("</text>\n");
        }
    }

    fn width(&self, title: &str) -> usize {
        (self.edges[self.edges.len() - 1] + 16).max(title.chars().count() * 10 + 40)
    }

    /// All that is shown, as text.
    fn twin(&self) -> String {
        let row = |row: &Row| {
            let (head, cell) = (&self.heads[row.which], words(&row.cells[row.which]));
            format!("{} ms, {}: {head} is {cell}\n", row.time, row.cause)
        };
        self.rows.iter().map(row).collect()
    }
}

/// What a node is like, in words.
pub(super) fn words(cell: &[Value]) -> String {
    let texts: Vec<&str> = cell.iter().map(|value| value.text.as_str()).collect();
    texts.join(", ")
}

/// How it looks, by day and by night.
const STYLE: &str = "
.states{--paper:#fff;--ink:#1d2430;--soft:#68727f;--line:#d5dae0;--mark:#e3eefb;--new:#12467f;\
font:13px ui-sans-serif,system-ui,sans-serif}
@media(prefers-color-scheme:dark){.states{--paper:#12161c;--ink:#e3e8ef;--soft:#8e99a6;\
--line:#2c343e;--mark:#17324f;--new:#b6d7ff}}
.states .paper{fill:var(--paper)}
.states text{fill:var(--ink)}
.states .title{font-size:18px;font-weight:600}
.states .node{font-weight:600}
.states .time{fill:var(--soft);font-size:11px;text-anchor:end;font-variant-numeric:tabular-nums}
.states .cause{fill:var(--soft);font-size:12px}
.states .rule{stroke:var(--line)}
.states .mark{fill:var(--mark)}
.states .new{fill:var(--new);font-weight:600}
.states .old{fill:var(--soft)}
";
