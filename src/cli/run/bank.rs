//! The program of chapter 1: a request, and what can become of it.

use clap::{Args, ValueEnum};
use machines::program::{ACCOUNT, AMOUNT, Outcome, Program, Trouble, run_program};

use super::layout::says_something;
use super::{PrintArgs, Story};

#[derive(Args, Debug)]
pub(super) struct BankArgs {
    /// What goes wrong
    #[arg(value_enum, default_value = "reply")]
    lost: Lost,
    /// The bank carries out whatever it receives, and remembers nobody
    #[arg(long)]
    careless: bool,
    /// Another seed is another network: each message takes another time
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    pub(super) print: PrintArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Lost {
    /// Nothing goes wrong
    Nothing,
    /// What the customer sends does not arrive for a while
    Request,
    /// What the bank sends does not arrive for a while
    Reply,
    /// The power goes when the bank has received the request
    Power,
    /// The power goes when the bank has the request on its disk, and the reply is lost
    PowerLater,
}

impl BankArgs {
    /// Runs the program.
    pub(super) fn story(&self) -> Story {
        let (trouble, what) = match self.lost {
            Lost::Nothing => (Trouble::Nothing, "nothing goes wrong"),
            Lost::Request => (Trouble::RequestLost, "the request is lost"),
            Lost::Reply => (Trouble::ReplyLost, "the reply is lost"),
            Lost::Power => (Trouble::PowerLost, "the power goes before it is on disk"),
            Lost::PowerLater => (Trouble::PowerLostLater, "the power goes when it is on disk"),
        };
        let remembers = !self.careless;
        let Outcome { trace, balance, asked } =
            run_program(Program { trouble, remembers, seed: self.seed });
        let title = format!("A customer deposits {AMOUNT}, once; {what}");
        Story {
            title,
            trace,
            shows: says_something,
            note: Box::new(|_| None),
            outcome: outcome(balance, asked),
            next: NEXT,
        }
    }
}

const NEXT: &[(&str, &str)] = &[
    ("request", "the request is lost: it looks the same"),
    ("reply --careless", "a bank that does not remember whom it has answered"),
    ("power", "the power goes before the request is on disk"),
    ("power-later", "the power goes when it is, and nobody was told"),
    ("reply --all", "with connections, and each message at both ends"),
];

fn outcome(balance: u64, asked: usize) -> String {
    let times = |number: u64| match number {
        1 => "once".to_string(),
        2 => "twice".to_string(),
        _ => format!("{number} times"),
    };
    let happened = times(balance / AMOUNT);
    let asked = times(asked as u64);
    format!(
        "The customer asked {asked}, and account {ACCOUNT} holds {balance}: it happened {happened}."
    )
}
