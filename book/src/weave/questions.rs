//! The questions of all pages, to be gathered on a page of their own.
//!
//! Always true: an answer is written once, on the page of its chapter; here it is only shown again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::page::{Kind, pieces};
use crate::quiz::inline;

/// Questions by their number.
pub(super) type Questions = BTreeMap<String, Question>;

/// A question, and where it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    page: PathBuf,
    english: String,
    chinese: String,
    /// The answer of thirty seconds, as Markdown.
    short: String,
}

/// All questions of these pages.
pub(super) fn collect<'a>(pages: impl Iterator<Item = (&'a PathBuf, &'a str)>) -> Questions {
    let mut questions = Questions::new();
    for (page, text) in pages {
        let mut asked: Option<(String, Question)> = None;
        for piece in pieces(text).unwrap_or_default() {
            match piece.kind {
                Kind::Open { name: "question", words } => asked = parts(words, page),
                Kind::Text(text) => {
                    if let Some((_, question)) = &mut asked {
                        question.short.push_str(text);
                    }
                }
                // What comes after the short answer, or after the box.
                Kind::Open { .. } | Kind::Close => questions.extend(asked.take()),
                _ => {}
            }
        }
    }
    questions
}

/// `ID English | 中文`.
fn parts(words: &str, page: &Path) -> Option<(String, Question)> {
    let (id, rest) = words.split_once(' ')?;
    let (english, chinese) = rest.split_once(" | ")?;
    let [english, chinese] = [english, chinese].map(str::to_string);
    Some((
        id.to_string(),
        Question { page: page.to_path_buf(), english, chinese, short: String::new() },
    ))
}

/// The questions of these numbers, each with its short answer.
///
/// # Errors
/// No page asks one of them.
pub(super) fn gather(questions: &Questions, ids: &str) -> Result<String, String> {
    let mut out = String::new();
    for id in ids.split_whitespace() {
        let Question { page, english, chinese, short } =
            questions.get(id).ok_or_else(|| format!("no page asks question {id}"))?;
        out += &format!(
            "<div class=\"asked\">\n\n**{}** <span lang=\"zh\">{}</span>\n\n{}\n\n\
             [The whole answer]({}#question-{id})\n\n</div>\n\n",
            inline(english),
            inline(chinese),
            short.trim(),
            page.display()
        );
    }
    Ok(out)
}
