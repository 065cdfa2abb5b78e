//! Chapter 13: what must hold of watches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jute::records::{Acl, Perms, SetWatches, SetWatches2};
use machines::Dice;
use watches::{Changed, Event, EventKind, Kinds, Removal, WatchKind, Watcher, Watches};
use znodes::ChangeKind::{Created, DataChanged, Deleted};
use znodes::{Change, ChangeKind};
use zxid::Zxid;

const ONE: Watcher = Watcher(1);
const TWO: Watcher = Watcher(2);
const KINDS: [WatchKind; 4] =
    [WatchKind::Data, WatchKind::Child, WatchKind::Persistent, WatchKind::Recursive];

fn change(kind: ChangeKind, path: &str) -> Change {
    Change { kind, path: path.into(), acl: Acl::open().into(), parent_acl: Acl::open().into() }
}

const CREATED: &str = "NodeCreated";
const DELETED: &str = "NodeDeleted";
const DATA: &str = "NodeDataChanged";
const CHILDREN: &str = "NodeChildrenChanged";

/// The events of one change that everybody may read, as `1 NodeCreated /w`.
fn events(watches: &mut Watches, kind: ChangeKind, path: &str) -> Vec<String> {
    let mut out = Vec::new();
    watches.trigger(&change(kind, path), &mut |_, _| true, &mut out);
    out.iter().map(|(watcher, event)| format!("{} {event}", watcher.0)).collect()
}

fn private() -> Arc<[Acl]> {
    vec![Acl::new(Perms::ALL, "digest", "me:x")].into()
}

// 13.1: the table.

#[test]
fn every_kind_hears_of_its_changes_and_of_no_others() {
    // With one watch on /w: what is told of which change, to a watch of each of `KINDS`. A one-shot
    // watch is spent if it is told something, and only then.
    for (change, path, told) in [
        (Created, "/w", [CREATED, "", CREATED, CREATED]),
        (Deleted, "/w", [DELETED, DELETED, DELETED, DELETED]),
        (DataChanged, "/w", [DATA, "", DATA, DATA]),
        (Created, "/w/k", ["", CHILDREN, CHILDREN, CREATED]),
        (Deleted, "/w/k", ["", CHILDREN, CHILDREN, DELETED]),
        (DataChanged, "/w/k", ["", "", "", DATA]),
        (Created, "/w/k/l", ["", "", "", CREATED]),
        (Deleted, "/w/k/l", ["", "", "", DELETED]),
        (DataChanged, "/w/k/l", ["", "", "", DATA]),
        (Created, "/ww", ["", "", "", ""]),
        (Deleted, "/v", ["", "", "", ""]),
        (DataChanged, "/", ["", "", "", ""]),
    ] {
        for (kind, event) in KINDS.into_iter().zip(told) {
            let mut watches = Watches::new();
            watches.add("/w", ONE, kind);
            let told = events(&mut watches, change, path);
            let named = if event == CHILDREN { "/w" } else { path };
            let expected = (!event.is_empty()).then(|| format!("1 {event} {named}"));
            assert_eq!(told, Vec::from_iter(expected), "{kind:?} on /w, {change:?} {path}");
            let spent = !told.is_empty() && matches!(kind, WatchKind::Data | WatchKind::Child);
            assert_eq!(
                watches.check("/w", ONE, Removal::Any),
                !spent,
                "{kind:?}, {change:?} {path}"
            );
            assert!(!spent || watches == Watches::new(), "something is left behind");
        }
    }
}

#[test]
fn a_one_shot_watch_fires_once() {
    let mut watches = Watches::new();
    watches.add("/w", ONE, WatchKind::Data);
    assert_eq!(events(&mut watches, DataChanged, "/w"), ["1 NodeDataChanged /w"]);
    assert_eq!(events(&mut watches, DataChanged, "/w"), [""; 0], "it stays after firing");
}

#[test]
fn a_data_watch_does_not_hear_of_a_new_child() {
    let mut watches = Watches::new();
    watches.add("/w", ONE, WatchKind::Data);
    assert_eq!(events(&mut watches, Created, "/w/k"), [""; 0]);
    assert_eq!(events(&mut watches, DataChanged, "/w"), ["1 NodeDataChanged /w"]);
}

#[test]
fn a_watch_left_by_exists_waits_for_the_node() {
    let mut watches = Watches::new();
    watches.add("/none", ONE, WatchKind::Data);
    assert_eq!(events(&mut watches, Created, "/none"), ["1 NodeCreated /none"]);
}

#[test]
fn a_client_is_told_once_of_a_deletion_by_both_its_watches() {
    let mut watches = Watches::new();
    watches.add("/w", ONE, WatchKind::Data);
    watches.add("/w", ONE, WatchKind::Child);
    watches.add("/w", TWO, WatchKind::Child);
    assert_eq!(events(&mut watches, Deleted, "/w"), ["1 NodeDeleted /w", "2 NodeDeleted /w"]);
    assert_eq!(watches, Watches::new(), "the watch whose event was left out is spent too");
}

#[test]
fn a_deletion_is_told_before_the_change_of_the_parent() {
    let mut watches = Watches::new();
    watches.add("/w", ONE, WatchKind::Child);
    watches.add("/w/k", TWO, WatchKind::Child);
    watches.add("/w/k", ONE, WatchKind::Data);
    let expected = ["1 NodeDeleted /w/k", "2 NodeDeleted /w/k", "1 NodeChildrenChanged /w"];
    assert_eq!(events(&mut watches, Deleted, "/w/k"), expected);
}

#[test]
fn the_root_is_a_parent_and_has_none() {
    let mut watches = Watches::new();
    for kind in KINDS {
        watches.add("/", ONE, kind);
    }
    let expected = ["1 NodeCreated /a", "1 NodeChildrenChanged /"];
    assert_eq!(events(&mut watches, Created, "/a"), expected);
    assert_eq!(events(&mut watches, Created, "/a/b"), ["1 NodeCreated /a/b"]);
    assert_eq!(events(&mut watches, DataChanged, "/"), ["1 NodeDataChanged /"]);
    assert_eq!(events(&mut watches, DataChanged, "/"), ["1 NodeDataChanged /"]);
}

#[test]
fn kinds_on_one_path_do_not_disturb_each_other() {
    // Captured from ZooKeeper 3.9: watch_modes_and_acl.
    let mut watches = Watches::new();
    watches.add("/wm", ONE, WatchKind::Persistent);
    watches.add("/wm", ONE, WatchKind::Data);
    assert_eq!(events(&mut watches, DataChanged, "/wm"), ["1 NodeDataChanged /wm"]);
    assert_eq!(events(&mut watches, DataChanged, "/wm"), ["1 NodeDataChanged /wm"]);
    assert!(watches.remove("/wm", ONE, Removal::Any));

    for kind in [WatchKind::Persistent, WatchKind::Recursive, WatchKind::Child, WatchKind::Data] {
        watches.add("/wm", ONE, kind);
    }
    for path in ["/wm/k", "/wm/k2"] {
        let expected = [format!("1 NodeCreated {path}"), "1 NodeChildrenChanged /wm".to_string()];
        assert_eq!(events(&mut watches, Created, path), expected);
    }
    assert!(!watches.check("/wm", ONE, Removal::Children), "it was spent on /wm/k");
    assert!(watches.check("/wm", ONE, Removal::Data));
    assert!(watches.check("/wm", ONE, Removal::Persistent));
    assert!(watches.check("/wm", ONE, Removal::Recursive));
    assert!(watches.remove("/wm", ONE, Removal::Data));
    assert_eq!(events(&mut watches, DataChanged, "/wm"), ["1 NodeDataChanged /wm"]);
    assert!(watches.remove("/wm", ONE, Removal::Persistent));
    assert_eq!(events(&mut watches, Created, "/wm/k3"), ["1 NodeCreated /wm/k3"]);
    assert!(watches.remove("/wm", ONE, Removal::Recursive));
    assert!(!watches.remove("/wm", ONE, Removal::Any));
}

#[test]
fn the_watch_matrix_of_a_real_server() {
    // Captured: watch_matrix.
    let mut watches = Watches::new();
    let nothing = [""; 0];
    watches.add("/w", ONE, WatchKind::Data); // getData
    watches.add("/w", ONE, WatchKind::Data); // exists
    watches.add("/w", ONE, WatchKind::Child);
    watches.add("/w", ONE, WatchKind::Persistent);
    assert_eq!(events(&mut watches, DataChanged, "/w"), ["1 NodeDataChanged /w"]);
    assert_eq!(events(&mut watches, Created, "/w/k"), ["1 NodeChildrenChanged /w"]);
    assert_eq!(events(&mut watches, Deleted, "/w/k"), ["1 NodeChildrenChanged /w"]);
    watches.add("/w", ONE, WatchKind::Child);
    assert_eq!(events(&mut watches, Deleted, "/w"), ["1 NodeDeleted /w"]);
    assert_eq!(events(&mut watches, Created, "/w"), ["1 NodeCreated /w"]);
    assert_eq!(events(&mut watches, Deleted, "/w"), ["1 NodeDeleted /w"]);
    assert!(watches.remove("/w", ONE, Removal::Any));
    assert_eq!(events(&mut watches, Created, "/w"), nothing);

    watches.add("/w", ONE, WatchKind::Recursive);
    watches.add("/", ONE, WatchKind::Recursive);
    assert_eq!(events(&mut watches, Created, "/w/a"), ["1 NodeCreated /w/a"]);
    assert_eq!(events(&mut watches, DataChanged, "/w/a"), ["1 NodeDataChanged /w/a"]);
    watches.add("/w/a", ONE, WatchKind::Data);
    watches.add("/w", ONE, WatchKind::Child);
    assert_eq!(events(&mut watches, DataChanged, "/w/a"), ["1 NodeDataChanged /w/a"]);
    let expected = ["1 NodeCreated /w/m1", "1 NodeChildrenChanged /w"];
    assert_eq!(events(&mut watches, Created, "/w/m1"), expected);
    assert_eq!(events(&mut watches, DataChanged, "/w/m1"), ["1 NodeDataChanged /w/m1"]);
    assert_eq!(events(&mut watches, Deleted, "/w/m1"), ["1 NodeDeleted /w/m1"]);
    assert_eq!(events(&mut watches, Deleted, "/w/a"), ["1 NodeDeleted /w/a"]);
}

// Who may hear of it.

#[test]
fn an_event_that_may_not_be_read_is_left_out_and_its_watch_is_spent() {
    let mut watches = Watches::new();
    for kind in KINDS {
        watches.add("/w", ONE, kind);
        watches.add("/w", TWO, kind);
    }
    let mut out = Vec::new();
    watches.trigger(&change(Deleted, "/w"), &mut |watcher, _| watcher == TWO, &mut out);
    let expected = Event { kind: EventKind::NodeDeleted, path: "/w".into() };
    assert_eq!(out, [(TWO, expected)]);
    for watcher in [ONE, TWO] {
        let left = Kinds::from(WatchKind::Persistent) | WatchKind::Recursive.into();
        assert_eq!(watches.kinds("/w", watcher), left);
    }
}

#[test]
fn the_list_of_the_node_that_an_event_names_decides() {
    let open: Arc<[Acl]> = Acl::open().into();
    let story = |kind, acl: &Arc<[Acl]>, parent_acl: &Arc<[Acl]>| {
        let mut watches = Watches::new();
        watches.add("/wm", ONE, WatchKind::Recursive);
        watches.add("/wm/priv", ONE, WatchKind::Child);
        let path = "/wm/priv/kid".into();
        let change = Change { kind, path, acl: acl.clone(), parent_acl: parent_acl.clone() };
        let mut out = Vec::new();
        watches.trigger(&change, &mut |_, acl| acl != &*private(), &mut out);
        out.into_iter().map(|(_, event)| event.to_string()).collect::<Vec<_>>()
    };
    // An open child of a private node is announced; its parent's change is not.
    assert_eq!(story(Created, &open, &private()), ["NodeCreated /wm/priv/kid"]);
    assert_eq!(story(Deleted, &open, &private()), ["NodeDeleted /wm/priv/kid"]);
    assert_eq!(story(DataChanged, &open, &private()), ["NodeDataChanged /wm/priv/kid"]);
    assert_eq!(story(Created, &private(), &open), ["NodeChildrenChanged /wm/priv"]);
    assert_eq!(story(DataChanged, &private(), &open), [""; 0]);
    assert_eq!(story(Created, &private(), &private()), [""; 0]);
}

// 13.3: watches that come back with their client.

/// What a client is told that comes back with watches, in a tree of these nodes.
fn comes_back(
    watches: &mut Watches,
    request: SetWatches2<'_>,
    nodes: &[(&str, u64, u64)],
) -> Vec<String> {
    let mut look = |path: &str| {
        let found = nodes.iter().find(|(node, ..)| *node == path);
        found.map(|(_, mzxid, pzxid)| Changed { mzxid: Zxid(*mzxid), pzxid: Zxid(*pzxid) })
    };
    let mut out = Vec::new();
    watches.set_watches(ONE, &request, &mut look, &mut out);
    assert!(out.iter().all(|(watcher, _)| *watcher == ONE));
    out.into_iter().map(|(_, event)| event.to_string()).collect()
}

fn one_shot<'a>(
    relative_zxid: i64,
    data: &[&'a str],
    exist: &[&'a str],
    child: &[&'a str],
) -> SetWatches2<'a> {
    let list = |paths: &[&'a str]| paths.iter().map(|path| (*path).into()).collect();
    let one_shot =
        SetWatches { relative_zxid, data: list(data), exist: list(exist), child: list(child) };
    SetWatches2 { one_shot, persistent: vec![], recursive: vec![] }
}

#[test]
fn a_watch_that_comes_back_has_missed_what_is_newer_than_its_client() {
    // (the node's mzxid and pzxid if there is one; what data, exist and child watches miss), at 10.
    for (node, data, exist, child) in [
        (None, "NodeDeleted", "", "NodeDeleted"),
        (Some((10, 10)), "", "NodeCreated", ""),
        (Some((11, 10)), "NodeDataChanged", "NodeCreated", ""),
        (Some((10, 11)), "", "NodeCreated", "NodeChildrenChanged"),
        (Some((9, 3)), "", "NodeCreated", ""),
        (Some((50, 60)), "NodeDataChanged", "NodeCreated", "NodeChildrenChanged"),
    ] {
        let nodes = Vec::from_iter(node.map(|(mzxid, pzxid)| ("/n", mzxid, pzxid)));
        for (request, missed, kind) in [
            (one_shot(10, &["/n"], &[], &[]), data, WatchKind::Data),
            (one_shot(10, &[], &["/n"], &[]), exist, WatchKind::Data),
            (one_shot(10, &[], &[], &["/n"]), child, WatchKind::Child),
        ] {
            let mut watches = Watches::new();
            let told = comes_back(&mut watches, request, &nodes);
            let expected = (!missed.is_empty()).then(|| format!("{missed} /n"));
            assert_eq!(told, Vec::from_iter(expected.clone()), "{node:?}, {kind:?}");
            // It is either told or set again, never both and never neither.
            let set = if expected.is_none() { kind.into() } else { Kinds::NONE };
            assert_eq!(watches.kinds("/n", ONE), set, "{node:?}, {kind:?}");
        }
    }
}

#[test]
fn a_client_that_comes_back_is_told_as_by_a_real_server() {
    // Captured: reattach_setwatches2.
    let mut request = one_shot(
        0x66,
        &["/fx/rc/d", "/fx/rc/e", "/fx/rc/g"],
        &["/fx/rc/none"],
        &["/fx/rc", "/fx/rc/k"],
    );
    request.persistent = vec!["/fx/rc/d".into()];
    request.recursive = vec!["/fx/rc/none".into()];
    let nodes = [
        ("/fx/rc", 0x62, 0x69),
        ("/fx/rc/d", 0x67, 0x63),
        ("/fx/rc/e", 0x64, 0x64),
        ("/fx/rc/k", 0x65, 0x6a),
        ("/fx/rc/none", 0x68, 0x68),
    ];
    let mut watches = Watches::new();
    let told = comes_back(&mut watches, request, &nodes);
    assert_eq!(
        told,
        [
            "NodeDataChanged /fx/rc/d",
            "NodeDeleted /fx/rc/g",
            "NodeCreated /fx/rc/none",
            "NodeChildrenChanged /fx/rc",
            "NodeChildrenChanged /fx/rc/k",
        ]
    );
    let kinds = |path| watches.kinds(path, ONE);
    assert_eq!(kinds("/fx/rc/e"), WatchKind::Data.into());
    assert_eq!(kinds("/fx/rc/d"), WatchKind::Persistent.into(), "set, and nothing is told");
    assert_eq!(kinds("/fx/rc/none"), WatchKind::Recursive.into(), "set, and nothing is told");
    assert_eq!(watches.summary(), (1, 3, 3));

    // Captured: reattach_setwatches, where only the first was changed.
    let request = one_shot(0x6e, &["/fx/rd"], &["/fx/rd/none"], &["/fx/rd/k"]);
    let nodes = [("/fx/rd", 0x6f, 0x6e), ("/fx/rd/k", 0x6e, 0x6e)];
    let mut watches = Watches::new();
    assert_eq!(comes_back(&mut watches, request, &nodes), ["NodeDataChanged /fx/rd"]);
    assert_eq!(watches.kinds("/fx/rd/none", ONE), WatchKind::Data.into());
    assert_eq!(watches.kinds("/fx/rd/k", ONE), WatchKind::Child.into());
}

#[test]
fn a_node_that_came_and_went_is_not_missed_by_a_watch_left_by_exists() {
    // The gap: nothing in the tree says that there was a node in between.
    let mut watches = Watches::new();
    assert_eq!(comes_back(&mut watches, one_shot(5, &[], &["/n"], &[]), &[]), [""; 0]);
    assert_eq!(watches.kinds("/n", ONE), WatchKind::Data.into());
}

#[test]
fn a_client_that_has_seen_nothing_has_missed_everything() {
    for relative in [0, -1, i64::MIN] {
        let request = one_shot(relative, &["/wm"], &["/wm"], &["/wm"]);
        let told = comes_back(&mut Watches::new(), request, &[("/wm", 3, 4)]);
        assert_eq!(told, ["NodeDataChanged /wm", "NodeCreated /wm", "NodeChildrenChanged /wm"]);
    }
}

// Removing, counting, listing.

#[test]
fn a_removal_takes_the_kinds_that_it_names() {
    for (code, removed) in [
        (1, vec![WatchKind::Child]),
        (2, vec![WatchKind::Data]),
        (3, KINDS.to_vec()),
        (4, vec![WatchKind::Persistent]),
        (5, vec![WatchKind::Recursive]),
    ] {
        let removal = Removal::from_code(code).unwrap();
        for kind in KINDS {
            let mut watches = Watches::new();
            watches.add("/w", ONE, kind);
            assert!(!watches.check("/w", TWO, removal), "another one's");
            assert!(!watches.remove("/w/x", ONE, removal), "another path");
            let expected = removed.contains(&kind);
            assert_eq!(watches.check("/w", ONE, removal), expected, "{code} of {kind:?}");
            assert_eq!(watches.remove("/w", ONE, removal), expected, "{code} of {kind:?}");
            assert_eq!(watches == Watches::new(), expected);
        }
    }
    assert_eq!([-1, 0, 6].map(Removal::from_code), [None; 3]);
    assert_eq!([-1, 2, 3].map(WatchKind::from_mode), [None; 3]);
    assert_eq!(WatchKind::from_mode(0), Some(WatchKind::Persistent));
    assert_eq!(WatchKind::from_mode(1), Some(WatchKind::Recursive));
}

#[test]
fn a_dropped_watcher_leaves_nothing_behind() {
    let mut watches = Watches::new();
    for (number, kind) in (1..).zip(KINDS) {
        for path in ["/", "/a", "/a/b"] {
            watches.add(path, ONE, kind);
            watches.add(path, Watcher(number), kind);
        }
    }
    watches.drop_watcher(ONE);
    watches.drop_watcher(ONE);
    assert!(events(&mut watches, Deleted, "/a/b").iter().all(|told| !told.starts_with("1 ")));
    (2..=4).for_each(|number| watches.drop_watcher(Watcher(number)));
    assert_eq!(watches, Watches::new());
}

#[test]
fn watches_are_counted_by_path_and_watcher_in_each_table() {
    let mut watches = Watches::new();
    let mut count = 0;
    for (path, watcher, kind, more) in [
        ("/a", ONE, WatchKind::Data, 1),
        ("/a", ONE, WatchKind::Data, 0),
        ("/a", ONE, WatchKind::Child, 1),
        ("/a", ONE, WatchKind::Persistent, 0),
        ("/b", ONE, WatchKind::Persistent, 2),
        ("/b", TWO, WatchKind::Recursive, 1),
        ("/b", TWO, WatchKind::Child, 1),
    ] {
        watches.add(path, watcher, kind);
        count += more;
        assert_eq!(watches.count(), count, "{path} {watcher} {kind:?}");
    }
    watches.remove("/a", ONE, Removal::Persistent);
    assert_eq!(watches.count(), count);
    watches.remove("/b", ONE, Removal::Any);
    assert_eq!(watches.count(), count - 2);
}

#[test]
fn only_data_watches_are_listed() {
    let mut watches = Watches::new();
    watches.add("/c", TWO, WatchKind::Child);
    for (path, watcher, kind) in [
        ("/b", TWO, WatchKind::Data),
        ("/a", TWO, WatchKind::Persistent),
        ("/a", ONE, WatchKind::Recursive),
        ("/c", ONE, WatchKind::Data),
        ("/c", ONE, WatchKind::Child),
    ] {
        watches.add(path, watcher, kind);
    }
    let listed = watches.data_by_path();
    let listed: Vec<_> = listed.iter().map(|(path, watchers)| (&**path, &**watchers)).collect();
    let expected: [(&str, &[Watcher]); 3] = [("/a", &[ONE, TWO]), ("/b", &[TWO]), ("/c", &[ONE])];
    assert_eq!(listed, expected);
    let listed = watches.data_by_watcher();
    let listed: Vec<_> =
        listed.iter().map(|(watcher, paths)| (*watcher, paths.join(" "))).collect();
    assert_eq!(listed, [(ONE, "/a /c".to_string()), (TWO, "/a /b".to_string())]);
    assert_eq!(watches.summary(), (2, 3, 4));
}

#[test]
fn the_events_of_one_change_share_their_path_and_are_in_order() {
    let mut watches = Watches::new();
    for number in (0..300).rev() {
        watches.add("/w", Watcher(number), WatchKind::Data);
    }
    watches.add("/", Watcher(150), WatchKind::Recursive);
    watches.add("/", Watcher(301), WatchKind::Recursive);
    let mut out = Vec::new();
    watches.trigger(&change(DataChanged, "/w"), &mut |_, _| true, &mut out);
    let watchers: Vec<_> = out.iter().map(|(watcher, _)| watcher.0).collect();
    assert_eq!(watchers, Vec::from_iter((0..300).chain([301])));
    assert!(out.iter().all(|(_, event)| Arc::ptr_eq(&event.path, &out[0].1.path)));
}

#[test]
fn a_path_that_is_none_can_be_watched() {
    let mut watches = Watches::new();
    watches.add("/", TWO, WatchKind::Recursive);
    for path in ["", "a", "//", "/a/", "a/b", "\0"] {
        watches.add(path, ONE, WatchKind::Data);
        assert!(events(&mut watches, Deleted, path).contains(&format!("1 NodeDeleted {path}")));
        assert!(!watches.check(path, ONE, Removal::Any));
    }
}

// The law: as ZooKeeper's two tables.

/// The rules as they are written: two tables, and a line of events for each.
#[derive(Default)]
struct TwoTables {
    data: BTreeSet<(String, Watcher, WatchKind)>,
    child: BTreeSet<(String, Watcher, WatchKind)>,
}

impl TwoTables {
    fn add(&mut self, path: &str, watcher: Watcher, kind: WatchKind) {
        let entry = (path.to_string(), watcher, kind);
        if kind != WatchKind::Child {
            self.data.insert(entry.clone());
        }
        if matches!(kind, WatchKind::Child | WatchKind::Persistent) {
            self.child.insert(entry);
        }
    }

    fn fire(table: &mut BTreeSet<(String, Watcher, WatchKind)>, path: &str) -> BTreeSet<Watcher> {
        let below = |at: &str| path == at || at == "/" || path.starts_with(&format!("{at}/"));
        let fired: Vec<_> = table
            .iter()
            .filter(|(at, _, kind)| at == path || *kind == WatchKind::Recursive && below(at))
            .cloned()
            .collect();
        for entry in &fired {
            if matches!(entry.2, WatchKind::Data | WatchKind::Child) {
                table.remove(entry);
            }
        }
        fired.into_iter().map(|(_, watcher, _)| watcher).collect()
    }

    fn trigger(&mut self, kind: ChangeKind, path: &str) -> BTreeMap<Watcher, Vec<String>> {
        let mut told: BTreeMap<Watcher, Vec<String>> = BTreeMap::new();
        let mut tell = |watchers: &BTreeSet<Watcher>, event: &str, path: &str| {
            for watcher in watchers {
                told.entry(*watcher).or_default().push(format!("{event} {path}"));
            }
        };
        let event = match kind {
            Created => CREATED,
            Deleted => DELETED,
            DataChanged => DATA,
        };
        let first = Self::fire(&mut self.data, path);
        tell(&first, event, path);
        if kind == Deleted {
            tell(&(&Self::fire(&mut self.child, path) - &first), event, path);
        }
        if kind != DataChanged {
            let parent = znodes::path::parent(path).unwrap();
            tell(&Self::fire(&mut self.child, parent), CHILDREN, parent);
        }
        told
    }
}

#[test]
fn one_table_tells_what_the_two_tables_of_zookeeper_tell() {
    let paths = ["/", "/a", "/ab", "/a/b", "/a/c", "/a/b/c", "/d"];
    let mut sometimes = 0;
    for seed in 0..300 {
        let mut dice = Dice::new(seed);
        let (mut ours, mut theirs) = (Watches::new(), TwoTables::default());
        for _ in 0..200 {
            let path = *dice.pick(&paths).unwrap();
            let watcher = Watcher(dice.between(1, 5));
            if dice.chance(500) {
                let kind = *dice.pick(&KINDS).unwrap();
                ours.add(path, watcher, kind);
                theirs.add(path, watcher, kind);
            } else if dice.chance(50) {
                ours.drop_watcher(watcher);
                theirs.data.retain(|(_, other, _)| *other != watcher);
                theirs.child.retain(|(_, other, _)| *other != watcher);
            } else if path != "/" {
                let kind = *dice.pick(&[Created, Deleted, DataChanged]).unwrap();
                let mut out = Vec::new();
                ours.trigger(&change(kind, path), &mut |_, _| true, &mut out);
                sometimes += usize::from(out.len() > 3);
                let mut told: BTreeMap<Watcher, Vec<String>> = BTreeMap::new();
                for (watcher, event) in out {
                    told.entry(watcher).or_default().push(event.to_string());
                }
                assert_eq!(told, theirs.trigger(kind, path), "seed {seed}: {kind:?} {path}");
            }
            let pairs = |table: &BTreeSet<(String, Watcher, WatchKind)>| {
                table
                    .iter()
                    .map(|(path, watcher, _)| (path, watcher))
                    .collect::<BTreeSet<_>>()
                    .len()
            };
            assert_eq!(ours.count(), pairs(&theirs.data) + pairs(&theirs.child), "seed {seed}");
        }
        (1..5).for_each(|watcher| ours.drop_watcher(Watcher(watcher)));
        assert_eq!(ours, Watches::new(), "seed {seed}");
    }
    assert!(sometimes > 1000, "several were told at once: {sometimes}");
}
