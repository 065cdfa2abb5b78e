//! Quotas, as the shell keeps them: ordinary nodes below `/zookeeper/quota`.
//!
//! ZooKeeper: `SetQuotaCommand`, `DelQuotaCommand`, `ListQuotaCommand`, `StatsTrack`.

use std::fmt;

use jute::records::ErrorCode;
use znodes::path::QUOTA;

use super::command::Limit;
use super::print::{remark, say};
use super::session::{Failure, Session};
use crate::client::{CreateMode, Error};

const LIMITS: &str = "zookeeper_limits";
const STATS: &str = "zookeeper_stats";

/// The limits of a quota, as they are written into their node; -1 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    count: i64,
    bytes: i64,
    hard_count: i64,
    hard_bytes: i64,
}

impl Limits {
    const NONE: Limits = Limits { count: -1, bytes: -1, hard_count: -1, hard_bytes: -1 };

    /// Reads limits, or use. What is not there is -1.
    pub(super) fn parse(text: &str) -> Limits {
        let mut limits = Limits::NONE;
        for part in text.split([',', ';']) {
            let mut words = part.split('=').filter(|word| !word.is_empty());
            let (Some(key), Some(Ok(value))) = (words.next(), words.next().map(str::parse)) else {
                continue;
            };
            match key {
                "count" => limits.count = value,
                "bytes" => limits.bytes = value,
                "countHardLimit" => limits.hard_count = value,
                "byteHardLimit" => limits.hard_bytes = value,
                _ => {}
            }
        }
        limits
    }

    /// The place of one limit.
    fn of(&mut self, limit: Limit) -> &mut i64 {
        match limit {
            Limit::Count => &mut self.count,
            Limit::Bytes => &mut self.bytes,
            Limit::HardCount => &mut self.hard_count,
            Limit::HardBytes => &mut self.hard_bytes,
        }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "count={},bytes={}=;byteHardLimit={};countHardLimit={}",
            self.count, self.bytes, self.hard_bytes, self.hard_count
        )
    }
}

/// The node below which the quota of a path is kept.
fn home(path: &str) -> String {
    format!("{QUOTA}{}", if path == "/" { "" } else { path })
}

impl Session {
    /// `setquota`.
    pub(super) async fn set_quota(
        &mut self,
        path: &str,
        limit: Limit,
        value: i64,
    ) -> Result<(), Failure> {
        if self.exists(path).await?.is_none() {
            return Err(Failure::Text(format!("{path} does not exist.")));
        }
        if self.exists(QUOTA).await?.is_none() {
            let why = "quotas are kept for whole paths: connect without a path behind the servers";
            return Err(Failure::Text(why.to_owned()));
        }
        self.refuse_nested(path).await?;
        let home = home(path);
        let mut at = QUOTA.to_owned();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            at = format!("{at}/{part}");
            self.create_quietly(&at, None).await?;
        }
        let limits_path = format!("{home}/{LIMITS}");
        let old = self.text(&limits_path).await?;
        let mut limits = old.as_deref().map_or(Limits::NONE, Limits::parse);
        *limits.of(limit) = value;
        if old.is_some() {
            self.write(&limits_path, limits.to_string()).await?;
        } else {
            self.create_quietly(&limits_path, Some(limits.to_string())).await?;
            let none = "count=0,bytes=0".to_owned();
            self.create_quietly(&format!("{home}/{STATS}"), Some(none)).await?;
        }
        let used = self.text(&format!("{home}/{STATS}")).await?;
        let used = Limits::parse(&used.unwrap_or_default());
        let passed = |limit: i64, used: i64| limit > -1 && used > limit;
        for (what, soft, hard, used) in [
            ("count", limits.count, limits.hard_count, used.count),
            ("bytes", limits.bytes, limits.hard_bytes, used.bytes),
        ] {
            if passed(soft, used) || passed(hard, used) {
                say(&format!(
                    "[Warning]: the {what} quota you create is less than the existing {what}:{used}"
                ));
            }
        }
        Ok(())
    }

    /// `delquota`: one limit, or all.
    pub(super) async fn delete_quota(
        &mut self,
        path: &str,
        limit: Option<Limit>,
    ) -> Result<(), Failure> {
        let home = home(path);
        let limits_path = format!("{home}/{LIMITS}");
        let Some(text) = self.text(&limits_path).await? else {
            say(&format!("Quota does not exist for {path}"));
            return Ok(());
        };
        if let Some(limit) = limit {
            let mut limits = Limits::parse(&text);
            *limits.of(limit) = -1;
            return self.write(&limits_path, limits.to_string()).await;
        }
        for name in [LIMITS, STATS] {
            self.delete_quietly(&format!("{home}/{name}")).await?;
        }
        // What led to this quota only.
        let mut at = home.as_str();
        while at != QUOTA && self.children(at).await?.is_empty() {
            self.delete_quietly(at).await?;
            at = znodes::path::parent(at).unwrap_or(QUOTA);
        }
        Ok(())
    }

    /// `listquota`.
    pub(super) async fn list_quota(&mut self, path: &str) -> Result<(), Failure> {
        let limits_path = format!("{}/{LIMITS}", home(path));
        remark(&format!("absolute path is {limits_path}"));
        let Some(limits) = self.text(&limits_path).await? else {
            remark(&format!("quota for {path} does not exist."));
            return Ok(());
        };
        say(&format!("Output quota for {path} {limits}"));
        if let Some(used) = self.text(&format!("{}/{STATS}", home(path))).await? {
            say(&format!("Output stat for {path} {used}"));
        }
        Ok(())
    }

    /// Quotas do not nest: neither below a path that has one, nor above.
    async fn refuse_nested(&mut self, path: &str) -> Result<(), Failure> {
        let mut above = znodes::path::parent(path).unwrap_or("/");
        while above != "/" {
            if self.text(&format!("{}/{LIMITS}", home(above))).await?.is_some() {
                let why = format!("{path} has a parent {above} which has a quota");
                return Err(Failure::Text(why));
            }
            above = znodes::path::parent(above).unwrap_or("/");
        }
        let mut below = vec![path.to_owned()];
        while let Some(at) = below.pop() {
            for name in self.children_or_none(&home(&at)).await? {
                if name == LIMITS && at != path {
                    let why = format!("{path} has a child {at} which has a quota");
                    return Err(Failure::Text(why));
                } else if name != LIMITS && name != STATS {
                    below.push(format!("{}/{name}", at.trim_end_matches('/')));
                }
            }
        }
        Ok(())
    }

    /// A node's data as text; `None` if there is no such node.
    async fn text(&mut self, path: &str) -> Result<Option<String>, Failure> {
        let client = self.client().await?;
        match self.answer(client.get_data(path)).await {
            Ok((data, _)) => Ok(Some(String::from_utf8_lossy(&data).into_owned())),
            Err(Error::Code(ErrorCode::NoNode)) => Ok(None),
            Err(error) => Err(Failure::refused(error, path)),
        }
    }

    async fn write(&mut self, path: &str, text: String) -> Result<(), Failure> {
        let client = self.client().await?;
        let written = self.answer(client.set_data(path, text, -1)).await;
        written.map(drop).map_err(|error| Failure::refused(error, path))
    }

    /// Creates a node, unless it is there.
    async fn create_quietly(&mut self, path: &str, text: Option<String>) -> Result<(), Failure> {
        let client = self.client().await?;
        let text = text.unwrap_or_default();
        match self.answer(client.create(path, text, CreateMode::Persistent)).await {
            Ok(_) | Err(Error::Code(ErrorCode::NodeExists)) => Ok(()),
            Err(error) => Err(Failure::refused(error, path)),
        }
    }

    /// Deletes a node, if it is there.
    async fn delete_quietly(&mut self, path: &str) -> Result<(), Failure> {
        let client = self.client().await?;
        match self.answer(client.delete(path, -1)).await {
            Ok(()) | Err(Error::Code(ErrorCode::NoNode)) => Ok(()),
            Err(error) => Err(Failure::refused(error, path)),
        }
    }
}
