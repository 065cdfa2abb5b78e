//! How a trace looks on a screen: a column for the time, one for who, one for what.

use std::fmt::Write as _;

use machines::{Kind, Line, NodeId, Row};
use serde_json::{Value as Json, json};

/// How long a line of prose may be.
const WIDTH: usize = 96;

/// The columns.
pub(in crate::cli) struct Layout {
    /// How wide the column is that says who.
    who: usize,
    /// Whether some sentences stand out.
    emphasis: bool,
}

impl Layout {
    /// Columns that these lines fit into.
    pub(in crate::cli) fn new(lines: &[Line], emphasis: bool) -> Layout {
        let who = lines.iter().map(|line| who(line).chars().count()).max().unwrap_or(0);
        Layout { who, emphasis }
    }

    /// What stands above the columns.
    pub(in crate::cli) fn head(&self) -> String {
        format!("{:>9}  {:who$}  what", "time (ms)", "who", who = self.who)
    }

    /// What happened. A message is shown once, when it arrives.
    pub(in crate::cli) fn line(&self, line: &Line) -> String {
        self.columns(line, &who(line), &what(line))
    }

    /// What happened, as the trace says it.
    pub(in crate::cli) fn whole(&self, line: &Line) -> String {
        let said = line.to_string();
        format!("{:>9.1}  {said}", millis(line))
    }

    fn columns(&self, line: &Line, who: &str, what: &str) -> String {
        let time = millis(line);
        format!("{time:>9.1}  {who:width$}  {what}", width = self.who)
    }

    /// What is to be seen from here on.
    pub(in crate::cli) fn note(&self, text: &str) -> String {
        let mut lines = vec![format!("{:>9} ", "--")];
        let mut full = lines[0].len();
        for word in text.split(' ') {
            let end = full + 1 + word.chars().count();
            if end <= WIDTH {
                full = end;
            } else {
                lines.push(" ".repeat(10));
                full = 11 + word.chars().count();
            }
            let line = lines.last_mut().expect("there is a line");
            line.push(' ');
            line.push_str(word);
        }
        self.emphasis(&lines.join("\n"))
    }

    /// A sentence that stands out.
    pub(in crate::cli) fn emphasis(&self, text: &str) -> String {
        if self.emphasis { format!("\x1b[1m{text}\x1b[0m") } else { text.to_string() }
    }
}

/// Words of prose, in lines; the second and later ones are indented as far as `head` is long.
pub(in crate::cli) fn wrapped(head: &str, text: &str) -> String {
    let (mut lines, mut full) = (vec![head.to_string()], head.len());
    for word in text.split(' ') {
        let long = word.chars().count();
        if full > head.len() && full + 1 + long > WIDTH {
            lines.push(" ".repeat(head.len()));
            full = head.len();
        }
        let line = lines.last_mut().expect("there is a line");
        if full > head.len() {
            line.push(' ');
            full += 1;
        }
        line.push_str(word);
        full += long;
    }
    lines.join("\n")
}

/// Whether a person wants to see a line, whatever the machines are: what happened to nodes and to
/// messages, but not to connections.
pub(in crate::cli) fn says_something(line: &Line) -> bool {
    match line.kind {
        Kind::Dialled
        | Kind::Opened
        | Kind::Accepted
        | Kind::Left
        | Kind::Closed
        | Kind::Flushed
        | Kind::Sent
        | Kind::Drained
        | Kind::Wrote => false,
        Kind::Started
        | Kind::Refused
        | Kind::Crashed
        | Kind::PowerLost
        | Kind::Paused
        | Kind::Resumed
        | Kind::ClockSet
        | Kind::Cut
        | Kind::Mended
        | Kind::Broken
        | Kind::Lost
        | Kind::Received
        | Kind::Expired
        | Kind::Durable
        | Kind::Failed
        | Kind::Fetched
        | Kind::Answered
        | Kind::Driven => true,
    }
}

/// A line of the trace for a program.
pub(in crate::cli) fn json(line: &Line) -> Json {
    json!({
        "time": millis(line),
        "node": line.node.to_string(),
        "kind": snake(&format!("{:?}", line.kind)),
        "peer": line.peer.map(|peer| peer.to_string()),
        "number": line.number,
        "text": line.text,
    })
}

fn millis(line: &Line) -> f64 {
    line.time.as_micros() as f64 / 1000.0
}

/// `PowerLost` as `power_lost`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

fn who(line: &Line) -> String {
    match (line.kind, line.peer) {
        (Kind::Received, Some(peer)) => format!("{peer} → {}", line.node),
        (Kind::Lost, Some(peer)) => format!("{} ↛ {peer}", line.node),
        (Kind::Sent | Kind::Cut | Kind::Mended, Some(peer)) => format!("{} → {peer}", line.node),
        (_, Some(peer)) => format!("{} - {peer}", line.node),
        (_, None) => line.node.to_string(),
    }
}

/// What happened, without who.
fn what(line: &Line) -> String {
    let text = &line.text;
    match line.kind {
        Kind::Received | Kind::Sent | Kind::Lost | Kind::Answered => text.clone(),
        // Who drives a machine by hand may say what for.
        Kind::Driven if !text.is_empty() => text.clone(),
        Kind::Expired => format!("{text} has run out"),
        Kind::Durable => format!("on disk: {text}"),
        kind => {
            let word = snake(&format!("{kind:?}")).replace('_', " ");
            if text.is_empty() { word } else { format!("{word}: {text}") }
        }
    }
}

/// What to try next: options of a chapter's program, in a column of this width, and what each shows.
pub(super) fn try_next(number: &str, width: usize, next: &[(&str, &str)]) -> String {
    let mut text = String::from("Try next:\n");
    for (options, what) in next {
        let _ = writeln!(text, "  ensemble run {number} {options:width$} {what}");
    }
    text
}

/// A state table: what nodes are like, in a column each. A cell says only what has changed.
pub(super) fn states(nodes: &[NodeId], rows: &[Row]) -> String {
    let mut lines = vec![vec!["time (ms)".to_string(), "what".to_string()]];
    lines[0].extend(nodes.iter().map(|node| node.name()));
    for row in rows {
        let mut line = vec![format!("{:>9}", row.time), row.cause.clone()];
        line.extend(row.cells.iter().enumerate().map(|(place, cell)| match place == row.which {
            true if cell.is_empty() => "down".to_string(),
            true => cell.iter().map(|value| value.text.as_str()).collect::<Vec<_>>().join(", "),
            false => String::new(),
        }));
        lines.push(line);
    }
    columns(&lines, "  ")
}

/// Rows below one another, each column as wide as its widest cell, with this between two.
pub(super) fn columns<R: AsRef<[String]>>(rows: &[R], between: &str) -> String {
    let count = rows.first().map_or(0, |row| row.as_ref().len());
    let width = |column: usize| rows.iter().map(|row| row.as_ref()[column].chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.as_ref().iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join(between).trim_end());
    }
    text
}
