//! Transcripts: what a reader sees who types the commands, carried out and compared.
//!
//! Each command stands behind a `$`, and below it what it prints. `[...]` stands for any lines, `…`
//! for any letters within a line, `[exit 2]` at the end for another exit code than 0. What the
//! reader's own terminal would add is left out: no colours, 80 columns.
//!
//! Always true: a transcript that is accepted would be accepted of a reader who runs it now.

use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A command of a transcript, and what stands below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// What is typed.
    pub command: &'a str,
    /// The line of the block on which it stands, counted from 0.
    pub line: usize,
    /// What it is said to print.
    pub prints: Vec<&'a str>,
}

/// What a command really did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// What it printed, to both outputs, in order.
    pub text: String,
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
}

/// Where commands are carried out.
#[derive(Clone, Debug)]
pub struct Place {
    /// The root of the course.
    pub root: PathBuf,
    /// The product's program.
    pub ensemble: PathBuf,
}

impl Place {
    /// Carries out a command.
    ///
    /// # Errors
    /// It is no command of this product, or it cannot be started.
    pub fn run(&self, command: &str) -> Result<Output, String> {
        let words = shlex::split(command).ok_or("a quotation mark is not closed")?;
        let [program, arguments @ ..] = words.as_slice() else {
            return Err("there is no command behind the $".to_string());
        };
        if program != "ensemble" {
            let why = "only `ensemble` is carried out; use a block of `sh` for other commands";
            return Err(why.to_string());
        }
        self.carry_out(arguments).map_err(|why| format!("it cannot be carried out: {why}"))
    }

    fn carry_out(&self, arguments: &[String]) -> io::Result<Output> {
        let (mut reader, writer) = io::pipe()?;
        // The command's copies of the pipe end with this statement: else nothing would end it.
        let mut child = Command::new(&self.ensemble)
            .args(arguments)
            .current_dir(&self.root)
            .env("NO_COLOR", "1")
            .env("COLUMNS", "80")
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .spawn()?;
        let mut text = String::new();
        reader.read_to_string(&mut text)?;
        let code = child.wait()?.code().unwrap_or(-1);
        Ok(Output { text, code })
    }
}

/// Takes a transcript apart.
///
/// # Errors
/// Something stands above the first command.
pub fn steps(body: &str) -> Result<Vec<Step<'_>>, String> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    for (number, line) in body.lines().enumerate() {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { command: command.trim(), line: number, prints: Vec::new() });
        } else if let Some(step) = steps.last_mut() {
            step.prints.push(line);
        } else {
            return Err(format!("a transcript begins with a command, `$ ...`, not with {line:?}"));
        }
    }
    if steps.is_empty() {
        return Err("a transcript has a command: `$ ...`".to_string());
    }
    Ok(steps)
}

/// Compares what a step is said to print with what it printed. The error says what is different.
pub fn compare(step: &Step<'_>, output: &Output) -> Result<(), String> {
    let mut patterns: Vec<&str> = step.prints.clone();
    while patterns.last().is_some_and(|line| line.is_empty()) {
        patterns.pop();
    }
    let mut code = 0;
    if let Some(said) = patterns.last().and_then(|line| exit(line)) {
        code = said;
        patterns.pop();
    }
    if code != output.code {
        let Output { text, code } = output;
        let words = text.lines().last().unwrap_or("");
        return Err(format!("`{}` ends with {code}: {words}", step.command));
    }
    let printed: Vec<&str> = output.text.trim_end().lines().collect();
    match parting(&patterns, &printed) {
        None => Ok(()),
        Some((pattern, line)) => {
            let mut why = format!("`{}` prints something else now", step.command);
            let line = line.map_or("no such line", str::trim_end);
            let _ = write!(why, "\n    the page: {}\n    it prints: {line}", pattern.unwrap_or(""));
            why.push_str("\n    `ensemble book --bless` writes down what it prints");
            Err(why)
        }
    }
}

/// What a step prints, to be written into the page: with the lines of before where they still hold.
/// Nothing if the page leaves lines out, since nobody can say which it would leave out now.
pub fn bless(step: &Step<'_>, output: &Output) -> Option<String> {
    if step.prints.contains(&"[...]") {
        return None;
    }
    let mut text = format!("$ {}\n", step.command);
    for line in output.text.trim_end().lines() {
        let kept = step.prints.iter().find(|pattern| pattern.contains('…') && fits(pattern, line));
        let _ = writeln!(text, "{}", kept.copied().unwrap_or(line).trim_end());
    }
    if output.code != 0 {
        let _ = writeln!(text, "[exit {}]", output.code);
    }
    Some(text)
}

fn exit(line: &str) -> Option<i32> {
    line.strip_prefix("[exit ")?.strip_suffix(']')?.parse().ok()
}

/// What a page says, and what is there instead.
pub type Parting<'a> = (Option<&'a str>, Option<&'a str>);

/// The first line that is not as it should be: what the page says, and what is printed.
pub fn parting<'a>(patterns: &[&'a str], printed: &[&'a str]) -> Option<Parting<'a>> {
    match (patterns, printed) {
        ([], []) | (["[...]"], _) => None,
        (["[...]", rest @ ..], _) => {
            // The lines left out end where the rest fits.
            let mut ends = (0..=printed.len()).map(|at| parting(rest, &printed[at..]));
            ends.try_fold((), |(), end| end.map(drop))?;
            Some((rest.first().copied(), None))
        }
        ([pattern, patterns @ ..], [line, printed @ ..]) if fits(pattern, line) => {
            parting(patterns, printed)
        }
        _ => Some((patterns.first().copied(), printed.first().copied())),
    }
}

/// Whether a line is as the page says, letter by letter but for each `…`.
fn fits(pattern: &str, line: &str) -> bool {
    let (pattern, line) = (pattern.trim_end(), line.trim_end());
    let Some((first, rest)) = pattern.split_once('…') else { return pattern == line };
    let Some(mut line) = line.strip_prefix(first) else { return false };
    let mut parts = rest.split('…').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return line.ends_with(part);
        }
        let Some(at) = line.find(part) else { return false };
        line = &line[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(said: &str, text: &str, code: i32) -> Result<(), String> {
        let body = format!("$ ensemble run 08\n{said}");
        let steps = steps(&body).unwrap();
        compare(&steps[0], &Output { text: text.to_string(), code })
    }

    #[test]
    fn a_transcript_is_compared_line_by_line() {
        assert_eq!(check("a\nb\n", "a\nb\n", 0), Ok(()));
        let why = check("a\nb\n", "a\nc\n", 0).unwrap_err();
        assert!(why.contains("the page: b\n    it prints: c\n"), "{why}");
        assert!(check("a\n", "a\nb\n", 0).unwrap_err().contains("the page: \n    it prints: b"));
        assert!(check("a\nb\n", "a\n", 0).unwrap_err().contains("it prints: no such line"));
    }

    #[test]
    fn lines_and_letters_can_be_left_out() {
        assert_eq!(check("a\n[...]\nd\n", "a\nb\nc\nd\n", 0), Ok(()));
        assert_eq!(check("[...]\nd\n[...]\n", "d\n", 0), Ok(()));
        assert!(check("a\n[...]\ne\n", "a\nb\nc\nd\n", 0).is_err());
        assert_eq!(check("took … ms, … seeds\n", "took 12 ms, 7 seeds\n", 0), Ok(()));
        assert!(check("took … ms\n", "took 12 s\n", 0).is_err());
    }

    #[test]
    fn an_exit_code_is_said_if_it_is_not_zero() {
        assert_eq!(check("no\n[exit 2]\n", "no\n", 2), Ok(()));
        assert!(check("no\n", "no\n", 2).unwrap_err().contains("ends with 2: no"));
        assert!(check("no\n[exit 2]\n", "no\n", 0).is_err());
    }

    #[test]
    fn blessing_keeps_the_gaps_that_still_fit() {
        let steps = steps("$ ensemble x\ntook … ms\nold\n").unwrap();
        let output = Output { text: "took 9 ms\nnew\n".to_string(), code: 1 };
        let blessed = "$ ensemble x\ntook … ms\nnew\n[exit 1]\n";
        assert_eq!(bless(&steps[0], &output).as_deref(), Some(blessed));
    }
}
