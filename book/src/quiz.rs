//! Quizzes: a question with answers to choose from, and the command that tells which is right.
//!
//! ```text
//! Which server leads?
//! ( ) 1
//! (x) 3
//! $ ensemble run 08 --servers 5
//! => server 3 leads
//! It was the first for which a quorum voted.
//! ```
//!
//! Always true: a quiz has one right answer at least and one wrong one, and a command that prints a
//! line in which what stands behind `=>` occurs.

use std::fmt::Write as _;

/// A quiz.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quiz<'a> {
    question: Vec<&'a str>,
    options: Vec<(bool, &'a str)>,
    /// Each command, and what one line of its output has in it.
    pub evidence: Vec<(&'a str, &'a str)>,
    because: Vec<&'a str>,
}

impl<'a> Quiz<'a> {
    /// Reads a block.
    ///
    /// # Errors
    /// Something is missing.
    pub fn read(body: &'a str) -> Result<Quiz<'a>, String> {
        let mut quiz =
            Quiz { question: vec![], options: vec![], evidence: vec![], because: vec![] };
        let mut command = None;
        for line in body.lines() {
            if let Some(option) = line.strip_prefix("( ) ") {
                quiz.options.push((false, option));
            } else if let Some(option) = line.strip_prefix("(x) ") {
                quiz.options.push((true, option));
            } else if let Some(typed) = line.strip_prefix("$ ") {
                command = Some(typed);
            } else if let Some(shown) = line.strip_prefix("=> ") {
                let typed = command.ok_or("`=>` stands behind a command, `$ ...`")?;
                quiz.evidence.push((typed, shown));
            } else if quiz.options.is_empty() {
                quiz.question.push(line);
            } else {
                quiz.because.push(line);
            }
        }
        let right = quiz.options.iter().filter(|(right, _)| *right).count();
        if quiz.question.is_empty() || right == 0 || right == quiz.options.len() {
            return Err("a quiz asks something, and has right (x) and wrong ( ) answers".into());
        }
        if quiz.evidence.is_empty() {
            return Err("a quiz has a command `$ ...` and what it shows, `=> ...`".into());
        }
        Ok(quiz)
    }

    /// Whether the output of a command shows what it is said to show.
    pub fn is_shown(shown: &str, output: &str) -> bool {
        let mut words = shown.split('…').peekable();
        let first = words.next().unwrap_or("");
        output.lines().any(|line| {
            let Some(at) = line.find(first) else { return false };
            let rest = &line[at + first.len()..];
            words
                .clone()
                .try_fold(rest, |rest, word| rest.find(word).map(|at| &rest[at + word.len()..]))
                .is_some()
        })
    }

    /// The quiz as HTML around Markdown; `name` is its own among all of the page.
    pub fn html(&self, name: &str) -> String {
        let kind = if self.options.iter().filter(|(right, _)| *right).count() > 1 {
            "checkbox"
        } else {
            "radio"
        };
        let mut out =
            format!("<form class=\"quiz\" id=\"{name}\">\n\n{}\n\n", join(&self.question));
        for (right, text) in &self.options {
            let right = if *right { " data-right" } else { "" };
            let _ = writeln!(
                out,
                "<label class=\"option\"{right}><input type=\"{kind}\" name=\"{name}\"> \
                 <span>{}</span></label>",
                inline(text)
            );
        }
        let right: Vec<_> =
            self.options.iter().filter(|(right, _)| *right).map(|(_, text)| inline(text)).collect();
        let _ = writeln!(
            out,
            "<details><summary>Answer</summary>\n\n<p class=\"right\">{}</p>\n\n{}\n\nSee it:\n",
            right.join("; "),
            join(&self.because)
        );
        for (command, shown) in &self.evidence {
            let _ = writeln!(out, "```console\n$ {command}\n[...]\n{shown}\n[...]\n```\n");
        }
        out.push_str("</details>\n</form>\n");
        out
    }
}

fn join(lines: &[&str]) -> String {
    lines.join("\n").trim().to_string()
}

/// Text with `code` in it, as HTML.
pub fn inline(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut out = String::new();
    for (place, part) in escaped.split('`').enumerate() {
        match place % 2 {
            0 => out.push_str(part),
            _ => {
                let _ = write!(out, "<code>{part}</code>");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "Who leads?\n( ) 1\n(x) `3`\n$ ensemble run 08\n=> server 3 leads\nSo.\n";

    #[test]
    fn a_quiz_has_right_and_wrong_answers_and_evidence() {
        let quiz = Quiz::read(BODY).unwrap();
        assert_eq!(quiz.evidence, [("ensemble run 08", "server 3 leads")]);
        assert!(quiz.html("q1").contains(
            "data-right><input type=\"radio\" name=\"q1\"> \
                                          <span><code>3</code>"
        ));
        assert!(Quiz::read(&BODY.replace("( )", "(x)")).is_err());
        assert!(Quiz::read(&BODY.replace("(x)", "( )")).is_err());
        assert!(Quiz::read(&BODY.replace("=> ", "")).is_err());
        assert!(Quiz::read(&BODY.replace("$ ", "")).is_err());
    }

    #[test]
    fn what_is_shown_stands_in_one_line() {
        assert!(Quiz::is_shown("server … leads", "x\nnow server 3 leads all\n"));
        assert!(!Quiz::is_shown("server … leads", "server 3\nleads\n"));
    }
}
