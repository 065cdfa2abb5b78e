//! Boxes: what stands beside the story of a page.

use crate::quiz::inline;
use crate::targets::Targets;

/// A box that is open.
#[derive(Clone, Debug)]
pub(super) struct Open {
    /// Which line turns its page: what follows is folded until the reader asks for it.
    turn: Option<(&'static str, &'static str)>,
    turned: bool,
}

impl Open {
    /// A box that hides nothing.
    pub(super) fn plain() -> Open {
        Open { turn: None, turned: false }
    }

    /// A box within which `::: name` hides what follows behind a summary.
    fn folding(name: &'static str, html: &'static str) -> Open {
        Open { turn: Some((name, html)), turned: false }
    }

    /// What `::: name` within the box becomes, if it may be there.
    pub(super) fn turn(&mut self, name: &str) -> Option<&'static str> {
        match self.turn {
            Some((expected, html)) if name == expected && !self.turned => {
                self.turned = true;
                Some(html)
            }
            _ => None,
        }
    }

    /// What closes the box.
    pub(super) fn end(&self) -> &'static str {
        if self.turned { "\n</details>\n</aside>\n" } else { "\n</aside>\n" }
    }
}

const ANSWER: &str = "\n<details><summary>What happens</summary>\n\n";
const LONG: &str = "\n<details><summary>In three minutes</summary>\n\n";

/// Opens a box.
pub(super) fn open(name: &str, words: &str, targets: &Targets) -> Result<(Open, String), String> {
    match name {
        "predict" => {
            let head = head("predict", "predict", "Before you read on", words);
            Ok((Open::folding("answer", ANSWER), head))
        }
        "claim" => claim(words, targets),
        "exercise" => exercise(words, targets),
        "question" => question(words),
        "zookeeper" if words.is_empty() => {
            Err("name the class and the version: `::: zookeeper FastLeaderElection 3.8`".into())
        }
        "zookeeper" => {
            let title = format!("In Apache ZooKeeper: <code>{}</code>", inline(words));
            Ok((Open::plain(), head("zookeeper", "zookeeper", &title, "")))
        }
        "rust" => Ok((Open::plain(), head("rust", "rust", "Rust, skip on first reading", words))),
        "warning" => Ok((Open::plain(), head("warning", "warning", "Take care", words))),
        _ => Err(format!(
            "there is no box `{name}`; there are predict, claim, exercise, question, zookeeper, \
             rust and warning"
        )),
    }
}

fn claim(words: &str, targets: &Targets) -> Result<(Open, String), String> {
    let number: u32 = words.parse().map_err(|_| "name the claim by its number".to_string())?;
    let claim = targets.claims.get(&number).ok_or(format!("there is no claim {number}"))?;
    let title = format!("Claim {number}: “{}”", inline(&claim.stated));
    let mut html = head("claim", &format!("claim-{number}"), &title, "");
    if claim.settled {
        html += &format!("<p class=\"try\"><code>ensemble claim {number}</code></p>\n\n");
    } else {
        html += &format!("<p class=\"try\">Settled in chapter {}.</p>\n\n", claim.chapter);
    }
    Ok((Open::folding("answer", ANSWER), html))
}

fn exercise(words: &str, targets: &Targets) -> Result<(Open, String), String> {
    let exercise = targets.exercises.get(words).ok_or(format!("there is no exercise {words}"))?;
    let title = format!("Exercise {words}: {}", inline(&exercise.name));
    let about = format!("{}, about {} minutes", exercise.kind, exercise.minutes);
    Ok((Open::plain(), head("exercise", &format!("exercise-{words}"), &title, &about)))
}

/// `ID English | 中文`.
fn question(words: &str) -> Result<(Open, String), String> {
    let why = "a question is written `::: question ID English text | 中文`";
    let (id, rest) = words.split_once(' ').ok_or(why)?;
    let (english, chinese) = rest.split_once(" | ").ok_or(why)?;
    let title = format!("{} <span lang=\"zh\">{}</span>", inline(english), inline(chinese));
    let html = head("question", &format!("question-{id}"), &title, "");
    Ok((Open::folding("long", LONG), html))
}

fn head(class: &str, id: &str, title: &str, about: &str) -> String {
    let id = if class == id { String::new() } else { format!(" id=\"{id}\"") };
    let about = match about {
        "" => String::new(),
        about => format!(" <span class=\"about\">{}</span>", inline(about)),
    };
    format!("<aside class=\"box {class}\"{id}>\n<p class=\"head\">{title}{about}</p>\n\n")
}
