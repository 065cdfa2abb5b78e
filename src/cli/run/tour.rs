//! The program of chapter 0: a client that counts, on a real ensemble, in real time.
//!
//! It writes 1, 2, 3, ... into one node and says what it was told of each. While the ensemble has no
//! leader nobody can tell it anything; then it does what every client must: it looks what is there,
//! and asks again if its write is not.

use std::io::{Write, stdout};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use jute::records::ErrorCode;
use tokio::time::sleep;
use zxid::Zxid;

use super::super::block_on;
use super::mistake;
use crate::client::{Client, ConnectError, CreateMode, Error};

/// How long a server may be silent before the session looks for another.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Args, Debug)]
pub(super) struct TourArgs {
    /// The servers: those of `ensemble start` if none are named
    #[arg(long, value_name = "HOST:PORT,...")]
    #[arg(default_value = "127.0.0.1:2181,127.0.0.1:2182,127.0.0.1:2183")]
    connect: String,
    /// How many numbers to write
    #[arg(long, value_name = "N", default_value_t = 60)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    writes: u32,
    /// The node into which they are written
    #[arg(long, value_name = "PATH", default_value = "/tour")]
    path: String,
    /// How long to wait between two of them
    #[arg(long, value_name = "TIME", default_value = "250ms", value_parser = super::time)]
    pause: Duration,
}

/// What became of the numbers.
#[derive(Debug, Default)]
struct Count {
    /// How many writes were confirmed.
    confirmed: u32,
    /// How many were in doubt, and turned out to be there.
    there: u32,
    /// How many were in doubt, and had to be asked for again.
    again: u32,
    /// The longest time for which no answer came.
    longest: Duration,
}

impl TourArgs {
    /// Counts, and says what became of it.
    pub(super) fn run(&self) -> ExitCode {
        block_on(async {
            let client = match Client::connect(&self.connect, TIMEOUT).await {
                Ok(client) => client,
                Err(ConnectError::Malformed(why)) => return mistake(&why),
                Err(why) => {
                    let remedy = "`ensemble start` starts an ensemble, --connect names another";
                    eprintln!("ensemble: {why}; {remedy}");
                    return ExitCode::FAILURE;
                }
            };
            let counted = self.count(&client).await;
            client.close().await.ok();
            match counted {
                Ok(()) => ExitCode::SUCCESS,
                Err(why) => {
                    eprintln!("ensemble: {}: {why}", self.path);
                    ExitCode::FAILURE
                }
            }
        })
    }

    async fn count(&self, client: &Client) -> Result<(), Error> {
        let path = &self.path;
        match client.create(path, "0", CreateMode::Persistent).await {
            Ok(_) | Err(Error::Code(ErrorCode::NodeExists)) => {}
            Err(why) => return Err(why),
        }
        let mut count = Count::default();
        for number in 1..=self.writes {
            self.write(client, number, &mut count).await?;
            sleep(self.pause).await;
        }
        let (data, _) = client.get_data(path).await?;
        say(&format!(
            "\n{} of {} writes confirmed at once; {} in doubt were there, {} had to be asked for again.\n\
             {path} is {}. The longest time without an answer was {} ms.",
            count.confirmed,
            self.writes,
            count.there,
            count.again,
            String::from_utf8_lossy(&data),
            count.longest.as_millis()
        ));
        Ok(())
    }

    /// What is there now. The server that is asked may be behind, so it hears first what there is.
    async fn look(&self, client: &Client) -> Result<Bytes, Error> {
        client.sync(&self.path).await?;
        client.get_data(&self.path).await.map(|(data, _)| data)
    }

    /// Writes a number until it is known to be there.
    async fn write(&self, client: &Client, number: u32, count: &mut Count) -> Result<(), Error> {
        let (begun, text) = (Instant::now(), number.to_string());
        let mut doubts = false;
        let verdict = loop {
            let told = match doubts {
                // Whoever asks again without looking does not know how often it was done.
                true => match self.look(client).await {
                    Ok(data) if data == text => {
                        count.there += 1;
                        break "no answer to it, but it is there".to_string();
                    }
                    Ok(_) => client.set_data(&self.path, text.clone(), -1).await,
                    Err(why) => Err(why),
                },
                false => client.set_data(&self.path, text.clone(), -1).await,
            };
            match told {
                Ok(stat) if doubts => {
                    count.again += 1;
                    break format!(
                        "no answer to it; asked again, confirmed as {}",
                        zxid(stat.mzxid)
                    );
                }
                Ok(stat) => {
                    count.confirmed += 1;
                    break format!("confirmed as {}", zxid(stat.mzxid));
                }
                Err(Error::CONNECTION_LOSS) => doubts = true,
                Err(why) => return Err(why),
            }
            client.connected().await?;
        };
        let took = begun.elapsed();
        count.longest = count.longest.max(took);
        say(&format!("{number:>4}  {verdict}, after {} ms", took.as_millis()));
        Ok(())
    }
}

fn zxid(zxid: Zxid) -> String {
    format!("0x{}", zxid.hex())
}

/// Whoever closed the other end does not want to read more.
fn say(line: &str) {
    writeln!(stdout().lock(), "{line}").and_then(|()| stdout().flush()).ok();
}
