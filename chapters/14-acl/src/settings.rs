//! What an operator may choose, and the small words that the rules of this chapter are made of.
//!
//! Book: chapter 14. ZooKeeper: `DigestAuthenticationProvider`, `ZooKeeperServer.skipACL`.

use std::fmt;

/// What an operator may choose about permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether everybody may do everything. Lists are still checked when they are set.
    /// `zookeeper.skipACL`.
    pub skip_acl: bool,
    /// Whether the scheme `digest` is known. `zookeeper.DigestAuthenticationProvider.enabled`.
    pub digest: bool,
    /// The digest of somebody who may do everything, as `user:base64`.
    /// `zookeeper.DigestAuthenticationProvider.superDigest`.
    pub super_digest: Option<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { skip_acl: false, digest: true, super_digest: None }
    }
}

/// On which node of a request a permission is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeRef {
    /// On the node that it names.
    Node,
    /// On the parent of the node that it names.
    Parent,
}

/// Credentials were refused. The connection is told so, and closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthFailed;

/// The digest algorithm of this name is not known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsupportedAlgorithm(pub String);

/// Checks the value of `zookeeper.DigestAuthenticationProvider.digestAlg`.
///
/// # Errors
///
/// Unlike ZooKeeper, which takes whatever Java knows, every name but that of SHA-1 is refused: it
/// would make other identities of the same passwords.
pub fn check_digest_algorithm(name: &str) -> Result<(), UnsupportedAlgorithm> {
    match name.eq_ignore_ascii_case("SHA1") || name.eq_ignore_ascii_case("SHA-1") {
        true => Ok(()),
        false => Err(UnsupportedAlgorithm(name.to_string())),
    }
}

impl fmt::Display for AuthFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the credentials were refused")
    }
}

impl std::error::Error for AuthFailed {}

impl fmt::Display for UnsupportedAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the digest algorithm {} is not supported, only SHA1 is", self.0)
    }
}

impl std::error::Error for UnsupportedAlgorithm {}
