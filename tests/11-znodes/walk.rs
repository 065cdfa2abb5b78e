//! Saving a tree while it goes on changing.

use std::collections::BTreeMap;
use std::sync::Arc;

use jute::records::{Acl, StatPersisted};
use machines::Dice;
use znodes::{Loading, Tree, Walk};
use zxid::Zxid;

use crate::leader::{Leader, create, delete, replay, set};
use crate::wishes::{Wish, somebody};

/// A snapshot as a file would hold it.
#[derive(Default)]
struct Snapshot {
    lists: BTreeMap<i64, Arc<[Acl]>>,
    nodes: Vec<(String, Option<Vec<u8>>, i64, StatPersisted)>,
}

impl Snapshot {
    /// The map of lists is written first.
    fn begin(tree: &mut Tree, upto: Zxid) -> (Snapshot, Walk) {
        let lists = tree.acl_map().map(|(id, list)| (id, list.clone())).collect();
        (Snapshot { lists, nodes: Vec::new() }, tree.begin_walk(upto))
    }

    /// Saves so many nodes more; says whether there are still others.
    fn slice(&mut self, tree: &mut Tree, walk: Walk, mut nodes: usize) -> bool {
        tree.go_on(walk, |node| {
            let data = node.data.map(<[u8]>::to_vec);
            self.nodes.push((node.path.to_owned(), data, node.acl, node.stat));
            nodes = nodes.saturating_sub(1);
            nodes > 0
        })
    }

    fn load(&self, seed: u64) -> Tree {
        let mut loading = Loading::new(seed, true);
        let open: Arc<[Acl]> = Acl::open().into();
        for (path, data, acl, stat) in &self.nodes {
            let list = self.lists.get(acl).unwrap_or(&open);
            let added = loading.add(path, data.as_deref(), list, *stat);
            assert!(added, "{path} is saved once, and after its parent");
        }
        loading.finish()
    }

    fn paths(&self) -> Vec<&str> {
        self.nodes.iter().map(|(path, ..)| path.as_str()).collect()
    }
}

#[test]
fn a_snapshot_of_a_quiet_tree_is_the_tree() {
    let mut dice = Dice::new(1);
    let mut leader = Leader::new();
    for _ in 0..300 {
        let wish = Wish::random(&mut dice, false);
        wish.propose(somebody(&mut dice), &mut leader).ok();
        leader.apply_all();
    }
    let (mut snapshot, walk) = Snapshot::begin(&mut leader.tree, leader.last);
    assert!(!snapshot.slice(&mut leader.tree, walk, usize::MAX));
    leader.tree.end_walk(walk);
    assert_eq!(snapshot.paths()[0], "", "the root is written as the empty path");
    assert!(snapshot.load(9) == leader.tree);
}

/// A snapshot that was taken in slices while writes went on, and the log from where it began, give
/// the tree as it is at any time after the snapshot has ended.
#[test]
fn a_fuzzy_snapshot_and_the_log_behind_it_give_the_live_tree() {
    let mut fuzzy = 0;
    for seed in 0..300 {
        let mut dice = Dice::new(seed);
        let mut leader = Leader::new();
        let random = |leader: &mut Leader, dice: &mut Dice, count: usize| {
            for _ in 0..count {
                let wish = Wish::random(dice, false);
                wish.propose(somebody(dice), leader).ok();
                if dice.chance(700) {
                    leader.apply_all();
                }
            }
        };
        let before = dice.below(300);
        random(&mut leader, &mut dice, before);
        leader.apply_all();
        let begun = leader.applied;
        let (mut snapshot, walk) = Snapshot::begin(&mut leader.tree, leader.last);
        let slice = 1 + dice.below(5);
        while snapshot.slice(&mut leader.tree, walk, dice.below(slice) + 1) {
            let writes = dice.below(8);
            random(&mut leader, &mut dice, writes);
        }
        leader.tree.end_walk(walk);
        let ended = leader.applied;
        leader.apply_all();
        let after = dice.below(40);
        random(&mut leader, &mut dice, after);
        leader.apply_all();

        let mut loaded = snapshot.load(seed + 1000);
        for (n, logged) in leader.log.iter().enumerate().skip(begun) {
            replay(&mut loaded, &logged.payload, &mut Vec::new());
            if n + 1 >= ended {
                assert_eq!(loaded.digest(), logged.digest, "seed {seed}, after {}", n + 1);
            }
        }
        assert!(loaded == leader.tree, "seed {seed}");
        fuzzy += usize::from(ended > begun + 10);
    }
    assert!(fuzzy > 100, "writes go on while snapshots are taken: {fuzzy}");
}

#[test]
fn a_walk_leaves_out_what_came_after_it_began_and_steps_over_what_is_gone() {
    let mut leader = Leader::new();
    leader.make(&["/a", "/a/x", "/a/y", "/b", "/c"]);
    let (mut snapshot, walk) = Snapshot::begin(&mut leader.tree, leader.last);
    while snapshot.paths().last() != Some(&"/a") {
        assert!(snapshot.slice(&mut leader.tree, walk, 1));
    }
    let first = leader.tree.node("/a").unwrap().children().next().unwrap().to_owned();
    let (gone, again) = (format!("/a/{first}"), "/b");
    leader.write(delete(&gone, -1)).unwrap();
    leader.write(delete(again, -1)).unwrap();
    leader.make(&["/b", "/b/below", "/a/new", "/d"]);
    leader.write(set("/c", "later", -1)).unwrap();
    while snapshot.slice(&mut leader.tree, walk, 1) {}
    leader.tree.end_walk(walk);
    let paths = snapshot.paths();
    for path in [&*gone, again, "/b/below", "/a/new", "/d"] {
        assert!(!paths.contains(&path), "{path} is in {paths:?}");
    }
    let saved = snapshot.nodes.iter().find(|(path, ..)| path == "/c").expect("it was there");
    assert_eq!(saved.1.as_deref(), Some(&b"later"[..]), "it is as it was when it was visited");
}

#[test]
fn walks_do_not_disturb_each_other() {
    let mut leader = Leader::new();
    leader.make(&["/a", "/b", "/c"]);
    let (mut one, first) = Snapshot::begin(&mut leader.tree, leader.last);
    one.slice(&mut leader.tree, first, 3);
    let (mut two, second) = Snapshot::begin(&mut leader.tree, leader.last);
    two.slice(&mut leader.tree, second, 1);
    leader.write(create("/d", 0)).unwrap();
    while one.slice(&mut leader.tree, first, 1) {}
    leader.tree.end_walk(first);
    while two.slice(&mut leader.tree, second, 1) {}
    leader.tree.end_walk(second);
    assert_eq!(one.paths(), two.paths());
    assert_eq!(one.nodes.len(), leader.tree.len() - 1);
}

#[test]
fn what_is_no_tree_is_not_loaded() {
    let mut loading = Loading::new(1, true);
    let stat = StatPersisted::default();
    let mut add = |path| loading.add(path, None, &Acl::open(), stat);
    assert!(add("") && add("/a") && add("/a/b") && add("/a/c") && add("/b"));
    assert!(!add("/nope/x"), "no parent");
    assert!(!add("/a"), "twice");
    assert!(!add("/b"), "twice");
    assert!(!add("no-slash"));
    assert!(add("/a/d"));
}
