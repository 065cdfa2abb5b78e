//! The ACLs of a tree: each list is kept once, and nodes refer to it by number.
//!
//! Always true:
//! - a number is never used for a second list, so that a snapshot cannot mix them up
//!   (ZOOKEEPER-3306, 4689, 4846);
//! - number 0 is the list that lets everybody do everything.
//!
//! ZooKeeper: `ReferenceCountedACLCache`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jute::records::Acl;

/// The number of a list within one tree.
pub(crate) type AclId = u32;

/// The open list's number.
pub(crate) const OPEN: AclId = 0;

/// The lists.
#[derive(Clone, Debug)]
pub(crate) struct Acls {
    open: Arc<[Acl]>,
    by_list: BTreeMap<Arc<[Acl]>, AclId>,
    by_id: BTreeMap<AclId, (Arc<[Acl]>, u32)>,
    next: AclId,
}

impl Acls {
    pub(crate) fn new() -> Acls {
        let open: Arc<[Acl]> = Acl::open().into();
        Acls { open, by_list: BTreeMap::new(), by_id: BTreeMap::new(), next: 1 }
    }

    /// The list of a number. A number without a list, which only a fuzzy snapshot can hold, reads
    /// as the open list until replay has set the node's own.
    pub(crate) fn list(&self, id: AclId) -> &Arc<[Acl]> {
        self.by_id.get(&id).map_or(&self.open, |(list, _)| list)
    }

    /// A list, shared if it is known.
    pub(crate) fn share(&self, list: &[Acl]) -> Arc<[Acl]> {
        if *list == *self.open {
            return self.open.clone();
        }
        self.by_list.get_key_value(list).map_or_else(|| list.into(), |(known, _)| known.clone())
    }

    /// Takes a number for a list, once more.
    pub(crate) fn take(&mut self, list: &[Acl]) -> AclId {
        if *list == *self.open {
            return OPEN;
        }
        if let Some(id) = self.by_list.get(list) {
            let entry = self.by_id.get_mut(id).expect("every list has its number");
            entry.1 += 1;
            return *id;
        }
        let (id, list) = (self.next, Arc::<[Acl]>::from(list));
        self.next += 1;
        self.by_list.insert(list.clone(), id);
        self.by_id.insert(id, (list, 1));
        id
    }

    /// Gives a number back; the last one to do so frees the list.
    pub(crate) fn give_back(&mut self, id: AclId) {
        let Some(entry) = self.by_id.get_mut(&id) else { return };
        entry.1 -= 1;
        if entry.1 == 0 {
            let (list, _) = self.by_id.remove(&id).expect("it was there a line ago");
            self.by_list.remove(&list);
        }
    }

    /// All numbered lists, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (AclId, &Arc<[Acl]>)> {
        self.by_id.iter().map(|(id, (list, _))| (*id, list))
    }
}
