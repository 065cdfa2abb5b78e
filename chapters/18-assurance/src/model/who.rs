//! Who asks, and what the lists let them do: the rules of access once more.
//!
//! ZooKeeper: `ZooKeeperServer.checkACL`, `PrepRequestProcessor.fixupACL`.

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jute::records::{Acl, ErrorCode, Id, Perms};
use sha1::{Digest, Sha1};

/// The identities of one connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Who(pub(crate) Vec<Id>);

impl Who {
    /// A connection that has presented nothing yet: it has its address.
    pub(crate) fn from(address: IpAddr) -> Who {
        Who(vec![Id::new("ip", address.to_string())])
    }

    /// Adds the identity of an auth packet of the scheme `digest`.
    pub(crate) fn add_digest(&mut self, credentials: &[u8]) {
        let hash = STANDARD.encode(Sha1::digest(credentials));
        let text = String::from_utf8_lossy(credentials);
        let user = text.split(':').next().unwrap_or_default();
        let id = Id::new("digest", format!("{user}:{hash}"));
        if !self.0.contains(&id) {
            self.0.push(id);
        }
    }

    /// Whether a list lets them do any of `perms`.
    pub(crate) fn may(&self, perms: Perms, acl: &[Acl]) -> bool {
        let matches = |acl: &Acl| match acl.id.scheme.as_str() {
            "world" => acl.id.id == "anyone",
            "ip" => self.0.iter().any(|id| id.scheme == "ip" && within(&id.id, &acl.id.id)),
            _ => self.0.contains(&acl.id),
        };
        acl.is_empty()
            || self.0.iter().any(|id| id.scheme == "super")
            || acl.iter().any(|acl| acl.perms.meets(perms) && matches(acl))
    }

    /// The list that a request stands for.
    pub(crate) fn expand(&self, acl: &[Acl]) -> Result<Vec<Acl>, ErrorCode> {
        let mut list: Vec<Acl> = Vec::new();
        let mut unique: Vec<&Acl> = Vec::new();
        acl.iter().for_each(|acl| {
            if !unique.contains(&acl) {
                unique.push(acl);
            }
        });
        for acl in unique {
            let valid = match acl.id.scheme.as_str() {
                "world" => acl.id.id == "anyone",
                "digest" => acl.id.id.trim_end_matches(':').split(':').count() == 2,
                "ip" => range(&acl.id.id).is_some(),
                "auth" => {
                    let digests = self.0.iter().filter(|id| id.scheme == "digest");
                    list.extend(digests.clone().map(|id| Acl { perms: acl.perms, id: id.clone() }));
                    if digests.count() == 0 {
                        return Err(ErrorCode::InvalidAcl);
                    }
                    continue;
                }
                _ => false,
            };
            if !valid {
                return Err(ErrorCode::InvalidAcl);
            }
            list.push(acl.clone());
        }
        if list.is_empty() { Err(ErrorCode::InvalidAcl) } else { Ok(list) }
    }
}

/// Whether an address lies in a range.
fn within(address: &str, ranged: &str) -> bool {
    match (range(address), range(ranged)) {
        (Some((address, _)), Some((base, shift))) => address >> shift == base >> shift,
        _ => false,
    }
}

/// An IPv4 `address` or `address/bits`: the address, and how many low bits do not count.
fn range(text: &str) -> Option<(u64, u32)> {
    let (base, bits) = text.split_once('/').unwrap_or((text, "32"));
    let base: Ipv4Addr = base.parse().ok()?;
    let shift = 32_u32.checked_sub(bits.parse().ok()?)?;
    Some((u64::from(u32::from(base)), shift))
}
