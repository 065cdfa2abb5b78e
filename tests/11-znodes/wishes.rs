//! Random writes, and a model of what they do that knows nothing of transactions.

use std::collections::BTreeMap;

use jute::records::ErrorCode::*;
use jute::records::{Acl, ErrorCode, Perms, Stat};
use machines::Dice;
use znodes::{Op, path};
use zxid::{SessionId, Zxid};

use crate::leader::{Leader, ME, OTHER, check, create_with, delete, only, set, set_acl};

/// Something to be done.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    Create {
        path: String,
        flags: i32,
        data: Option<String>,
    },
    Delete {
        path: String,
        version: i32,
    },
    Set {
        path: String,
        data: String,
        version: i32,
    },
    SetAcl {
        path: String,
        acl: Vec<Acl>,
        version: i32,
    },
    Check {
        path: String,
        version: i32,
    },
    Multi(Vec<Wish>),
    /// The session ends.
    Close,
}

impl Wish {
    /// One of about a hundred paths; mostly small versions, which sometimes are the right ones.
    pub(crate) fn random(dice: &mut Dice, in_multi: bool) -> Wish {
        let path = random_path(dice);
        let version = if dice.chance(600) { -1 } else { dice.below(4) as i32 - 1 };
        match dice.below(if in_multi { 80 } else { 100 }) {
            0..40 => {
                let flags = *dice.pick(&[0, 0, 0, 1, 2, 3]).expect("a list");
                let data = dice.chance(800).then(|| "d".repeat(dice.below(30)));
                Wish::Create { path, flags, data }
            }
            40..60 => Wish::Delete { path, version },
            60..75 => Wish::Set { path, data: "s".repeat(dice.below(30)), version },
            75..80 => Wish::Check { path, version },
            80..85 => {
                let mut acl = only(Perms::ALL);
                let others = dice.below(4);
                acl.extend((0..others).map(|n| Acl::new(Perms::READ, "digest", format!("u{n}"))));
                Wish::SetAcl { path, acl, version }
            }
            85..97 => Wish::Multi((0..dice.below(6)).map(|_| Wish::random(dice, true)).collect()),
            _ => Wish::Close,
        }
    }

    fn op(&self) -> Op<'_> {
        match self {
            Wish::Create { path, flags, data } => {
                create_with(path, *flags, data.as_ref().map(String::as_bytes), Acl::open())
            }
            Wish::Delete { path, version } => delete(path, *version),
            Wish::Set { path, data, version } => set(path, data, *version),
            Wish::SetAcl { path, acl, version } => set_acl(path, acl.clone(), *version),
            Wish::Check { path, version } => check(path, *version),
            Wish::Multi(_) | Wish::Close => panic!("{self:?} is no single write"),
        }
    }

    /// Has a leader prepare it. The error is that of a single write; a multi has none.
    pub(crate) fn propose(&self, who: SessionId, leader: &mut Leader) -> Result<(), ErrorCode> {
        match self {
            Wish::Multi(parts) => {
                leader.propose_multi(who, parts.iter().map(Wish::op).collect());
                Ok(())
            }
            Wish::Close => {
                leader.propose_close(who);
                Ok(())
            }
            single => leader.propose_by(who, single.op()).map(|_| ()),
        }
    }
}

/// One of the two sessions.
pub(crate) fn somebody(dice: &mut Dice) -> SessionId {
    if dice.chance(500) { ME } else { OTHER }
}

fn random_path(dice: &mut Dice) -> String {
    let mut path = String::new();
    for _ in 0..=dice.below(3) {
        path += dice.pick(&["/a", "/b", "/c", "/d"]).expect("a list");
    }
    if dice.chance(100) {
        path += "0000000001";
    }
    path
}

/// A node, as simply as can be.
#[derive(Clone, Debug)]
struct ModelNode {
    data: Option<String>,
    /// Children that were ever created, and that were deleted.
    created: i32,
    deleted: i32,
    stat: Stat,
}

/// The tree, as simply as can be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    nodes: BTreeMap<String, ModelNode>,
}

impl Model {
    /// With the system's nodes, whose children were never created.
    pub(crate) fn new() -> Model {
        let mut model = Model::default();
        for (path, children) in [("/", 1), ("/zookeeper", 2)] {
            let node = ModelNode {
                data: Some(String::new()),
                created: 0,
                deleted: -children,
                stat: Stat::default(),
            };
            model.nodes.insert(path.to_owned(), node);
        }
        model
    }

    /// Does it, or says why not.
    pub(crate) fn grant(
        &mut self,
        who: SessionId,
        wish: &Wish,
        (zxid, time): (Zxid, i64),
    ) -> Result<(), ErrorCode> {
        match wish {
            Wish::Multi(parts) => {
                let mut after = self.clone();
                if parts.iter().all(|part| after.grant(who, part, (zxid, time)).is_ok()) {
                    *self = after;
                }
            }
            Wish::Close => {
                let mine = |(path, node): (&String, &ModelNode)| {
                    (node.stat.ephemeral_owner == who.0).then(|| path.clone())
                };
                for path in self.nodes.iter().filter_map(mine).collect::<Vec<_>>() {
                    self.remove(&path, zxid);
                }
            }
            Wish::Create { path, flags, data } => {
                self.create(who, (path, *flags, data), (zxid, time))?;
            }
            Wish::Delete { path, version } => {
                let node = self.nodes.get(path).ok_or(NoNode)?;
                expect(*version, node.stat.version)?;
                if node.created > node.deleted {
                    return Err(NotEmpty);
                }
                self.remove(path, zxid);
            }
            Wish::Set { path, data, version } => {
                let node = self.nodes.get_mut(path).ok_or(NoNode)?;
                expect(*version, node.stat.version)?;
                node.data = Some(data.clone());
                node.stat.version += 1;
                (node.stat.mzxid, node.stat.mtime) = (zxid, time);
            }
            Wish::SetAcl { path, version, .. } => {
                let node = self.nodes.get_mut(path).ok_or(NoNode)?;
                expect(*version, node.stat.aversion)?;
                node.stat.aversion += 1;
            }
            Wish::Check { path, version } => {
                expect(*version, self.nodes.get(path).ok_or(NoNode)?.stat.version)?;
            }
        }
        Ok(())
    }

    fn create(
        &mut self,
        who: SessionId,
        (path, flags, data): (&str, i32, &Option<String>),
        (zxid, time): (Zxid, i64),
    ) -> Result<(), ErrorCode> {
        let above = self.nodes.get(path::parent(path).expect("a slash")).ok_or(NoNode)?;
        let number = if flags >= 2 { format!("{:010}", above.created) } else { String::new() };
        let path = format!("{path}{number}");
        if self.nodes.contains_key(&path) {
            return Err(NodeExists);
        }
        if above.stat.ephemeral_owner != 0 {
            return Err(NoChildrenForEphemerals);
        }
        let ephemeral_owner = if flags & 1 == 1 { who.0 } else { 0 };
        let (czxid, mzxid, pzxid, ctime, mtime) = (zxid, zxid, zxid, time, time);
        let stat = Stat { czxid, mzxid, pzxid, ctime, mtime, ephemeral_owner, ..Stat::default() };
        let above = self.nodes.get_mut(path::parent(&path).expect("a slash")).expect("seen above");
        above.created += 1;
        above.stat.pzxid = zxid;
        self.nodes.insert(path, ModelNode { data: data.clone(), created: 0, deleted: 0, stat });
        Ok(())
    }

    fn remove(&mut self, path: &str, zxid: Zxid) {
        self.nodes.remove(path);
        let above = self.nodes.get_mut(path::parent(path).expect("a slash")).expect("a parent");
        above.deleted += 1;
        above.stat.pzxid = zxid;
    }

    /// Checks that a tree has these nodes, with these data and stats.
    pub(crate) fn assert_is(&self, tree: &znodes::Tree) {
        for (path, node) in &self.nodes {
            let there = tree.node(path).unwrap_or_else(|| panic!("{path} is missing"));
            let stat = Stat {
                cversion: node.created + node.deleted,
                num_children: node.created - node.deleted,
                data_length: node.data.as_ref().map_or(0, |data| data.len() as i32),
                ..node.stat
            };
            assert_eq!(there.stat(), stat, "the stat of {path}");
            assert_eq!(there.data(), node.data.as_ref().map(String::as_bytes), "data of {path}");
        }
        // The quota and the configuration are not in the model.
        assert_eq!(tree.len(), self.nodes.len() + 2, "there are nodes that should not be");
    }
}

fn expect(expected: i32, version: i32) -> Result<(), ErrorCode> {
    if expected == -1 || expected == version { Ok(()) } else { Err(BadVersion) }
}
