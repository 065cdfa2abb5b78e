//! Builds the whole book: woven, rendered, checked.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use mdbook_driver::MDBook;

use crate::links;
use crate::problem::Problem;
use crate::targets::Targets;
use crate::transcript::Place;
use crate::weave::Weaver;

/// What is to be built.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The course, and the product's program.
    pub place: Place,
    /// Where the finished book goes.
    pub out: PathBuf,
    /// Whether transcripts that no longer hold are written anew.
    pub bless: bool,
    /// Where a page asks whether it has changed; none if nobody serves it.
    pub reload: Option<String>,
}

/// Builds it. What is wrong is in the error, a line for each problem.
///
/// # Errors
/// Something is wrong with the book.
pub fn build(plan: &Plan) -> anyhow::Result<()> {
    let folder = plan.place.root.join("book");
    let targets = Targets::read(&plan.place).map_err(|problem| anyhow::anyhow!("{problem}"))?;
    let topics = targets.topics.clone();
    let config = fs::read_to_string(folder.join("book.toml")).context("book/book.toml")?;
    let mut config: mdbook_driver::config::Config = config.parse().context("book/book.toml")?;
    config.build.build_dir = plan.out.clone();
    if let Some(endpoint) = &plan.reload {
        config.set("output.html.live-reload-endpoint", endpoint)?;
    }
    let mut book = MDBook::load_with_config(&folder, config)?;
    book.with_preprocessor(Weaver::new(plan.place.clone(), targets, plan.bless));
    book.build().map_err(|why| anyhow::anyhow!("{}", why.root_cause()))?;
    let problems = links::problems(&plan.place.root, &plan.out, &topics)?;
    if !problems.is_empty() {
        let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
        bail!("{}", lines.join("\n"));
    }
    Ok(())
}

/// The front page of a finished book.
pub fn front(out: &Path) -> PathBuf {
    out.join("index.html")
}
