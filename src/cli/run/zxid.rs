//! The program of chapter 5: what zxids say.

use std::io::{self, Write, stdout};

use clap::Args;
use zxid::Zxid;

#[derive(Args, Debug)]
pub(super) struct ZxidArgs {
    /// Zxids: as epoch.counter, or as one number, with 0x if it is hexadecimal
    #[arg(default_values = ["1.1", "1.2", "0x100000003", "2.1", "2.4294967294"], value_parser = read)]
    #[arg(value_name = "ZXID")]
    zxids: Vec<Zxid>,
}

impl ZxidArgs {
    /// Says of each what it is, and whether it may follow the one before it in a log.
    pub(super) fn tell(&self) -> io::Result<()> {
        let mut out = stdout().lock();
        writeln!(
            out,
            "{:<14} {:<20} {:<14} in a log, after the one above",
            "zxid", "one number", "next"
        )?;
        let mut before: Option<Zxid> = None;
        for zxid in &self.zxids {
            let next = zxid.next().map_or("none".to_string(), |next| next.to_string());
            let place = before.map_or(String::new(), |before| place(*zxid, before));
            let number = format!("0x{}", zxid.hex());
            let line = format!("{:<14} {number:<20} {next:<14} {place}", zxid.to_string());
            writeln!(out, "{}", line.trim_end())?;
            before = Some(*zxid);
        }
        out.flush()
    }
}

fn place(zxid: Zxid, before: Zxid) -> String {
    let (epoch, last) = (zxid.epoch(), before.epoch());
    if zxid == before {
        "it is there already".to_string()
    } else if zxid < before {
        "it is earlier".to_string()
    } else if !zxid.follows(before) {
        "a hole: something is missing between them".to_string()
    } else if epoch == last {
        "the next one of the same leader".to_string()
    } else {
        format!("the first one of a new leader, of epoch {epoch} after {last}")
    }
}

/// Reads `epoch.counter`, or one number.
fn read(text: &str) -> Result<Zxid, String> {
    let why = || format!("{text} is no zxid; write 2.7, 0x200000007 or 8589934599");
    if let Some((epoch, counter)) = text.split_once('.') {
        let number = |text: &str| text.parse().map_err(|_| why());
        return Ok(Zxid::new(number(epoch)?, number(counter)?));
    }
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map(Zxid).map_err(|_| why())
}
