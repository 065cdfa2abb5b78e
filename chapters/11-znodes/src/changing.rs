//! The changes that applying a transaction is made of. Each keeps all books: index, digest, ACLs,
//! quotas; none decides anything.

use jute::records::{Acl, StatPersisted};
use zxid::Zxid;

use crate::change::{Change, ChangeKind};
use crate::kind::Kind;
use crate::nodes::NodeId;
use crate::path;
use crate::tree::{Tree, newborn};

impl Tree {
    /// Changes the stat of a parent, and says whether it is there.
    pub fn change_parent(&mut self, parent: &str, change: impl FnOnce(&mut StatPersisted)) -> bool {
        let found = self.nodes.find(parent);
        if let Some(id) = found {
            self.change_stat(id, change);
        }
        found.is_some()
    }

    /// Creates a node that is not there, below a parent that is.
    pub fn create(
        &mut self,
        path: &str,
        data: Option<&[u8]>,
        acl: &[Acl],
        (zxid, time, kind): (Zxid, i64, Kind),
    ) -> Change {
        let parent = path::parent(path).and_then(|parent| self.nodes.find(parent));
        let parent = parent.expect("a node is created below one that is there");
        let acl = self.acls.take(acl);
        let id = self.insert(parent, path, data, newborn(zxid, time, kind), acl);
        self.count_created(path, data.map_or(0, <[u8]>::len));
        self.change(ChangeKind::Created, id, path)
    }

    /// Deletes a node, if it is there, and has no children.
    pub fn delete(&mut self, path: &str) -> Option<Change> {
        let id = self.nodes.find(path)?;
        if path::is_system(path) || self.nodes.slot(id).children > 0 {
            return None;
        }
        let change = self.change(ChangeKind::Deleted, id, path);
        let bytes = self.nodes.slot(id).data_length();
        self.remove(id, path);
        self.count_deleted(path, bytes);
        Some(change)
    }

    /// Replaces a node's data, and changes its stat, if it is there.
    pub fn set_data(
        &mut self,
        path: &str,
        data: Option<&[u8]>,
        change: impl FnOnce(&mut StatPersisted),
    ) -> Option<Change> {
        let id = self.nodes.find(path)?;
        let old = self.replace_data(id, path, data);
        self.change_stat(id, change);
        self.count_replaced(path, old, data.map_or(0, <[u8]>::len));
        Some(self.change(ChangeKind::DataChanged, id, path))
    }

    /// Replaces a node's ACL and sets its version, if the node is there.
    pub fn set_acl(&mut self, path: &str, acl: &[Acl], version: i32) {
        self.set_acl_only(path, acl);
        self.change_parent(path, |stat| stat.aversion = version);
    }

    /// Replaces a node's ACL, if the node is there.
    pub fn set_acl_only(&mut self, path: &str, acl: &[Acl]) {
        if let Some(id) = self.nodes.find(path) {
            self.replace_acl(id, acl);
        }
    }

    fn change(&self, kind: ChangeKind, id: NodeId, path: &str) -> Change {
        let slot = self.nodes.slot(id);
        let above = if path == "/" { slot } else { self.nodes.slot(slot.parent) };
        Change {
            kind,
            path: path.into(),
            acl: self.acls.list(slot.acl).clone(),
            parent_acl: self.acls.list(above.acl).clone(),
        }
    }
}
