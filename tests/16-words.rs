//! Chapter 16: the four-letter words.
//!
//! What Apache ZooKeeper 3.8.0 said is in `tests/fixtures/client/four_letter_words*.json`. The tests
//! put a server into the state that it was in, as far as a word shows it, and compare the texts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use acl::Identities;
use bytes::Bytes;
use jute::records::{Acl, CreateTxn, OpCode, Txn, TxnHeader};
use machines::Now;
use protocol::Word;
use server::{
    Client, ClientStats, Connection, Facts, Latency, Settings, Sizes, Standing, State, Stats,
};
use server::{Words, tell};
use sessions::Sessions;
use storage::Entry;
use watches::{WatchKind, Watcher, Watches};
use zxid::{SessionId, Zxid};

const VERSION: &str = "3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC";
/// The session that asks nothing but `exists`, and the one that creates.
const FIRST: SessionId = SessionId(0x100001712dc002c);
const SECOND: SessionId = SessionId(0x100001712dc002d);
const THIRD: SessionId = SessionId(0x100001712dc0029);
/// The moment of the captures: an uptime, and Fri Nov 20 12:32:20 UTC 2026.
const NOW: Now = Now { monotonic: Duration::from_millis(1_702_940), wall_ms: 1_795_177_940_350 };

/// What a word was answered, the n-th time that it was asked.
fn captured(file: &str, word: Word, n: usize) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/client");
    let text = std::fs::read_to_string(format!("{folder}/{file}")).expect("a fixture");
    let json: serde_json::Value = serde_json::from_str(&text).expect("json");
    let hex: String = word.name().bytes().map(|byte| format!("{byte:02x}")).collect();
    let steps = json.as_array().expect("a list of steps");
    let mut answers = steps.windows(2).filter(|pair| pair[0]["hex"] == hex.as_str());
    answers.nth(n).expect("the word was asked")[1]["text"].as_str().expect("a text").to_owned()
}

fn apache(word: Word) -> String {
    captured("four_letter_words.json", word, 0)
}

/// A server that can be told about.
struct Told {
    settings: Settings,
    clients: BTreeMap<u64, Client>,
    state: State,
    sessions: Sessions,
    watches: Watches,
    stats: Stats,
    serving: bool,
    now: Now,
    asking: u64,
}

impl Told {
    /// A server that has just begun.
    fn new() -> Told {
        let mut settings = Settings { tick_ms: 2000, words: Words::All, ..Settings::default() };
        settings.about.version = VERSION.to_owned();
        Told {
            sessions: Sessions::new(settings.tick_ms),
            settings,
            clients: BTreeMap::new(),
            state: State::new(1, true),
            watches: Watches::new(),
            stats: Stats::default(),
            serving: true,
            now: NOW,
            asking: 0,
        }
    }

    /// The server of the captures.
    fn captured() -> Told {
        let mut told = Told::new();
        let stats = &mut told.stats;
        stats.latency = Latency { min: 0, max: 11, total: 221, count: 330 };
        stats.received = 474;
        stats.sent = 485;
        told.create("/v", SessionId::NONE);
        told.create("/v/e", THIRD);
        told.create("/f4", SessionId::NONE);
        told.create("/f4/eph", FIRST);
        told.create("/f4/eph2", SECOND);
        for n in 0..42 {
            told.create(&format!("/n{n}"), SessionId::NONE);
        }
        told.state.last = Zxid(0x132);
        told.client(1, "127.0.0.1:44672", FIRST, (6, 7));
        told.client(2, "127.0.0.1:44680", SECOND, (3, 3));
        told.client(3, "127.0.0.1:44710", SessionId::NONE, (1, 0));
        told.asking = 3;
        told
    }

    fn client(&mut self, number: u64, from: &str, session: SessionId, counts: (u64, u64)) {
        let from: SocketAddr = from.parse().unwrap();
        let identities = Identities::new(from.ip(), &self.settings.acl);
        let mut client = Client::new(Connection { number, from }, identities, self.now.monotonic);
        client.session = session;
        client.timeout = 30_000;
        (client.stats.received, client.stats.sent) = counts;
        self.clients.insert(number, client);
    }

    /// Creates a node, ephemeral if a session is given.
    fn create(&mut self, path: &str, session: SessionId) {
        let (zxid, op) = (Zxid(self.state.last.0 + 1), OpCode::Create.code());
        let header = TxnHeader { session, cxid: 1, zxid, time: 1, op };
        let ephemeral = session != SessionId::NONE;
        let (data, acl) = (Some(&b"x"[..]), Acl::open());
        let txn = CreateTxn { path: path.into(), data, acl, ephemeral, parent_cversion: -1 };
        let mut payload = Vec::new();
        Txn::Create(txn).append_payload(&header, None, &mut payload);
        let entry = Entry { zxid, payload: Bytes::from(payload) };
        self.state.apply(&entry, &mut Vec::new()).expect("a transaction");
    }

    fn tell(&self, word: Word) -> String {
        let Told { settings, clients, state, sessions, watches, stats, .. } = self;
        let (now, asking, serving) = (self.now, self.asking, self.serving);
        let outstanding = clients.values().map(|client| client.waiting.len()).sum();
        tell(
            word,
            &Facts {
                settings,
                now,
                clients,
                asking,
                state,
                sessions: Some(sessions),
                watches,
                stats,
                outstanding,
                serving,
                standing: Standing::Alone,
                reign: None,
            },
        )
    }
}

/// The lines in order of the alphabet: ZooKeeper's are in the order of a hash.
fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.split('\n').collect();
    lines.sort_unstable();
    lines
}

#[test]
fn srvr_and_stat_are_as_zookeeper_says_them() {
    let mut told = Told::captured();
    assert_eq!(told.tell(Word::Srvr), apache(Word::Srvr));
    (told.stats.received, told.stats.sent) = (475, 486);
    assert_eq!(told.tell(Word::Stat), apache(Word::Stat));
    told.stats.reset();
    (told.stats.received, told.stats.sent) = (1, 1);
    let srvr = captured("four_letter_words.json", Word::Srvr, 1);
    assert_eq!(told.tell(Word::Srvr), srvr);
}

#[test]
fn a_new_server_has_five_nodes_as_zookeeper_counts_them() {
    let mut told = Told::new();
    told.settings.words = Words::Only(BTreeSet::new());
    told.client(1, "127.0.0.1:44672", SessionId::NONE, (1, 0));
    (told.stats.received, told.stats.sent) = (2, 1);
    let srvr = captured("four_letter_words_default.json", Word::Srvr, 0);
    assert_eq!(told.tell(Word::Srvr), srvr);
}

#[test]
fn the_average_is_rounded_to_four_places_and_has_one_at_least() {
    let mut told = Told::new();
    for (total, count, shown) in [
        (0, 0, "0.0"),
        (0, 9, "0.0"),
        (7, 7, "1.0"),
        (1, 8, "0.125"),
        (2, 3, "0.6667"),
        (1, 20_000, "0.0001"),
        (1, 20_001, "0.0"),
        (123_456, 10, "12345.6"),
        (29_999_999, 300, "99999.9967"),
        (9_999_999, 100, "99999.99"),
    ] {
        told.stats.latency = Latency { min: 0, max: 0, total, count };
        let line = format!("\nLatency min/avg/max: 0/{shown}/0\n");
        assert!(told.tell(Word::Srvr).contains(&line), "{total} / {count} is not {shown}");
        assert!(told.tell(Word::Mntr).contains(&format!("\nzk_avg_latency\t{shown}\n")));
    }
}

#[test]
fn without_a_whitelist_only_srvr_is_answered() {
    let mut told = Told::new();
    told.settings.words = Words::Only(BTreeSet::new());
    for (_, word) in Word::ALL {
        let refusal =
            format!("{} is not executed because it is not in the whitelist.\n", word.name());
        assert_eq!(told.tell(word) == refusal, word != Word::Srvr, "{}", word.name());
    }
    for word in [Word::Ruok, Word::Isro, Word::Stat, Word::Mntr] {
        let refusal = captured("four_letter_words_default.json", word, 0);
        assert_eq!(told.tell(word), refusal);
    }
    told.settings.words = Words::Only([Word::Ruok].into());
    assert_eq!(told.tell(Word::Ruok), "imok");
    assert_eq!(told.tell(Word::Isro), "isro is not executed because it is not in the whitelist.\n");
}

#[test]
fn a_server_that_does_not_serve_says_so() {
    let mut told = Told::captured();
    told.serving = false;
    let text = "This ZooKeeper instance is not currently serving requests";
    for (_, word) in Word::ALL {
        let expected = match word {
            Word::Ruok => "imok".to_owned(),
            Word::Isro => "null".to_owned(),
            Word::Gtmk => "306".to_owned(),
            Word::Stmk(_) => "0".to_owned(),
            Word::Envi => format!("Environment:\nzookeeper.version={VERSION}\n"),
            Word::TelnetClose => String::new(),
            Word::Hash => text.to_owned(),
            _ => format!("{text}\n"),
        };
        assert_eq!(told.tell(word), expected, "{}", word.name());
    }
}

#[test]
fn short_answers_are_as_zookeeper_says_them() {
    let told = Told::new();
    for word in [Word::Ruok, Word::Isro, Word::Gtmk, Word::Crst, Word::Srst] {
        assert_eq!(told.tell(word), apache(word));
    }
    assert_eq!(told.tell(Word::Stmk(-5)), "-5");
    assert_eq!(told.tell(Word::TelnetClose), "");
}

#[test]
fn conf_and_dirs_are_as_zookeeper_says_them() {
    let mut told = Told::new();
    told.settings.min_session_timeout = 4000;
    told.settings.max_session_timeout = 40000;
    let about = &mut told.settings.about;
    about.client_port = 23181;
    about.backlog = -1;
    about.data_dir = "/var/lib/zookeeper/version-2".to_owned();
    about.log_dir = about.data_dir.clone();
    (told.stats.data_bytes, told.stats.log_bytes) = (67_109_337, 67_109_337);
    assert_eq!(told.tell(Word::Conf), apache(Word::Conf));
    assert_eq!(told.tell(Word::Dirs), apache(Word::Dirs));
}

#[test]
fn envi_begins_with_the_version_that_clients_look_for() {
    let mut told = Told::new();
    let keys: Vec<String> = apache(Word::Envi)
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, _)| key.to_owned())
        .collect();
    let others = keys.iter().skip(1).map(|key| (key.clone(), "<value>".to_owned()));
    told.settings.about.environment = others.collect();
    told.settings.about.version = "<value>".to_owned();
    assert_eq!(told.tell(Word::Envi), apache(Word::Envi));
}

#[test]
fn hash_shows_the_digest_of_every_128th_transaction() {
    let mut told = Told::new();
    for zxid in 1..=0x132 {
        let digest = if zxid == 0x80 { 45316258313 } else { 73644384083 };
        told.stats.note_digest(Zxid(zxid), digest);
    }
    assert_eq!(told.tell(Word::Hash), apache(Word::Hash));
}

#[test]
fn cons_tells_of_each_connection_what_zookeeper_tells() {
    let mut told = Told::captured();
    told.client(3, "127.0.0.1:44728", SessionId::NONE, (1, 0));
    let opened = |ms: u64| NOW.monotonic - Duration::from_millis(ms);
    let stats = |op, cxid, zxid, response, last| ClientStats {
        last_op: Some(op),
        last_cxid: cxid,
        last_zxid: zxid,
        last_response: Duration::from_millis(response),
        last_latency: last,
        latency: Latency { min: 0, max: 1, total: 2, count: 3 },
        ..ClientStats::new()
    };
    let first = told.clients.get_mut(&1).unwrap();
    first.opened = opened(13);
    first.stats = stats(OpCode::Exists, 5, 0x130, 1_702_931, 0);
    (first.stats.received, first.stats.sent) = (6, 7);
    let second = told.clients.get_mut(&2).unwrap();
    second.opened = opened(11);
    second.timeout = 10_000;
    second.stats = stats(OpCode::Create, 2, 0x132, 1_702_932, 1);
    (second.stats.received, second.stats.sent) = (3, 3);
    assert_eq!(told.tell(Word::Cons), apache(Word::Cons));
}

#[test]
fn cons_leaves_out_a_number_that_no_request_had() {
    let mut told = Told::new();
    told.client(1, "[2001:db8::1]:77", FIRST, (1, 1));
    let ms = NOW.wall_ms;
    let expected = format!(
        " /[2001:db8:0:0:0:0:0:1]:77[1](queued=0,recved=1,sent=1,sid={FIRST},lop=NA,est={ms},\
         to=30000,lzxid=0xffffffffffffffff,lresp=0,llat=0,minlat=0,avglat=0,maxlat=0)\n\n"
    );
    assert_eq!(told.tell(Word::Cons), expected);
    told.clients.get_mut(&1).unwrap().paused = true;
    assert!(told.tell(Word::Cons).contains(":77[0]("), "a connection that must wait is not read");
}

/// ZooKeeper also shows buckets that are empty, and has other buckets for connections.
#[test]
fn dump_shows_sessions_ephemerals_and_connections_in_the_form_of_zookeeper() {
    let mut told = Told::captured();
    told.client(3, "127.0.0.1:44738", SessionId::NONE, (1, 0));
    // Buckets end at whole ticks of the monotonic clock: make them whole seconds of the wall clock.
    told.now.wall_ms = 1_795_177_940_000 + 940;
    let now = told.now.monotonic;
    told.sessions.open(FIRST, 30_000, now);
    told.sessions.open(SECOND, 10_000, now);
    told.sessions.open(THIRD, 8000, now);
    let dump = told.tell(Word::Dump);
    let expected = "SessionTracker dump:\n\
        Session Sets (3)/(3):\n\
        1 expire at Fri Nov 20 12:32:30 UTC 2026:\n\
        \t0x100001712dc0029\n\
        1 expire at Fri Nov 20 12:32:32 UTC 2026:\n\
        \t0x100001712dc002d\n\
        1 expire at Fri Nov 20 12:32:52 UTC 2026:\n\
        \t0x100001712dc002c\n\
        ephemeral nodes dump:\n\
        Sessions with Ephemerals (3):\n\
        0x100001712dc0029:\n\
        \t/v/e\n\
        0x100001712dc002c:\n\
        \t/f4/eph\n\
        0x100001712dc002d:\n\
        \t/f4/eph2\n\
        Connections dump:\n\
        Connections Sets (3)/(3):\n\
        1 expire at Fri Nov 20 12:32:30 UTC 2026:\n\
        \tip: /127.0.0.1:44738 sessionId: 0x0\n\
        1 expire at Fri Nov 20 12:32:32 UTC 2026:\n\
        \tip: /127.0.0.1:44680 sessionId: 0x100001712dc002d\n\
        1 expire at Fri Nov 20 12:32:52 UTC 2026:\n\
        \tip: /127.0.0.1:44672 sessionId: 0x100001712dc002c\n";
    assert_eq!(dump, expected);
    let unbucketed = |text: &str| -> BTreeSet<String> {
        let lines =
            text.lines().filter(|line| !line.contains("expire") && !line.contains(" Sets "));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(unbucketed(&dump), unbucketed(&apache(Word::Dump)));
}

#[test]
fn dates_are_those_of_the_calendar() {
    let mut told = Told::new();
    told.now.monotonic = Duration::ZERO;
    told.settings.handshake_ms = 0;
    told.client(1, "127.0.0.1:1", SessionId::NONE, (1, 0));
    for (seconds, date) in [
        (0, "Thu Jan 01 00:00:00 UTC 1970"),
        (-1, "Wed Dec 31 23:59:59 UTC 1969"),
        (68_169_599, "Mon Feb 28 23:59:59 UTC 1972"),
        (951_782_400, "Tue Feb 29 00:00:00 UTC 2000"),
        (951_868_800, "Wed Mar 01 00:00:00 UTC 2000"),
        (1_795_177_949, "Fri Nov 20 12:32:29 UTC 2026"),
        (4_107_542_400, "Mon Mar 01 00:00:00 UTC 2100"),
    ] {
        told.now.wall_ms = seconds * 1000 + 999;
        let dump = told.tell(Word::Dump);
        assert!(dump.contains(&format!("\n1 expire at {date}:\n")), "{date} is not in {dump}");
    }
}

#[test]
fn watches_are_shown_as_zookeeper_shows_them() {
    let mut told = Told::captured();
    told.watches.add("/f4", Watcher(1), WatchKind::Data);
    told.watches.add("/f4/none", Watcher(1), WatchKind::Data);
    told.watches.add("/f4/none", Watcher(2), WatchKind::Persistent);
    told.watches.add("/f4/children", Watcher(2), WatchKind::Child);
    assert_eq!(told.tell(Word::Wchs), apache(Word::Wchs));
    assert_eq!(lines(&told.tell(Word::Wchc)), lines(&apache(Word::Wchc)));
    assert_eq!(lines(&told.tell(Word::Wchp)), lines(&apache(Word::Wchp)));
    assert_eq!(told.tell(Word::Wchc).lines().next(), Some("0x100001712dc002c"));
    let nothing = Told::new();
    assert_eq!(nothing.tell(Word::Wchs), "0 connections watching 0 paths\nTotal watches:0\n");
    assert_eq!(nothing.tell(Word::Wchc) + &nothing.tell(Word::Wchp), "\n\n");
}

#[test]
fn mntr_has_zookeepers_keys_in_its_order_and_the_servers_own_numbers() {
    let mut told = Told::captured();
    told.stats.started = NOW.monotonic - Duration::from_millis(190_873);
    told.stats.response_size = Sizes { last: 28, max: 1_048_610, min: 16 };
    (told.stats.received, told.stats.sent) = (479, 490);
    told.state.sessions.extend([(FIRST, 1), (SECOND, 1), (THIRD, 1)]);
    told.watches.add("/f4", Watcher(1), WatchKind::Data);
    told.watches.add("/f4/none", Watcher(1), WatchKind::Data);
    told.watches.add("/f4/none", Watcher(2), WatchKind::Data);
    let (ours, apache) = (told.tell(Word::Mntr), apache(Word::Mntr));
    assert!(ours.ends_with('\n'));
    let mut theirs = apache.lines();
    for line in ours.lines() {
        let (key, value) = line.split_once('\t').expect("a key and a value");
        let their = theirs.find(|their| their.split_once('\t').unwrap().0 == key);
        let their = their.unwrap_or_else(|| panic!("{key} is no key of ZooKeeper, or not there"));
        if key != "zk_approximate_data_size" {
            assert_eq!(line, their);
        }
        assert!(!value.is_empty());
    }
    assert!(
        ours.contains(&format!("\nzk_approximate_data_size\t{}\n", told.state.tree.data_size()))
    );
}

#[test]
fn outstanding_requests_are_counted_in_all_and_for_each_connection() {
    let mut told = Told::captured();
    let waiting = VecDeque::from([server::Waiting::Turn(1), server::Waiting::Turn(2)]);
    told.clients.get_mut(&2).unwrap().waiting = waiting;
    assert!(told.tell(Word::Srvr).contains("\nOutstanding: 2\n"));
    assert!(told.tell(Word::Stat).contains(" /127.0.0.1:44680[1](queued=2,recved=3,sent=3)\n"));
    assert!(told.tell(Word::Mntr).contains("\nzk_outstanding_requests\t2\n"));
}
