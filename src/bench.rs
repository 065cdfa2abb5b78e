//! `ensemble bench`: how fast a server or an ensemble is, beside another one if you like.
//!
//! The driver shares the machine with the server that it measures, so it is as light as it can be:
//! all connections on one thread, requests encoded once and then only numbered, as many in one
//! write as there is room for, replies counted in the buffer in which they arrive. It drives any
//! server that speaks the protocol.
//!
//! Rounds alternate between the two targets, so that both see the same machine. The first round
//! warms up and does not count.
//!
//! Always true:
//! - at most `depth` requests of a client are unanswered;
//! - an answer with an error ends the run: only what succeeded is counted;
//! - everything that was made lies under one node, which is deleted at the end.

mod fanout;
mod pipe;
mod report;
mod site;
mod workload;

use std::io::{IsTerminal, Write, stderr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use hdrhistogram::Histogram;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

pub use pipe::BenchError;
use report::Report;
use site::{Site, Target};
pub use workload::Workload;
use workload::{Load, Measure};

/// What to measure, and how.
#[derive(Args, Clone, Debug)]
pub struct BenchArgs {
    /// The server, or those of an ensemble: host:port[,host:port...][/chroot]. The clients are
    /// dealt out to them in turn
    connect: String,
    /// Another server or ensemble to compare with
    #[arg(long, value_name = "CONNECT")]
    against: Option<String>,
    /// How many clients ask at the same time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clients: u32,
    /// How many requests a client sends before it waits for an answer
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    depth: u32,
    /// Bytes of data in a node
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    size: u32,
    /// How long one workload runs in one round
    #[arg(long, default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// How many rounds count
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// Which workloads; all of them if none is named
    #[arg(long, value_enum, value_delimiter = ',')]
    workload: Vec<Workload>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0.01 to 86400".into()),
    }
}

impl BenchArgs {
    fn measures(&self) -> Vec<Measure> {
        let all = [
            Workload::Set,
            Workload::Create,
            Workload::Get,
            Workload::Mixed,
            Workload::Latency,
            Workload::Watch,
        ];
        let chosen = if self.workload.is_empty() { &all[..] } else { &self.workload };
        chosen.iter().flat_map(|workload| workload.measures()).copied().collect()
    }
}

/// What one run of one measure gave.
pub(crate) struct Run {
    /// Completed operations; for the watch fan-out, changes that all watchers heard of.
    count: u64,
    /// How long it took.
    elapsed: Duration,
    /// The latency of every operation, in ns.
    latencies: Histogram<u64>,
}

/// Runs the benchmark and prints its table or its JSON.
pub async fn run(args: BenchArgs) -> ExitCode {
    match LocalSet::new().run_until(compare(&args)).await {
        Ok(report) if args.json => println!("{}", report.json()),
        Ok(report) => print!("{}", report.table()),
        Err(error) => {
            eprintln!("ensemble bench: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Measures all targets. What was made on them is deleted even if a run fails.
async fn compare(args: &BenchArgs) -> Result<Report, BenchError> {
    let mut sites = Vec::new();
    for connect in std::iter::once(&args.connect).chain(&args.against) {
        sites.push(Site::prepare(Target::parse(connect)?, args.clients, args.size).await?);
    }
    let measured = measure(args, &sites).await;
    for site in &sites {
        site.clear().await?;
    }
    measured
}

async fn measure(args: &BenchArgs, sites: &[Site]) -> Result<Report, BenchError> {
    let mut report = Report::new(sites.iter().map(|site| site.target.connect.clone()).collect());
    let progress = Progress { shown: stderr().is_terminal() };
    for measure in args.measures() {
        for round in 0..=args.rounds {
            for (index, site) in sites.iter().enumerate() {
                progress.say(&format!("{measure}, {} on {}", name(round, args), site.target));
                let run = tokio::select! {
                    run = run_once(args, site, measure, round) => run?,
                    failed = site.nudge() => return Err(failed),
                };
                if round > 0 {
                    report.add(measure, index, run);
                }
            }
        }
    }
    progress.clear();
    Ok(report)
}

fn name(round: u32, args: &BenchArgs) -> String {
    if round == 0 { "warming up".into() } else { format!("round {round} of {}", args.rounds) }
}

/// One measure on one target, with connections of its own. A client that is alone is another one
/// in every round, and so asks another server.
async fn run_once(
    args: &BenchArgs,
    site: &Site,
    measure: Measure,
    round: u32,
) -> Result<Run, BenchError> {
    let duration = Duration::from_secs_f64(args.seconds);
    if measure == Measure::Watch {
        return fanout::run(site, args.clients, args.size, duration).await;
    }
    let alone = round % args.clients;
    let (clients, depth) = match measure.is_alone() {
        true => (alone..alone + 1, 1),
        false => (0..args.clients, args.depth),
    };
    let mut pipes = Vec::new();
    for client in clients.clone() {
        pipes.push(site.connect(client).await?);
    }
    let start = Instant::now();
    let end = start + duration;
    let mut tasks = JoinSet::new();
    for (client, mut pipe) in clients.zip(pipes) {
        let mut load = Load::new(measure, &site.root, client, args.size);
        tasks.spawn_local(async move {
            let latencies = pipe.drive(&mut load, depth, end).await?;
            let made = load.created();
            Ok::<_, BenchError>((client, pipe, latencies, made))
        });
    }
    let mut run = Run { count: 0, elapsed: duration, latencies: histogram() };
    while let Some(joined) = tasks.join_next().await {
        let (client, mut pipe, latencies, made) = joined.expect("a client does not panic")?;
        run.count += latencies.len();
        run.latencies.add(latencies).expect("all histograms have the same bounds");
        site.remove_created(&mut pipe, client, made).await?;
        pipe.close().await?;
    }
    Ok(run)
}

/// From 1 ns to a minute, with three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("these bounds are possible")
}

/// One line on the terminal that says what is going on.
struct Progress {
    shown: bool,
}

impl Progress {
    fn say(&self, what: &str) {
        self.write(&format!("\r\x1b[K{what}"));
    }

    fn clear(&self) {
        self.write("\r\x1b[K");
    }

    fn write(&self, text: &str) {
        if self.shown {
            // Progress is not worth an error.
            write!(stderr(), "{text}").and_then(|()| stderr().flush()).ok();
        }
    }
}
