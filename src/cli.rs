//! The command line: what each command takes, and what its exit code says.
//!
//! Exit codes: 0 for success, 1 for a failure, 2 for a mistake in the command line or in the
//! configuration. Results go to standard output, everything else to standard error.

mod background;
mod book;
mod chaos;
mod claim;
mod explore;
mod learn;
mod log;
mod mutants;
mod replay;
mod run;
mod serve;
mod signals;
mod simulate;
mod start;
mod telling;
mod verify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::bench::{self, BenchArgs};
use crate::config::{Config, ConfigError};
use crate::shell::{self, ShellArgs};

/// An ensemble that speaks ZooKeeper's protocol
#[derive(Parser, Debug)]
#[command(name = "ensemble", version, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    log: log::LogArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run one server from a zoo.cfg: in the foreground, or start, stop, restart, status
    Server(ServerArgs),
    /// Run a whole ensemble in this process, without any configuration
    Start(start::StartArgs),
    /// Play a story of the simulated world: a failing run, or a real bug, step by step
    Replay(replay::ReplayArgs),
    /// Run a chapter's program, in the simulated world
    Run(run::RunArgs),
    /// Run many ensembles in the simulated world, each with faults, and judge every step
    Simulate(simulate::SimulateArgs),
    /// Settle a claim about ZooKeeper by an experiment, or list the claims
    Claim(claim::ClaimArgs),
    /// Build the book, and serve it to this host
    Book(book::BookArgs),
    /// Talk to an ensemble, with the commands of zkCli
    Shell(ShellArgs),
    /// Measure a server, or compare two
    Bench(BenchArgs),
    /// Follow every course of small worlds of the servers' machines
    Explore(explore::ExploreArgs),
    /// Break the course in a copy, and see who notices
    Mutants(mutants::MutantsArgs),
    /// List the exercises, and what is done of them
    List(learn::ListArgs),
    /// Say which exercise comes next, and where it is
    Next(learn::WhichArgs),
    /// Check an exercise: what holds, what does not, and why
    Check(learn::CheckArgs),
    /// Check an exercise whenever its file is saved; keys give hints, and go on to the next
    Watch(learn::WhichArgs),
    /// Give a hint for an exercise; asked again, it says more
    Hint(learn::WhichArgs),
    /// Begin an exercise again; the others stay as they are
    Reset(learn::WhichArgs),
    /// Show the solution of an exercise that is done, or given up
    Solution(learn::SolutionArgs),
    /// Look whether all exercises, their solutions and their wrong answers are as they should be
    Verify(verify::VerifyArgs),
    /// Kill, stop and cut servers of its own under load, and check what their clients were told
    Chaos(chaos::ChaosArgs),
}

#[derive(Args, Debug)]
#[command(subcommand_negates_reqs = true)]
#[command(override_usage = "ensemble server [start|stop|restart|status] [OPTIONS] <ZOO.CFG>...")]
struct ServerArgs {
    #[command(subcommand)]
    action: Option<background::Action>,
    #[command(flatten)]
    site: SiteArgs,
    /// Hold this pid file, and leave the terminal: what `server start` gives to the server
    #[arg(long, hide = true, value_name = "FILE")]
    background: Option<PathBuf>,
    /// End when standard input does: what `chaos` gives to its servers
    #[arg(long, hide = true)]
    leash: bool,
    /// Keep unforced bytes in memory; while there is a file here, the disk is full
    #[arg(long, hide = true, value_name = "FILE")]
    hold_unforced: Option<PathBuf>,
}

/// Which server is meant, and how it is set up.
#[derive(Args, Debug)]
struct SiteArgs {
    /// A configuration file, or: <clientPort> <dataDir> [tickTime] [maxClientCnxns]
    #[arg(required = true, num_args = 1..=4, value_name = "ZOO.CFG")]
    arguments: Vec<String>,
    /// Set a key or a system property, such as jute.maxbuffer
    #[arg(short = 'D', value_name = "NAME=VALUE")]
    options: Vec<String>,
}

impl SiteArgs {
    fn config(&self) -> Result<Config, ConfigError> {
        match self.arguments.as_slice() {
            [file] => Config::from_file(Path::new(file), &self.options),
            arguments => Config::from_arguments(arguments, &self.options),
        }
    }
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = cli.log.install() {
        eprintln!("ensemble: {error}");
        return ExitCode::from(2);
    }
    match cli.command {
        Command::Server(ServerArgs { action: Some(action), .. }) => action.run(&cli.log),
        Command::Server(ServerArgs { site, background, leash, hold_unforced, .. }) => {
            if leash {
                serve::live_with_parent();
            }
            serve::server(&site, background, hold_unforced)
        }
        Command::Start(args) => args.run(),
        Command::Replay(args) => args.run(),
        Command::Run(args) => args.run(),
        Command::Claim(args) => args.run(),
        Command::Book(args) => args.run(),
        Command::Explore(args) => args.run(),
        Command::Mutants(args) => args.run(),
        Command::Simulate(args) => args.run(),
        Command::Shell(args) => block_on(shell::run(args)),
        Command::Bench(args) => block_on(bench::run(args)),
        Command::Chaos(args) => args.run(),
        Command::List(args) => args.run(),
        Command::Next(args) => args.next(),
        Command::Check(args) => args.run(),
        Command::Watch(args) => args.watch(),
        Command::Hint(args) => args.hint(),
        Command::Reset(args) => args.reset(),
        Command::Solution(args) => args.run(),
        Command::Verify(args) => args.run(),
    }
}

/// Runs a command that waits for sockets.
fn block_on(command: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => {
            eprintln!("ensemble: the operating system refuses: {error}");
            ExitCode::FAILURE
        }
    }
}
