//! Paths: which ones are valid, and how they are taken apart.
//!
//! The root is written "/" everywhere in this crate. ZooKeeper: `PathUtils.validatePath`.

/// The node above all others that belong to the system.
pub const ZOOKEEPER: &str = "/zookeeper";
/// The node below which quotas are kept.
pub const QUOTA: &str = "/zookeeper/quota";
/// The node that shows the configuration of the ensemble.
pub const CONFIG: &str = "/zookeeper/config";

/// Whether a node of this path may be created: absolute, without empty, `.` or `..` parts, without
/// a slash at the end, and without control characters, private ones, or any outside the first
/// 65,536.
pub fn is_valid(path: &str) -> bool {
    if path == "/" {
        return true;
    }
    let Some(rest) = path.strip_prefix('/') else { return false };
    rest.split('/').all(|part| !matches!(part, "" | "." | "..") && part.chars().all(is_allowed))
}

/// Java looks at UTF-16 units, so whatever needs two of them is refused as surrogates.
fn is_allowed(char: char) -> bool {
    !matches!(char as u32,
        0x00..=0x1f | 0x7f..=0x9f | 0xd800..=0xf8ff | 0xfff0..)
}

/// Whether the node of this path is one that nobody can delete.
pub fn is_system(path: &str) -> bool {
    matches!(path, "/" | ZOOKEEPER | QUOTA | CONFIG)
}

/// The path of the parent, or nothing if there is no slash in the path. "/" is its own parent.
pub fn parent(path: &str) -> Option<&str> {
    match path.rfind('/')? {
        0 => Some("/"),
        slash => Some(&path[..slash]),
    }
}

/// The last part of a path.
pub fn name(path: &str) -> &str {
    path.rfind('/').map_or(path, |slash| &path[slash + 1..])
}
