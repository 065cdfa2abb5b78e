//! The four-letter words: replies in text, compared line by line with the variable parts masked.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::replay::{Difference, steps};
use crate::server::word;
use crate::stage::Stage;

/// The keys of `mntr` that monitoring tools read on a standalone server.
const MONITORED: &str = "version server_state ephemerals_count num_alive_connections avg_latency \
    max_latency min_latency outstanding_requests znode_count global_sessions local_sessions \
    packets_sent packets_received connection_drop_probability watch_count auth_failed_count \
    max_file_descriptor_count open_file_descriptor_count approximate_data_size uptime \
    last_client_response_size max_client_response_size min_client_response_size \
    outstanding_tls_handshake non_mtls_remote_conn_count non_mtls_local_conn_count";

/// Sends every word of the fixture; gives the differences.
pub(crate) fn replay(name: &'static str, server: SocketAddr, stage: &mut Stage) -> Vec<Difference> {
    stage.before(0);
    let mut differences = Vec::new();
    for (n, pair) in steps(name).chunks(2).enumerate() {
        let [asked, answered] = pair else { panic!("a word without a reply") };
        let recorded = answered.text.as_deref().expect("the text of the reply");
        let ours = word(server, &asked.frame).expect("a reply");
        let name = String::from_utf8_lossy(&asked.frame).into_owned();
        for (field, text) in compare(&name, recorded, &ours) {
            differences.push(Difference { frame: 2 * n + 1, field, text });
        }
    }
    differences
}

fn compare(word: &str, recorded: &str, ours: &str) -> Vec<(String, String)> {
    if word == "mntr" && !recorded.contains("whitelist") {
        return compare_metrics(recorded, ours);
    }
    let (recorded, ours) = match word {
        "envi" => (keys(recorded, '='), keys(ours, '=')),
        // In no order, and as many lines as there are connections, buckets, watches, digests.
        "stat" | "cons" | "dump" | "wchc" | "wchp" | "hash" => {
            (unordered(&masked(recorded)), unordered(&masked(ours)))
        }
        // How many there are counts.
        "wchs" => (recorded.to_string(), ours.to_string()),
        "conf" => (settings(recorded), settings(ours)),
        _ => (masked(recorded), masked(ours)),
    };
    if recorded == ours { vec![] } else { vec![("text".into(), differing(&recorded, &ours))] }
}

/// The lines that only one side has.
fn differing(recorded: &str, ours: &str) -> String {
    let lines = |text: &str| text.split('\n').map(str::to_string).collect::<BTreeSet<_>>();
    let (recorded, ours) = (lines(recorded), lines(ours));
    let missing: Vec<_> = recorded.difference(&ours).collect();
    let added: Vec<_> = ours.difference(&recorded).collect();
    format!("missing {missing:?}, added {added:?}")
}

fn compare_metrics(recorded: &str, ours: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let shape = |text: &str| -> BTreeSet<String> { masked(text).lines().map(Into::into).collect() };
    let (was, is) = (shape(recorded), shape(ours));
    let monitored: BTreeSet<String> =
        MONITORED.split_whitespace().map(|key| format!("zk_{key}\t")).collect();
    let of_interest = |line: &&String| monitored.iter().any(|key| line.starts_with(key.as_str()));
    for line in was.iter().filter(of_interest).filter(|line| !is.contains(*line)) {
        found.push((line.split('\t').next().unwrap_or_default().to_string(), line.clone()));
    }
    let start =
        |text: &str| keys(text, '\t').lines().take(2).map(str::to_string).collect::<Vec<_>>();
    if start(recorded) != start(ours) {
        found.push(("start".into(), format!("{:?}", start(ours))));
    }
    // Those per namespace depend on which paths were used before.
    let names = |text: &str| -> BTreeSet<String> {
        keys(text, '\t')
            .lines()
            .filter(|key| !key.ends_with("_per_namespace"))
            .map(Into::into)
            .collect()
    };
    let missing: Vec<_> = names(recorded).difference(&names(ours)).cloned().collect();
    if !missing.is_empty() {
        found.push(("keys".into(), format!("missing {missing:?}")));
    }
    found
}

fn keys(text: &str, mark: char) -> String {
    text.lines().map(|line| line.split(mark).next().unwrap_or(line).to_string() + "\n").collect()
}

/// `conf` without the values that belong to one machine.
fn settings(text: &str) -> String {
    let local = ["clientPort", "dataDir", "dataDirSize", "dataLogDir", "dataLogSize"];
    let line = |line: &str| match line.split_once('=') {
        Some((key, _)) if local.contains(&key) => format!("{key}=\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

fn unordered(text: &str) -> String {
    let lines: BTreeSet<&str> = text.split('\n').collect();
    lines.into_iter().collect::<Vec<_>>().join("\n")
}

/// Versions, dates, addresses and numbers as marks.
fn masked(text: &str) -> String {
    text.split('\n').map(masked_line).collect::<Vec<_>>().join("\n")
}

fn masked_line(line: &str) -> String {
    for head in ["Zookeeper version: ", "zk_version\t"] {
        if let Some(version) = line.strip_prefix(head) {
            let well = version.contains(", built on ") && version.ends_with(" UTC");
            return format!("{head}{}", if well { "VERSION" } else { version });
        }
    }
    if let Some((head, date)) = line.split_once(" expire at ") {
        let words = date.split_whitespace().count();
        return format!("{} expire at a date of {words} words:", numbers(head));
    }
    numbers(line)
}

/// Numbers as `#`: hexadecimal after `0x` or at the start of a line of `hash`, with one point at
/// most. A whole number and one with a point are told apart.
fn numbers(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    if let Some((zxid, digest)) = line.split_once(": ")
        && [zxid, digest].iter().all(|part| part.chars().all(|c| c.is_ascii_hexdigit()))
    {
        return "#: #".into();
    }
    while let Some(first) = rest.chars().next() {
        let inside_a_word = out.ends_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if let Some(hex) = rest.strip_prefix("0x") {
            rest = hex.trim_start_matches(|c: char| c.is_ascii_hexdigit());
            out += "0x#";
        } else if first.is_ascii_digit() && !inside_a_word {
            let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            let number = &rest[..rest.len() - digits.len()];
            out += if number.matches('.').count() == 1 { "#.#" } else { "#" };
            rest = digits;
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}
