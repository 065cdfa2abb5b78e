//! Weaving: pages become Markdown in which the code, what it prints and what it draws stand where
//! the pages ask for them.
//!
//! Always true: nothing in the woven page was written by hand that a program could have said; what
//! cannot be woven is a problem with file and line, and fails the build.

mod boxes;
mod questions;
mod tables;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mdbook_driver::book::{Book, BookItem, Chapter};
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};

use crate::commands::Commands;
use crate::listing::{self, Listing};
use crate::page::{Kind, Piece, asks, pieces};
use crate::problem::Problem;
use crate::quiz::{self, Quiz};
use crate::session;
use crate::targets::Targets;
use crate::transcript::{Place, bless, compare, steps};
use questions::Questions;

/// The folder of the pages, seen from the root of the course.
pub const PAGES: &str = "book/pages";

/// The preprocessor.
#[derive(Debug)]
pub struct Weaver {
    place: Place,
    targets: Targets,
    /// Whether transcripts that no longer hold are written anew.
    bless: bool,
}

impl Weaver {
    /// A weaver of pages of this course.
    pub fn new(place: Place, targets: Targets, bless: bool) -> Weaver {
        Weaver { place, targets, bless }
    }
}

impl Preprocessor for Weaver {
    fn name(&self) -> &str {
        "weave"
    }

    fn run(&self, _: &PreprocessorContext, mut book: Book) -> anyhow::Result<Book> {
        let mut pages = Vec::new();
        book.for_each_mut(|item| {
            if let BookItem::Chapter(Chapter { source_path: Some(path), content, .. }) = item {
                pages.push((path.clone(), content.clone()));
            }
        });
        let commands = Commands::of(pages.iter().map(|(_, text)| text.as_str()), &self.place);
        let texts = || pages.iter().map(|(path, text)| (path, text.as_str()));
        let others =
            Others { questions: questions::collect(texts()), chapters: tables::read(texts()) };
        let mut problems = self.targets.topics_problems(&self.place);
        let mut woven = BTreeMap::new();
        for (path, text) in &pages {
            let mut loom = Loom::new(self, &commands, &others, path, text);
            woven.insert(path.clone(), loom.weave());
            problems.append(&mut loom.problems);
        }
        if !problems.is_empty() {
            let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
            anyhow::bail!("{}", lines.join("\n"));
        }
        book.for_each_mut(|item| {
            if let BookItem::Chapter(Chapter { source_path: Some(path), content, .. }) = item
                && let Some(text) = woven.remove(path)
            {
                *content = text;
            }
        });
        Ok(book)
    }
}

/// How wide a drawing is, in its own units.
fn width(svg: &str) -> usize {
    let width = svg.split_once(" width=\"").and_then(|(_, rest)| rest.split('"').next());
    width.and_then(|width| width.parse().ok()).unwrap_or(0)
}

/// What a page may want to know of the others.
struct Others {
    questions: Questions,
    chapters: Vec<tables::ChapterHead>,
}

/// One page on its way through.
struct Loom<'a> {
    weaver: &'a Weaver,
    commands: &'a Commands,
    others: &'a Others,
    file: PathBuf,
    text: &'a str,
    out: String,
    problems: Vec<Problem>,
    /// The box that is open, and where it was opened.
    open: Option<(boxes::Open, usize)>,
    quizzes: usize,
    /// Transcripts to be written anew: the line of the opening fence, and the new lines below it.
    blessed: Vec<(usize, usize, String)>,
}

impl<'a> Loom<'a> {
    fn new(
        weaver: &'a Weaver,
        commands: &'a Commands,
        others: &'a Others,
        path: &Path,
        text: &'a str,
    ) -> Loom<'a> {
        Loom {
            weaver,
            commands,
            others,
            file: Path::new(PAGES).join(path),
            text,
            out: String::new(),
            problems: Vec::new(),
            open: None,
            quizzes: 0,
            blessed: Vec::new(),
        }
    }

    fn wrong(&mut self, line: usize, what: impl Into<String>) {
        self.problems.push(Problem { file: self.file.clone(), line, what: what.into() });
    }

    fn weave(&mut self) -> String {
        match pieces(self.text) {
            Ok(pieces) => pieces.iter().for_each(|piece| self.piece(piece)),
            Err(line) => self.wrong(line, "this block has no closing fence"),
        }
        if let Some((_, line)) = self.open.take() {
            self.wrong(line, "this box is not closed; end it with `:::`");
        }
        if let Some((line, why)) = self.commands.session(self.text) {
            self.wrong(*line, why.clone());
        }
        self.write_blessed();
        std::mem::take(&mut self.out)
    }

    fn piece(&mut self, piece: &Piece<'_>) {
        let line = piece.line;
        match piece.kind {
            Kind::Text(text) => self.out.push_str(text),
            Kind::Directive { name, words } => self.directive(line, name, words),
            Kind::Fence { info, body } => match info.split(' ').next() {
                Some("console") => self.transcript(line, info, body),
                Some("quiz") => self.quiz(line, body),
                Some("terminal") => self.terminal(info, body),
                _ => self.out.push_str(&format!("```{info}\n{body}```\n")),
            },
            Kind::Open { name, words } => self.open_box(line, name, words),
            Kind::Close => match self.open.take() {
                Some((open, _)) => self.out.push_str(open.end()),
                None => self.wrong(line, "no box is open here"),
            },
        }
    }

    fn directive(&mut self, line: usize, name: &str, words: &str) {
        let targets = &self.weaver.targets;
        let made = match name {
            "listing" => self.listing(words),
            "section" => self.section(words),
            "claims" => tables::claims(targets, words),
            "chapters" => Ok(tables::chapters(&self.others.chapters)),
            "questions" => questions::gather(&self.others.questions, words),
            "coverage" => Ok(tables::coverage(targets)),
            "exercises" => Ok(tables::exercises(targets, words)),
            _ => Err(format!(
                "there is no `{name}`; there are listing, section, claims, chapters, questions, \
                 coverage and exercises"
            )),
        };
        match made {
            Ok(made) => self.out.push_str(&made),
            Err(why) => self.wrong(line, why),
        }
    }

    /// `FILE` or `FILE items`.
    fn listing(&self, words: &str) -> Result<String, String> {
        let (file, items) = words.split_once(' ').unwrap_or((words, ""));
        let text = fs::read_to_string(self.weaver.place.root.join(file))
            .map_err(|why| format!("{file}: {why}"))?;
        let names = listing::names(items);
        let Listing { code, lines } = match names.is_empty() {
            true => listing::whole(&text),
            false => listing::items(&text, &names).map_err(|why| format!("{file}: {why}"))?,
        };
        let language = if file.ends_with(".rs") { "rust" } else { "text" };
        let (first, last) = (lines.start(), lines.end());
        Ok(format!(
            "<figure class=\"listing\"><figcaption><code>{file}</code> \
             <span>lines {first} to {last}</span></figcaption>\n\n\
             ````{language}\n{code}````\n\n</figure>\n"
        ))
    }

    /// `FILE title`: what stands below that title in a Markdown file of the course.
    fn section(&self, words: &str) -> Result<String, String> {
        let (file, title) = words.split_once(' ').ok_or("name the file and the title")?;
        let text = fs::read_to_string(self.weaver.place.root.join(file))
            .map_err(|why| format!("{file}: {why}"))?;
        let mut lines =
            text.lines().skip_while(|line| line.trim_start_matches(['#', ' ']) != title);
        let head = lines.next().ok_or_else(|| format!("{file} has no section `{title}`"))?;
        let depth = head.len() - head.trim_start_matches('#').len();
        let ends = |line: &&str| (1..=depth).any(|it| line.starts_with(&("#".repeat(it) + " ")));
        let lines = lines.take_while(|line| !ends(line));
        Ok(lines.map(|line| format!("{line}\n")).collect())
    }

    fn transcript(&mut self, line: usize, info: &str, body: &str) {
        let steps = match steps(body) {
            Ok(steps) => steps,
            Err(why) => return self.wrong(line, why),
        };
        let mut blessed = Some(String::new());
        let mut stale = false;
        for step in &steps {
            let at = line + 1 + step.line;
            let output = match self.commands.output(step.command) {
                Ok(output) => output,
                Err(why) => return self.wrong(at, why.clone()),
            };
            let same = compare(step, output);
            stale |= same.is_err();
            blessed = blessed.zip(bless(step, output)).map(|(all, one)| all + &one);
            if let Err(why) = same
                && (!self.weaver.bless || blessed.is_none())
            {
                self.wrong(at, why);
            }
        }
        if let Some(text) = blessed
            && self.weaver.bless
            && stale
        {
            self.blessed.push((line, body.lines().count(), text));
        }
        let drawn = asks(info, "diagram");
        if drawn {
            for step in &steps {
                self.diagram(line, step.command);
            }
        }
        let block = format!("```console\n{body}```\n");
        if drawn || asks(info, "folded") {
            let what = if drawn { "The same as text" } else { "What it prints" };
            self.out.push_str(&format!(
                "<details class=\"twin\"><summary>{what}: <code>{}</code></summary>\n\n\
                 {block}\n</details>\n",
                quiz::inline(steps[0].command)
            ));
        } else {
            self.out.push_str(&block);
        }
    }

    /// What stands on a terminal. It was compared when the session of the page was played.
    fn terminal(&mut self, info: &str, body: &str) {
        let name = session::name(info).unwrap_or_default();
        let press =
            |line: &str| line.strip_prefix("press ").map(|keys| format!("(press {keys})\n"));
        let lines = body.lines().map(|line| press(line).unwrap_or_else(|| format!("{line}\n")));
        let text: String = lines.collect();
        self.out.push_str(&format!(
            "<figure class=\"terminal\"><figcaption>Terminal: {name}</figcaption>\n\n\
             ```console\n{text}```\n\n</figure>\n"
        ));
    }

    /// What a command draws. The drawing's text is the transcript that follows.
    fn diagram(&mut self, line: usize, command: &str) {
        match self.commands.drawing(command) {
            Ok(svg) => {
                // What is wider than the text is made smaller, but not so small that nobody can
                // read it; then the reader moves it.
                let least = width(svg) * 2 / 3;
                let svg = svg.replacen("<svg ", &format!("<svg style=\"min-width:{least}px\" "), 1);
                let figure = format!("\n<figure class=\"diagram\">\n{svg}</figure>\n\n");
                self.out.push_str(&figure);
            }
            Err(why) => self.wrong(line, why.clone()),
        }
    }

    fn quiz(&mut self, line: usize, body: &str) {
        let quiz = match Quiz::read(body) {
            Ok(quiz) => quiz,
            Err(why) => return self.wrong(line, why),
        };
        for (command, shown) in &quiz.evidence {
            match self.commands.output(command) {
                Ok(output) if Quiz::is_shown(shown, &output.text) => {}
                Ok(_) => {
                    let why = format!("`{command}` does not print a line with {shown:?}");
                    self.wrong(line, why);
                }
                Err(why) => self.wrong(line, why.clone()),
            }
        }
        self.quizzes += 1;
        self.out.push_str(&quiz.html(&format!("quiz-{}", self.quizzes)));
    }

    fn open_box(&mut self, line: usize, name: &str, words: &str) {
        if let Some((open, _)) = &mut self.open {
            match open.turn(name) {
                Some(html) => self.out.push_str(html),
                None => self.wrong(line, "a box lies in a box; close the first with `:::`"),
            }
            return;
        }
        match boxes::open(name, words, &self.weaver.targets) {
            Ok((open, html)) => {
                self.out.push_str(&html);
                self.open = Some((open, line));
            }
            Err(why) => {
                self.wrong(line, why);
                self.open = Some((boxes::Open::plain(), line));
            }
        }
    }

    fn write_blessed(&mut self) {
        if self.blessed.is_empty() {
            return;
        }
        let mut lines: Vec<&str> = self.text.lines().collect();
        for (line, count, text) in self.blessed.iter().rev() {
            lines.splice(line..&(line + count), text.lines());
        }
        let path = self.weaver.place.root.join(&self.file);
        if let Err(why) = fs::write(path, lines.join("\n") + "\n") {
            self.wrong(0, why.to_string());
        }
    }
}
