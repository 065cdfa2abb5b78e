//! Checkers that never fail prove nothing. So here are histories that no server may show, each told
//! like a change to the good history that is nearest to it: lines with `-` are only in the bad one,
//! lines with `+` only in the good one, all others in both. The bad one must be found out, under the
//! name of the invariant that it breaks, and the good one must pass.
//!
//! The histories are in `histories/*.txt`; `play` below says what a line means.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use assurance::Armed;
use assurance::invariants::{Broken, Invariant, Verdict};
use consistency::Action;
use jute::records::TxnHeader;
use protocol::NO_ZXID;
use storage::{Entry, Write};
use zxid::{SessionId, Zxid};

use super::speech::{after, transaction, writes, zxid};
use super::stage::Stage;

/// A bad history and a good one.
struct Story {
    /// The invariant that the bad one breaks.
    breaks: String,
    title: String,
    alone: bool,
    lines: Vec<(char, String)>,
}

/// Reads the stories of a file. Each begins with `# S7: what is wrong`.
fn read(text: &str) -> Vec<Story> {
    let mut stories: Vec<Story> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(header) = line.strip_prefix("# ") {
            let (breaks, title) = header.split_once(": ").expect("a header names an invariant");
            let (breaks, title) = (breaks.to_string(), title.to_string());
            stories.push(Story { breaks, title, alone: false, lines: Vec::new() });
            continue;
        }
        let story = stories.last_mut().expect("a story begins with a header");
        let (mark, line) = (line.chars().next().unwrap_or(' '), line[1..].trim());
        assert!([' ', '+', '-'].contains(&mark), "`{line}` begins with no mark");
        if line == "alone" { story.alone = true } else { story.lines.push((mark, line.into())) }
    }
    stories
}

fn stories() -> Vec<Story> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/18-assurance/histories");
    let files = std::fs::read_dir(Path::new(folder)).expect("there are histories");
    let text = |file: std::fs::DirEntry| std::fs::read_to_string(file.path()).expect("it is text");
    files.flat_map(|file| read(&text(file.expect("a file")))).collect()
}

impl Story {
    /// What comes of the good history (`+`) or of the bad one (`-`), and after which line.
    fn play(&self, which: char) -> Result<(), (String, Broken)> {
        let mut stage = Stage::new(self.alone);
        stage.begin().map_err(|broken| ("the beginning".to_string(), broken))?;
        for (_, line) in self.lines.iter().filter(|(mark, _)| [' ', which].contains(mark)) {
            play(&mut stage, line).map_err(|broken| (line.clone(), broken))?;
        }
        let told = |line: &(char, String)| line.1.starts_with("from ");
        let end = if self.lines.iter().all(told) {
            stage.history.judge_answers()
        } else {
            stage.judge().and_then(|()| stage.witness.judge_history(&stage.history))
        };
        end.map_err(|broken| ("the end".to_string(), broken))
    }
}

/// Plays a line.
fn play(stage: &mut Stage, line: &str) -> Verdict {
    let words: Vec<&str> = line.split(' ').collect();
    // What is said and applied belongs to one batch; whatever else happens begins another.
    let same_batch = ["applies", "apply", "makes", "told", "answered", "welcomed", "refused"];
    if !words.iter().any(|word| same_batch.contains(word)) {
        stage.judge()?;
    }
    if let Ok(server) = words[0].parse() {
        return of_server(stage, server, &words);
    }
    match words.as_slice() {
        ["from", from, rest @ ..] => client_side(stage, from.parse().expect("a time"), rest),
        ["time", "passes", seconds] => {
            stage.now += Duration::from_secs(seconds.parse().expect("seconds"));
            stage.judge()
        }
        ["all", "apply"] => stage.numbers().into_iter().try_for_each(|it| stage.apply(it)),
        [name, "connects", "to", server] => stage.arrive(name, server.parse().expect("a server")),
        [name, "moves", "to", server] => {
            stage.connect(name, server.parse().expect("a server"));
            Ok(())
        }
        [name, "is", "welcomed"] => stage.welcome(name, true),
        [name, "is", "refused"] => stage.welcome(name, false),
        [name, "asks", ..] => {
            let text = line[name.len() + 6..].trim();
            let old = text.strip_suffix(" by the old connection");
            stage.ask(name, old.unwrap_or(text), old.is_some());
            Ok(())
        }
        [name, "is", "told", kind, path, how @ ..] => {
            let kinds = ["created", "deleted", "changed", "children"];
            let kind = kinds.iter().position(|it| it == kind).expect("a kind of event") as i32 + 1;
            let named = after(how, "as").map(zxid).or(how.contains(&"late").then_some(NO_ZXID));
            stage.tell(name, kind, path, named)
        }
        [name, "is", "answered", how @ ..] => answered(stage, name, 0, how),
        [names, "last", "is", "answered", how @ ..] => {
            let name = names.trim_end_matches("'s");
            let last = stage.person(name).waiting.len() - 1;
            answered(stage, name, last, how)
        }
        [names, which, "becomes", rest @ ..] => {
            becomes(stage, names.trim_end_matches("'s"), *which == "last", rest)
        }
        [name, "waits", "for", "a", "change", "of", path, "since", seen] => {
            let armed = Armed { path: path.to_string(), seen: Some(zxid(seen)) };
            let number = name.len() as u64;
            stage.history.armed.insert((number, number), armed);
            Ok(())
        }
        _ => panic!("`{line}` means nothing"),
    }
}

fn answered(stage: &mut Stage, name: &str, index: usize, how: &[&str]) -> Verdict {
    let lie = how.first().filter(|word| **word != "as").copied().unwrap_or_default();
    stage.answer(name, index, lie, after(how, "as").map(zxid))
}

/// A request becomes a transaction: `alice's request becomes set /a 2 version 1 as 1.4 on 1 3`.
fn becomes(stage: &mut Stage, name: &str, last: bool, words: &[&str]) -> Verdict {
    let (text, named, servers) = placed(stage, words);
    let session = stage.person(name).session;
    let waiting = stage.person(name).waiting.iter_mut();
    let mut open = waiting.filter(|asked| asked.became.is_none() && writes(&asked.text));
    let asked = if last { open.next_back() } else { open.next() };
    let xid = asked.expect("a write that is nothing yet").xid;
    let txn = transaction(&text, &stage.model);
    let payload = stage.make(session, xid, &txn, named, &servers)?;
    let mut waiting = stage.person(name).waiting.iter_mut();
    waiting.find(|asked| asked.xid == xid).expect("it is there").became = Some(payload);
    Ok(())
}

/// A transaction in words, its zxid if that is said, and who logs it.
fn placed(stage: &Stage, words: &[&str]) -> (String, Option<Zxid>, Vec<u64>) {
    let end = words.iter().position(|word| ["as", "on"].contains(word)).unwrap_or(words.len());
    let servers = words.iter().skip_while(|word| **word != "on").skip(1);
    let mut servers: Vec<u64> = servers.map(|word| word.parse().expect("a server")).collect();
    if servers.is_empty() {
        servers = stage.numbers();
    }
    (words[..end].join(" "), after(words, "as").map(zxid), servers)
}

/// A line about a server.
fn of_server(stage: &mut Stage, server: u64, words: &[&str]) -> Verdict {
    match &words[1..] {
        ["applies"] => stage.apply(server),
        ["forces"] => {
            stage.force(server);
            Ok(())
        }
        ["fails"] => {
            stage.witness.fails(server);
            Ok(())
        }
        ["notes", "epoch", epoch] => {
            stage.note(server, Write::AcceptedEpoch(epoch.parse().expect("an epoch")))
        }
        ["restarts", "with", last] => stage.start(server, zxid(last), false),
        ["restarts", "without", "power", "with", last] => stage.start(server, zxid(last), true),
        ["makes", path, "hold", data] => {
            let tree = &mut stage.server(server).state.tree;
            tree.set_data(path, Some(data.as_bytes()), |_| ());
            Ok(())
        }
        ["ends", names, "session", "removing", paths @ ..] => {
            let session = stage.person(names.trim_end_matches("'s")).session;
            let text = ["end"].iter().chain(paths).copied().collect::<Vec<_>>().join(" ");
            let txn = transaction(&text, &stage.model);
            stage.make(session, 0, &txn, None, &stage.numbers()).map(drop)
        }
        ["logs", rest @ ..] => stage.note(server, Write::Append(alien(stage, rest))),
        ["misreads", rest @ ..] => {
            let entry = alien(stage, rest);
            let log = &mut stage.server(server).log;
            log.retain(|other| other.zxid != entry.zxid);
            log.push(entry);
            Ok(())
        }
        _ => panic!("`{}` means nothing", words.join(" ")),
    }
}

/// An entry that no leader made.
fn alien(stage: &Stage, words: &[&str]) -> Entry {
    let (text, named, _) = placed(stage, words);
    let (txn, zxid) = (transaction(&text, &stage.model), named.expect("a zxid"));
    let header = TxnHeader { zxid, op: txn.op_code().code(), ..TxnHeader::default() };
    let mut payload = Vec::new();
    txn.append_payload(&header, None, &mut payload);
    Entry { zxid, payload: payload.into() }
}

/// What only clients know: `from 1 to 2 alice reads 7`, or `from 1 on` if it was never answered;
/// `sees` where no sync came before, and the past may be shown;
/// `from 1 to 2 alice's write 3 is answered at 1.4`.
fn client_side(stage: &mut Stage, from: u64, words: &[&str]) -> Verdict {
    let nanos = Duration::from_nanos;
    let (until, rest) = match words {
        ["to", until, rest @ ..] => (Some(until.parse().expect("a time")), rest),
        ["on", rest @ ..] => (None, rest),
        _ => panic!("until when? {words:?}"),
    };
    let history = &mut stage.history;
    match rest {
        [name, what @ ("writes" | "reads" | "sees"), value] => {
            let (value, client) = (value.parse().expect("a value"), u32::from(name.as_bytes()[0]));
            let action = if *what == "writes" { Action::Write(value) } else { Action::Read(value) };
            let id = match *what {
                "sees" => history.begin_plain(0, client, nanos(from)),
                _ => history.begin(0, client, action, nanos(from)),
            };
            if let Some(until) = until {
                history.end(0, id, nanos(until), Some(action));
            }
        }
        [names, what, number, "is", "answered", "at", position] => {
            let session = stage.people.get(names.trim_end_matches("'s"));
            let nobody = SessionId(i64::from(names.as_bytes()[0]));
            let session = session.map_or(nobody, |person| person.session);
            let sent = number.parse().expect("a number");
            let times = (nanos(from), nanos(until.expect("it is answered")));
            history.answered(session, sent, times, zxid(position), *what == "write");
        }
        _ => panic!("{rest:?} means nothing"),
    }
    Ok(())
}

#[test]
fn bad_histories_are_found_out_and_good_ones_pass() {
    let mut wrong = Vec::new();
    for story in stories() {
        let Story { breaks, title, .. } = &story;
        if let Err((line, broken)) = story.play('+') {
            wrong.push(format!("{breaks}: {title}: the good one fails at `{line}`: {broken}"));
        }
        match story.play('-') {
            Err((_, broken)) if broken.invariant.to_string() == *breaks => {}
            Err((line, broken)) => {
                wrong.push(format!("{breaks}: {title}: the bad one, at `{line}`: {broken}"));
            }
            Ok(()) => wrong.push(format!("{breaks}: {title}: the bad one passes")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Who else shows that these can fail.
const ELSEWHERE: &[(&str, &str)] = &[
    ("D6", "mutants of recovery: a history has one"),
    ("E1", "tests/18-explore"),
    ("E2", "tests/18-explore"),
    ("E3", "tests/18-explore"),
    ("E4", "tests/18-explore"),
    ("L2", "mutants: it is the end of a run that never comes to rest"),
    ("L3", "mutants: it is the end of a run in which somebody stays behind"),
    ("L4", "tests/18-explore"),
    ("L5", "mutants: what waits in a server is no history"),
];

#[test]
fn every_invariant_of_the_service_has_a_bad_history() {
    let told: BTreeSet<String> = stories().into_iter().map(|story| story.breaks).collect();
    for invariant in Invariant::ALL {
        let name = invariant.to_string();
        let elsewhere = ELSEWHERE.iter().any(|(other, _)| *other == name);
        assert!(told.contains(&name) != elsewhere, "{name}: a history or a reason, not both");
    }
}

#[test]
fn what_is_told_differs_between_good_and_bad() {
    for story in stories() {
        let marks: BTreeSet<char> = story.lines.iter().map(|(mark, _)| *mark).collect();
        assert!(marks.len() > 1, "{}: {} is one history", story.breaks, story.title);
    }
}
