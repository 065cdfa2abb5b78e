//! The four-letter words: what an operator may ask of a server without a client.
//!
//! A word is answered in plain text, and the connection is closed. The texts are read by people,
//! and by scripts and monitoring tools that expect ZooKeeper's, down to the last space.
//!
//! Always true:
//! - a word that the operator did not allow tells nothing;
//! - a word changes nothing here: `srst`, `crst` and `stmk` only say what the server does;
//! - every number was counted or measured. What this server does not count is left out.
//!
//! Book: chapter 16. ZooKeeper: `server.command`, `FourLetterCommands`.

mod connections;
mod date;
mod mntr;
mod sets;

pub use date::date;

use std::fmt::Write;

use protocol::Word;

use crate::client::Latency;
use crate::facts::{Facts, Standing};
use crate::stats::Sizes;

/// The answer to a word.
pub fn tell(word: Word, facts: &Facts<'_>) -> String {
    if !facts.settings.words.allow(word) {
        let name = word.name();
        return format!("{name} is not executed because it is not in the whitelist.\n");
    }
    match word {
        Word::Ruok => "imok".to_owned(),
        Word::Envi => envi(facts),
        Word::Gtmk => facts.stats.trace_mask.to_string(),
        Word::Stmk(mask) => mask.to_string(),
        Word::TelnetClose => String::new(),
        Word::Isro if !facts.serving => "null".to_owned(),
        Word::Hash if !facts.serving => NOT_SERVING.to_owned(),
        _ if !facts.serving => format!("{NOT_SERVING}\n"),
        Word::Isro => "rw".to_owned(),
        Word::Srvr => format!("{}{}", version(facts), summary(facts)),
        Word::Stat => {
            format!("{}Clients:\n{}\n{}", version(facts), connections::brief(facts), summary(facts))
        }
        Word::Cons => format!("{}\n", connections::full(facts)),
        Word::Mntr => mntr::mntr(facts),
        Word::Conf => conf(facts),
        Word::Dirs => dirs(facts),
        Word::Dump => sets::dump(facts),
        Word::Wchs => sets::wchs(facts),
        Word::Wchc => sets::wchc(facts),
        Word::Wchp => sets::wchp(facts),
        Word::Hash => hash(facts),
        Word::Srst => "Server stats reset.\n".to_owned(),
        Word::Crst => "Connection stats reset.\n".to_owned(),
    }
}

const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests";

fn version(facts: &Facts<'_>) -> String {
    format!("Zookeeper version: {}\n", facts.settings.about.version)
}

/// What `srvr` and `stat` end with.
fn summary(facts: &Facts<'_>) -> String {
    let stats = facts.stats;
    let Latency { min, max, .. } = stats.latency;
    format!(
        "Latency min/avg/max: {min}/{}/{max}\n\
         Received: {}\n\
         Sent: {}\n\
         Connections: {}\n\
         Outstanding: {}\n\
         Zxid: 0x{:x}\n\
         Mode: {}\n\
         Node count: {}\n",
        average(stats.latency),
        stats.received,
        stats.sent,
        facts.clients.len(),
        facts.outstanding,
        facts.shown_zxid().0,
        facts.mode(),
        node_count(facts),
    ) + &proposal_sizes(facts)
}

/// The line that only a leader has.
fn proposal_sizes(facts: &Facts<'_>) -> String {
    let Sizes { last, min, max } = facts.stats.proposal_size;
    match facts.standing {
        Standing::Leading(_) => format!("Proposal sizes last/min/max: {last}/{min}/{max}\n"),
        _ => String::new(),
    }
}

/// ZooKeeper's map of nodes holds the root twice, as "" and as "/".
fn node_count(facts: &Facts<'_>) -> usize {
    facts.state.tree.len() + 1
}

/// The average in ms, as Java writes a double that was rounded to four places.
/// ZooKeeper: `AvgMinMaxCounter.getAvg`.
fn average(latency: Latency) -> String {
    let Latency { total, count, .. } = latency;
    if count == 0 {
        return "0.0".to_owned();
    }
    let (total, count) = (u128::from(total), u128::from(count));
    let rounded = (total * 20_000 + count) / (count * 2);
    let mut text = format!("{}.{:04}", rounded / 10_000, rounded % 10_000);
    while text.ends_with('0') && !text.ends_with(".0") {
        text.pop();
    }
    text
}

fn conf(facts: &Facts<'_>) -> String {
    let (settings, about) = (facts.settings, &facts.settings.about);
    format!(
        "clientPort={}\n\
         secureClientPort=-1\n\
         dataDir={}\n\
         dataDirSize={}\n\
         dataLogDir={}\n\
         dataLogSize={}\n\
         tickTime={}\n\
         maxClientCnxns={}\n\
         minSessionTimeout={}\n\
         maxSessionTimeout={}\n\
         clientPortListenBacklog={}\n\
         serverId={}\n",
        about.client_port,
        about.data_dir,
        facts.stats.data_bytes,
        about.log_dir,
        facts.stats.log_bytes,
        settings.tick_ms,
        settings.max_client_connections,
        settings.min_session_timeout,
        settings.max_session_timeout,
        about.backlog,
        facts.shown_id(),
    ) + &membership(facts)
}

/// What only a member of an ensemble has to say. ZooKeeper: `QuorumZooKeeperServer.dumpConf`.
fn membership(facts: &Facts<'_>) -> String {
    let about = &facts.settings.about;
    let Some(ensemble) = &facts.settings.ensemble else { return String::new() };
    format!(
        "initLimit={}\n\
         syncLimit={}\n\
         electionAlg=3\n\
         electionPort={}\n\
         quorumPort={}\n\
         peerType={}\n\
         membership: \n\
         {}",
        ensemble.init_limit,
        ensemble.sync_limit,
        about.election_port,
        about.quorum_port,
        i32::from(ensemble.is_observer()),
        String::from_utf8_lossy(&ensemble.config),
    )
}

fn dirs(facts: &Facts<'_>) -> String {
    let (data, log) = (facts.stats.data_bytes, facts.stats.log_bytes);
    format!("datadir_size: {data}\nlogdir_size: {log}\n")
}

fn envi(facts: &Facts<'_>) -> String {
    let about = &facts.settings.about;
    let mut text = format!("Environment:\nzookeeper.version={}\n", about.version);
    for (key, value) in &about.environment {
        line(&mut text, format_args!("{key}={value}"));
    }
    text
}

fn hash(facts: &Facts<'_>) -> String {
    let mut text = String::new();
    for (zxid, digest) in &facts.stats.digests {
        // As a Java long.
        line(&mut text, format_args!("{:x}: {}", zxid.0, *digest as i64));
    }
    text
}

/// Appends a line.
fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    writeln!(text, "{content}").expect("writing to a string does not fail");
}
