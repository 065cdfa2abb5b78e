//! What the tree must know of permissions, and no more: chapter 14 implements it.

use jute::records::{Acl, ErrorCode, Perms};

/// Somebody who makes requests, as far as permissions go.
pub trait Access {
    /// Whether a list lets them do any of `perms`.
    fn allows(&self, acl: &[Acl], perms: Perms) -> bool;

    /// Checks the list of a request, and replaces what stands for the requester by who they are.
    fn resolve(&self, acl: Vec<Acl>) -> Result<Vec<Acl>, ErrorCode>;
}
