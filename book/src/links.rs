//! Links of the finished book: each leads to a page and an anchor that are there, and no page needs
//! anything from another host.
//!
//! Always true: what is checked is what a browser gets, after everything was woven and rendered.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use scraper::{Html, Selector};

use crate::problem::Problem;
use crate::targets::{SYLLABUS, Topic};
use crate::weave::PAGES;

/// A page of the finished book.
#[derive(Debug, Default)]
struct Page {
    /// The anchors in it.
    ids: BTreeSet<String>,
    /// Where its links lead.
    links: Vec<String>,
    /// What the browser loads with it.
    loads: Vec<String>,
}

/// Checks all pages in `out`, and that `topics` are where they are said to be.
///
/// # Errors
/// A file cannot be read.
pub fn problems(root: &Path, out: &Path, topics: &[Topic]) -> io::Result<Vec<Problem>> {
    let mut problems = orphans(root)?;
    let pages = read(out)?;
    for (path, page) in &pages {
        let source = source(path);
        let wrong = |target: &str, why: String| Problem {
            line: line_of(root, &source, target),
            file: source.clone(),
            what: format!("{why}: {target}"),
        };
        for load in &page.loads {
            if is_elsewhere(load) {
                problems.push(wrong(load, "the page loads something from another host".into()));
            } else if let Err(why) = leads(path, load, &pages, out) {
                problems.push(wrong(load, why));
            }
        }
        for link in page.links.iter().filter(|link| !is_elsewhere(link)) {
            if let Err(why) = leads(path, link, &pages, out) {
                problems.push(wrong(link, why));
            }
        }
    }
    for topic in topics {
        let Some(section) = &topic.section else { continue };
        let target = section.replace(".md", ".html");
        if let Err(why) = leads(Path::new("index.html"), &target, &pages, out) {
            let what = format!("topic `{}`: {why}: {section}", topic.id);
            problems.push(Problem { file: SYLLABUS.into(), line: 0, what });
        }
    }
    problems.sort();
    problems.dedup();
    Ok(problems)
}

/// Pages that no table of contents names.
fn orphans(root: &Path) -> io::Result<Vec<Problem>> {
    let summary = fs::read_to_string(root.join(PAGES).join("SUMMARY.md"))?;
    let mut orphans = Vec::new();
    for file in files(&root.join(PAGES))? {
        let name = file.strip_prefix(root.join(PAGES)).expect("it lies there").to_path_buf();
        let is_page = name.extension().is_some_and(|extension| extension == "md");
        let listed = summary.contains(&format!("({})", name.display()));
        if is_page && !listed && name != Path::new("SUMMARY.md") {
            let what = "no line of SUMMARY.md names this page".to_string();
            orphans.push(Problem { file: Path::new(PAGES).join(name), line: 0, what });
        }
    }
    Ok(orphans)
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.append(&mut files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn read(out: &Path) -> io::Result<BTreeMap<PathBuf, Page>> {
    let mut pages = BTreeMap::new();
    for file in files(out)? {
        let name = file.strip_prefix(out).expect("it lies there").to_path_buf();
        // All pages in one, whose anchors are those of the others; the page for what is missing,
        // which may be shown anywhere; the table of contents for browsers without scripts.
        let made =
            ["print.html", "404.html", "toc.html"].iter().any(|made| name == Path::new(made));
        if name.extension().is_some_and(|extension| extension == "html") && !made {
            pages.insert(name, parse(&fs::read_to_string(&file)?));
        }
    }
    Ok(pages)
}

fn parse(text: &str) -> Page {
    let html = Html::parse_document(text);
    let all = |selector: &str, name: &str| -> Vec<String> {
        let selector = Selector::parse(selector).expect("it is a selector");
        let found = html.select(&selector).filter_map(|element| element.attr(name));
        found.map(str::to_string).collect()
    };
    let mut loads = all("script[src], img[src], source[src], iframe[src]", "src");
    loads.extend(all("link[href]", "href"));
    let links = all("a[href]", "href");
    Page { ids: all("[id]", "id").into_iter().collect(), links, loads }
}

fn is_elsewhere(link: &str) -> bool {
    link.contains("://") || link.starts_with("//") || link.starts_with("mailto:")
}

/// Whether a link of a page leads somewhere.
fn leads(
    from: &Path,
    link: &str,
    pages: &BTreeMap<PathBuf, Page>,
    out: &Path,
) -> Result<(), String> {
    if link.starts_with("data:") || link.starts_with("javascript:") {
        return Ok(());
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let file = file.split('?').next().unwrap_or(file);
    let target = match file {
        "" => from.to_path_buf(),
        file => plain(&from.parent().unwrap_or(Path::new("")).join(file)),
    };
    match pages.get(&target) {
        None if out.join(&target).is_file() => Ok(()),
        None => Err("a link leads to a page that is not there".to_string()),
        Some(page) if anchor.is_empty() || page.ids.contains(anchor) => Ok(()),
        Some(_) => Err("a link leads to an anchor that is not there".to_string()),
    }
}

/// The path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// The page from which a page of the finished book was made.
fn source(page: &Path) -> PathBuf {
    let name = match page == Path::new("index.html") {
        true => PathBuf::from("front.md"),
        false => page.with_extension("md"),
    };
    Path::new(PAGES).join(name)
}

/// The line on which a page names a target; 0 if it does not do so in these words.
fn line_of(root: &Path, source: &Path, target: &str) -> usize {
    let text = fs::read_to_string(root.join(source)).unwrap_or_default();
    let written = target.replace(".html", ".md");
    let names = |line: &str| line.contains(&written) || line.contains(target);
    text.lines().position(names).map_or(0, |at| at + 1)
}
