//! The command `book`: builds the program that builds the book, and lets it do so.
//!
//! That program is another one because mdBook's libraries would make this one large, and slow to
//! build, for all who only want a server.

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Args;

use super::run::mistake;
use crate::course;

#[derive(Args, Debug)]
pub(super) struct BookArgs {
    /// Only build it; it can be read from the files
    #[arg(long)]
    build: bool,
    /// Open it in a browser
    #[arg(long)]
    open: bool,
    /// Serve it at this port of this host; 0 is any
    #[arg(long, default_value_t = 3000, conflicts_with = "build")]
    port: u16,
    /// Where the finished book goes; the folder target/book of the course if nothing is said
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write down what commands print now, where pages say something else
    #[arg(long)]
    bless: bool,
}

impl BookArgs {
    /// Builds the book, and serves it until the process is ended.
    pub(super) fn run(&self) -> ExitCode {
        let (course, ensemble) = match (course::root(), env::current_exe()) {
            (Ok(course), Ok(ensemble)) => (course, ensemble),
            (Err(why), _) => return mistake(&why),
            (_, Err(why)) => return mistake(&format!("where this program lies: {why}")),
        };
        let out = self.out.clone().unwrap_or_else(|| course.join("target/book"));
        let out = env::current_dir().map(|here| here.join(&out)).unwrap_or(out);
        let mut command = Command::new("cargo");
        command.args(["run", "--quiet", "--package", "book"]);
        if !cfg!(debug_assertions) {
            command.arg("--release");
        }
        command.arg("--").arg("--course").arg(&course).arg("--ensemble").arg(ensemble);
        command.arg("--out").arg(out).current_dir(&course);
        for (flag, given) in [("--open", self.open), ("--bless", self.bless)] {
            if given {
                command.arg(flag);
            }
        }
        if !self.build {
            command.arg("--port").arg(self.port.to_string());
        }
        match command.status() {
            Ok(status) => ExitCode::from(status.code().map_or(1, |code| code as u8)),
            Err(why) => mistake(&format!("cargo does not start ({why}); the book needs it")),
        }
    }
}
