//! What servers of Apache ZooKeeper 3.8.0 said to each other: `tests/fixtures/quorum`.

use serde_json::Value;

/// All that was captured.
pub(crate) const CONVERSATIONS: [&str; 12] = [
    "first-boot",
    "handshake-diff",
    "handshake-snap",
    "handshake-snap-under-load",
    "handshake-trunc",
    "leader-crash-reelection",
    "observer-diff",
    "observer-join-inform",
    "ping-revalidate",
    "proposals-commit",
    "reconfig-enabled",
    "zxid-rollover",
];

/// A frame of the election port with its length, a packet of the quorum port, or a snapshot.
pub(crate) struct Recorded {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) connection: i64,
    pub(crate) ms: f64,
    pub(crate) what: String,
    pub(crate) bytes: Vec<u8>,
}

/// The frames of one port, `election` or `quorum`, in order.
pub(crate) fn conversation(name: &str, port: &str) -> Vec<Recorded> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/quorum");
    let text = std::fs::read_to_string(format!("{folder}/{name}.json")).expect("it is there");
    let all: Value = serde_json::from_str(&text).expect("it is JSON");
    let frames = all["frames"].as_array().expect("it has frames");
    let number = |frame: &Value, key: &str| frame[key].as_i64().expect("it is a number");
    let text = |frame: &Value, key: &str| frame[key].as_str().expect("it is text").to_string();
    let frames = frames.iter().filter(|frame| frame["port"] == port).map(|frame| Recorded {
        from: number(frame, "from"),
        to: number(frame, "to"),
        connection: number(frame, "conn"),
        ms: frame["t_ms"].as_f64().expect("it has a time"),
        what: text(frame, "what"),
        bytes: unhex(&text(frame, "hex")),
    });
    frames.collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("these are hex digits");
    (0..text.len()).step_by(2).map(digits).collect()
}
