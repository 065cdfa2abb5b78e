//! Access control lists as people write them: `world:anyone:r,digest:bob:hash:cdrwa`.
//!
//! ZooKeeper: `AclParser`.

use jute::records::{Acl, Perms};

/// Reads a list.
///
/// Unlike ZooKeeper, which leaves out a permission that it does not know and goes on.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn read_acl(text: &str) -> Result<Vec<Acl>, String> {
    text.split(',').map(read_entry).collect()
}

fn read_entry(entry: &str) -> Result<Acl, String> {
    let parts = entry.split_once(':').and_then(|(scheme, rest)| {
        let (id, perms) = rest.rsplit_once(':')?;
        Some((scheme, id, perms))
    });
    let Some((scheme, id, letters)) = parts else {
        return Err(format!("{entry} does not have the form scheme:id:perm"));
    };
    let mut perms = Perms(0);
    for letter in letters.chars() {
        perms = perms
            | match letter {
                'r' => Perms::READ,
                'w' => Perms::WRITE,
                'c' => Perms::CREATE,
                'd' => Perms::DELETE,
                'a' => Perms::ADMIN,
                _ => return Err(format!("Unknown perm type: {letter}")),
            };
    }
    Ok(Acl::new(perms, scheme, id))
}
