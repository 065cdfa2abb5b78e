//! Chapter 18: runs as stories: what is written is read again, and what is read is played.
//!
//! `ENSEMBLE_MUTANT=cut-one-more`, in code that has this deliberate break, plays the stories that
//! are told of it: they must break what they say. `ENSEMBLE_STORY=1` prints all that happens.

use std::fs;
use std::path::{Path, PathBuf};

use assurance::invariants::{Broken, Invariant};
use assurance::story::minimise_by;
use assurance::{Ending, Story, Violation, replay};
use machines::{Kind, NodeId};

/// The stories of real bugs, and of how to write one.
fn stories() -> Vec<(PathBuf, Story)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/stories");
    let files = fs::read_dir(folder).expect("the stories are there");
    let mut files: Vec<PathBuf> = files.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("it can be read");
        Story::read(&path.display().to_string(), &text).unwrap_or_else(|why| panic!("{why}"))
    };
    files.iter().map(|path| (path.clone(), read(path))).collect()
}

fn wrong(text: &str) -> String {
    Story::read("a.story", text).expect_err("it is wrong")
}

/// Plays a story, and prints all that happens if that is asked for.
fn played(story: &Story) -> Ending {
    let ending = replay(story);
    if std::env::var("ENSEMBLE_STORY").is_ok() {
        ending.frames.iter().for_each(|it| println!("{:>14?} {}", it.line.time, it.line));
    }
    ending
}

#[test]
fn the_stories_of_real_bugs_break_nothing_in_the_real_code() {
    for (path, story) in stories() {
        let ending = played(&story);
        println!("{}: {} cues given, {:?}", path.display(), ending.given, ending.violation);
        assert_eq!(story.differs(&ending, None), None, "{}", path.display());
    }
}

#[test]
fn each_story_of_a_bug_breaks_something_in_the_mutant_that_has_it() {
    let Ok(mutant) = std::env::var("ENSEMBLE_MUTANT") else {
        println!("skipped: this code is no mutant; see ENSEMBLE_MUTANT at the top of this file");
        return;
    };
    for (path, story) in stories() {
        if story.mutant.as_ref() == Some(&mutant) {
            let ending = played(&story);
            println!("{}", path.display());
            if let Some(Violation { broken, time }) = &ending.violation {
                println!("  at {time:?} {broken}");
            }
            assert_eq!(story.differs(&ending, Some(&mutant)), None, "{}", path.display());
        }
    }
}

#[test]
fn a_story_that_is_printed_is_read_again() {
    for (path, story) in stories() {
        let again = Story::read("again", &story.to_string());
        assert_eq!(again, Ok(story), "{}", path.display());
    }
}

#[test]
fn every_act_and_every_cue_is_read_as_it_is_printed() {
    let cues = r##"at 0s crash 2
at 1.25s power-loss 2
at 1.250000001s#3 power-loss 2 worst
after 200ms power-loss 2 after 17
then restart 2
when "2 → 3 Ack" reboot 2
when "2 -> 3 Ack"#2 pause c1
when 2 leads resume c1
when 2 serves jump 2 -3500
when 2 is down drift 2 20000
when all agree slow 2 40
then fail-sync 2 5
then fail-write 2 5
then room 2 4000
then room 2 any
then new-disk 2
then reset 1 2
then reset 1 c1 3
then cut 1 from 2 3
then cut 1 2 to 3
then mend 1 from 2 3
then mend 1 2 to 3
then mend all
"##;
    let story = Story::read("a.story", &format!("servers 3\nclients 1\n{cues}")).expect("a story");
    assert_eq!(story.cues.len(), cues.lines().count());
    assert_eq!(Story::read("again", &story.to_string()), Ok(story));
    let members = "world members\nservers 3\nat 1s write 2 \"a # b\"  # why\nthen confirm 2\n";
    let story = Story::read("a.story", members).expect("a story");
    assert_eq!(story.cues[0].act.to_string(), "write 2 \"a # b\"");
}

#[test]
fn a_mistake_is_named_with_its_file_its_line_and_its_remedy() {
    let about = |text: &str, parts: &[&str]| {
        let why = wrong(text);
        assert!(parts.iter().all(|part| why.contains(part)), "{text:?} says: {why}");
    };
    about("seed x", &["a.story:1:", "`x`", "seed 3"]);
    about("\n# why\nsed 3", &["a.story:3:", "`sed`", "seed"]);
    about("world nowhere", &["a.story:1:", "`nowhere`", "world members"]);
    about("expect Z99", &["a.story:1:", "`Z99`", "expect Z11"]);
    about("hash 12x", &["a.story:1:", "`12x`"]);
    about("network bad", &["a.story:1:", "network rough"]);
    about("servers 3\nat 1 crash 2", &["a.story:2:", "`1`", "1.25s"]);
    about("servers 3\nat 1s crush 2", &["a.story:2:", "`crush 2`", "crash 2"]);
    about("servers 3\nat 1s crash x", &["a.story:2:", "`x`", "c2 for client 2"]);
    about("servers 3\nat 1s fail-sync 2 0", &["a.story:2:", "from 1 on"]);
    about("servers 3\nat 1s cut 2", &["a.story:2:", "between whom"]);
    about("servers 3\nwhen \"Ack crash 2", &["a.story:2:", "quote"]);
    about("servers 3\nwhen 2 sleeps crash 2", &["a.story:2:", "2 leads"]);
    about("world members\nservers 3\nat 1s crash 4", &["a.story:", "no node 4", "servers"]);
    about("servers 3\nat 1s write 1 \"x\"", &["a.story:", "world members"]);
    about("world members\nservers 3\nat 1s write 1", &["a.story:3:", "write 1 \"x\""]);
    about("world members", &["a.story:", "servers 2"]);
    about("tick 1s", &["a.story:", "world members"]);
}

/// Plays a story under an observer that does not like it when a server crashes twice.
fn play_with_a_grudge(story: &Story) -> Ending {
    let mut ending = replay(story);
    let crashes =
        |line: &machines::Line| line.kind == Kind::Crashed && line.node == NodeId::Server(2);
    let second = ending.frames.iter().filter(|frame| crashes(&frame.line)).nth(1);
    ending.violation = second.map(|frame| {
        let broken = Broken { invariant: Invariant::L2, what: "server 2 crashed twice".into() };
        Violation { broken, time: frame.line.time }
    });
    ending
}

const LONG: &str = "world members
servers 3
duration 20s
at 1s crash 1
at 1.5s write 2 \"a\"
at 2s restart 1
at 2.1s pause 3
at 2.5s crash 2
at 3s cut 1 from 2 3
at 3.5s resume 3
at 4s restart 2
at 4.2s mend all
at 5s slow 2 10
at 6s power-loss 1
at 7s crash 2
at 8s restart 1
at 9s restart 2
";

#[test]
fn a_story_is_made_small_and_still_breaks_the_same() {
    let story = Story::read("long", LONG).expect("a story");
    let mut tries = 0;
    let small = minimise_by(&story, 200, play_with_a_grudge, |it| tries = it.tries);
    let small = small.expect("it breaks something");
    let acts: Vec<String> = small.cues.iter().map(|cue| cue.act.to_string()).collect();
    assert_eq!(acts, ["crash 2", "restart 2", "crash 2"]);
    assert!(small.setting.duration < story.setting.duration);
    assert!(tries < 100, "{tries} runs for {} cues", story.cues.len());
    let ending = play_with_a_grudge(&small);
    assert_eq!(Some(ending.hash), small.hash, "it is replayed exactly");
    assert_eq!(small.differs(&ending, None), None);
    let text = small.to_string();
    for part in ["L2 is broken at", "twice", "A client waits for ever.", "18-assurance.html#l2"] {
        assert!(text.contains(part), "{part} is in {text}");
    }
    assert_eq!(Story::read("small", &text), Ok(small));
}

#[test]
fn a_budget_is_kept() {
    let story = Story::read("long", LONG).expect("a story");
    let mut tries = 0;
    let small = minimise_by(&story, 5, play_with_a_grudge, |it| tries = it.tries);
    assert!(tries <= 5 && small.is_some());
    assert_eq!(minimise_by(&story, 5, replay, |_| ()), None, "the real code breaks nothing");
}

/// Everything that is opened in a text of tags is closed, in order; texts and attributes hold no
/// sign that would have to be escaped.
fn well_formed(text: &str) {
    let mut open = Vec::new();
    for part in text.split('<').skip(1) {
        let (tag, after) = part.split_once('>').unwrap_or_else(|| panic!("not closed: {part}"));
        assert!(!after.contains('>'), "{after}");
        match (tag.strip_prefix('/'), tag.strip_suffix('/')) {
            (Some(name), _) => assert_eq!(open.pop(), Some(name), "{part}"),
            (None, Some(_)) => {}
            (None, None) => open.push(tag.split_whitespace().next().expect("a name")),
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn a_drawing_is_well_formed_and_shows_every_message() {
    for (_, story) in stories() {
        let ending = replay(&story);
        let svg = story.picture(&ending, usize::MAX);
        well_formed(&svg);
        let messages =
            ending.frames.iter().enumerate().filter(|(_, it)| {
                it.line.kind == Kind::Received && !it.line.text.starts_with("Ping")
            });
        for (at, frame) in messages {
            assert!(svg.contains(&format!("data-frame=\"{at}\"")), "{} is drawn", frame.line);
        }
        let few = story.picture(&ending, 30);
        well_formed(&few);
        assert!(few.len() < svg.len() / 2);
    }
}

#[test]
fn a_page_needs_nothing_else() {
    for (_, story) in stories() {
        let page = story.page(&replay(&story), 200);
        for outer in ["http:", "https:", "src=", "href=", "@import", "url("] {
            let page = page.replace("http://www.w3.org/2000/svg", "");
            assert!(!page.contains(outer), "{outer} in the page");
        }
        let (_, rest) = page.split_once("id=\"steps\">").expect("the steps");
        let (steps, _) = rest.split_once("</script>").expect("their end");
        let steps: serde_json::Value = serde_json::from_str(steps).expect("it is JSON");
        assert!(steps.as_array().is_some_and(|steps| !steps.is_empty() && steps.len() <= 200));
        assert!(page.contains("[\"epochs\",\"accepted "));
    }
}
