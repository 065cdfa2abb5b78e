//! Builds the book and serves it. `ensemble book` builds and starts this program.
//!
//! Exit codes: 0 for success, 1 where the book is wrong, 2 for a mistake in the command line.
#![allow(clippy::disallowed_methods, reason = "it serves readers, in real time")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use book::build::{Plan, build, front};
use book::serve;
use book::transcript::Place;

/// Builds the book
#[derive(Parser, Debug)]
#[command(name = "ensemble-book")]
struct Args {
    /// The root of the course
    #[arg(long)]
    course: PathBuf,
    /// The program whose commands the book shows
    #[arg(long)]
    ensemble: PathBuf,
    /// Where the finished book goes
    #[arg(long)]
    out: PathBuf,
    /// Write down what commands print now, where pages say something else
    #[arg(long)]
    bless: bool,
    /// Serve the book at this port, and build it again when something changes
    #[arg(long)]
    port: Option<u16>,
    /// Open it in a browser
    #[arg(long)]
    open: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    // What is built lies in other folders: relative paths would mean something else there.
    let [course, ensemble, out] = [&args.course, &args.ensemble, &args.out]
        .map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()));
    let place = Place { root: course, ensemble };
    let reload = args.port.map(|_| serve::RELOAD.to_string());
    let plan = Plan { place, out, bless: args.bless, reload };
    match run(&args, &plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args, plan: &Plan) -> anyhow::Result<()> {
    let begun = Instant::now();
    build(plan)?;
    let page = front(&plan.out);
    eprintln!("built in {:.1} s: {}", begun.elapsed().as_secs_f64(), page.display());
    let Some(port) = args.port else {
        if args.open {
            serve::open(&page.display().to_string())?;
        }
        return Ok(());
    };
    // What was written down once must not hide what changes later.
    let plan = Plan { bless: false, ..plan.clone() };
    serve::serve(&plan, port, |address| {
        println!("http://{address}/");
        if args.open
            && let Err(why) = serve::open(&format!("http://{address}/"))
        {
            eprintln!("no browser could be started ({why}); open the address above");
        }
    })
}
