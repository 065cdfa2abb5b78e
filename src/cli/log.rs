//! The log: where it goes, how much of it, and in which form.

use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::start::screen::LogWriter;

/// Options of every command.
#[derive(Args, Debug)]
pub(super) struct LogArgs {
    /// How much: off, error, warn, info, debug, trace, or a filter such as ensemble=debug
    #[arg(long, global = true, value_name = "FILTER", default_value = "info")]
    #[arg(help_heading = "Log")]
    log: String,
    /// How it looks: text for people, json for programs
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value = "text")]
    #[arg(help_heading = "Log", hide_possible_values = true)]
    log_format: Format,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Format {
    /// A line of text for people
    Text,
    /// An object of JSON for programs
    Json,
}

impl LogArgs {
    /// The same options, for another process.
    pub(super) fn arguments(&self) -> [String; 4] {
        let format = match self.log_format {
            Format::Text => "text",
            Format::Json => "json",
        };
        ["--log", &self.log, "--log-format", format].map(str::to_string)
    }

    /// Sends the log to standard error from now on.
    pub(super) fn install(&self) -> Result<(), String> {
        let filter = EnvFilter::try_new(&self.log)
            .map_err(|error: ParseError| format!("--log {}: {error}", self.log))?;
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(LogWriter::default)
            .with_ansi(io::stderr().is_terminal());
        match self.log_format {
            Format::Text => builder.with_target(false).init(),
            Format::Json => builder.json().flatten_event(true).init(),
        }
        Ok(())
    }
}
