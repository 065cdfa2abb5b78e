//! A transaction: several writes that are done together or not at all.
//!
//! ZooKeeper: `Transaction`.

use std::fmt;

use bytes::Bytes;
use jute::records::ErrorCode;

use super::{Client, CreateOptions, Error, Part, PartResult};

/// Writes that are being gathered. Nothing is sent before [`commit`](Transaction::commit).
#[derive(Clone, Debug)]
#[must_use = "a transaction does nothing until it is committed"]
pub struct Transaction {
    client: Client,
    parts: Vec<Part>,
}

/// Why nothing of a transaction was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionFailed {
    /// Which part failed, from 0; `None` if it was refused as a whole.
    pub at: Option<usize>,
    /// Why.
    pub error: Error,
}

impl fmt::Display for TransactionFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "part {at} failed: {}", self.error),
            None => write!(f, "{}", self.error),
        }
    }
}

impl std::error::Error for TransactionFailed {}

impl Transaction {
    pub(super) fn new(client: Client) -> Transaction {
        Transaction { client, parts: Vec::new() }
    }

    /// Adds the creation of a node.
    pub fn create(
        mut self,
        path: &str,
        data: impl Into<Bytes>,
        options: impl Into<CreateOptions>,
    ) -> Transaction {
        let CreateOptions { mode, acl, ttl } = options.into();
        let data = Some(data.into());
        self.parts.push(Part::Create { path: path.into(), data, acl, mode, ttl });
        self
    }

    /// Adds the deletion of a node that has this version; -1 for any.
    pub fn delete(mut self, path: &str, version: i32) -> Transaction {
        self.parts.push(Part::Delete { path: path.into(), version });
        self
    }

    /// Adds the replacement of a node's data.
    pub fn set_data(mut self, path: &str, data: impl Into<Bytes>, version: i32) -> Transaction {
        let data = Some(data.into());
        self.parts.push(Part::SetData { path: path.into(), data, version });
        self
    }

    /// Adds the condition that a node has this version.
    pub fn check(mut self, path: &str, version: i32) -> Transaction {
        self.parts.push(Part::Check { path: path.into(), version });
        self
    }

    /// Does all of it, or nothing. Gives one result for each part.
    pub async fn commit(self) -> Result<Vec<PartResult>, TransactionFailed> {
        let whole = |error| TransactionFailed { at: None, error };
        let results = self.client.multi(self.parts).await.map_err(whole)?;
        // Parts before the failed one say "undone", parts after it "inconsistent".
        let after = Error::Code(ErrorCode::RuntimeInconsistency);
        let failed = results.iter().enumerate().find_map(|(at, result)| match result {
            PartResult::Failed(Some(error)) if *error != after => {
                Some(TransactionFailed { at: Some(at), error: error.clone() })
            }
            _ => None,
        });
        failed.map_or(Ok(results), Err)
    }
}
