//! What clients were told: kept in a file for people, and in memory for the judge.
//!
//! Always true:
//! - the file has a line for each request that ended, in the order in which they ended, and each
//!   line begins with the name by which a violation calls it;
//! - the first violation counts; nothing is judged after it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use assurance::History;
use assurance::invariants::{Broken, Verdict};
use consistency::{Action, OpId};
use jute::records::ErrorCode;
use protocol::{Error, PartResult, Reply};
use tokio::time::Instant;
use zxid::{SessionId, Zxid};

use super::facts::Facts;

/// What all clients were told.
pub(super) struct Record {
    /// The answers in their order, and the registers.
    pub(super) history: History,
    /// What must be in the tree because of them.
    pub(super) facts: Facts,
    /// The first invariant that did not hold.
    pub(super) broken: Option<Broken>,
    /// How many requests were answered.
    pub(super) operations: u64,
    /// The newest write that was confirmed to anybody.
    pub(super) newest: Zxid,
    /// The longest time in which no write was confirmed to anybody.
    pub(super) longest_outage: Duration,
    last_confirmed: Duration,
    began: Instant,
    file: BufWriter<File>,
}

/// One request that has ended.
pub(super) struct Ended<'a> {
    /// Whose.
    pub(super) client: u32,
    /// In which session.
    pub(super) session: SessionId,
    /// Its number in the session.
    pub(super) sent: u64,
    /// What it was.
    pub(super) what: &'a str,
    /// Whether it was to change anything.
    pub(super) write: bool,
    /// When it was asked.
    pub(super) invoked: Duration,
    /// How it ended.
    pub(super) result: &'a Result<Reply, Error>,
    /// The zxid of the answer; zero without one.
    pub(super) zxid: Zxid,
}

impl Record {
    /// An empty record, kept at this place.
    ///
    /// # Errors
    /// The file cannot be made.
    pub(super) fn new(path: &Path) -> io::Result<Record> {
        Ok(Record {
            history: History::new(true),
            facts: Facts::default(),
            broken: None,
            operations: 0,
            newest: Zxid::ZERO,
            longest_outage: Duration::ZERO,
            last_confirmed: Duration::ZERO,
            began: Instant::now(),
            file: BufWriter::new(File::create(path)?),
        })
    }

    /// How long it has been kept.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// How many writes were confirmed.
    pub(super) fn confirmed(&self) -> u64 {
        self.history.confirmed
    }

    /// From now on a pause between two confirmed writes is an outage.
    pub(super) fn load_begins(&mut self) {
        (self.last_confirmed, self.longest_outage) = (self.now(), Duration::ZERO);
    }

    /// How long no write has been confirmed.
    pub(super) fn silent_for(&self) -> Duration {
        self.now().saturating_sub(self.last_confirmed)
    }

    /// Notes the end of a request, and names it.
    pub(super) fn ended(&mut self, ended: &Ended<'_>) -> OpId {
        let now = self.now();
        let id = if ended.zxid == Zxid::ZERO {
            self.history.name()
        } else {
            let write = ended.write && ended.result.as_ref().is_ok_and(done);
            let (session, times) = (ended.session, (ended.invoked, now));
            self.history.answered(session, ended.sent, times, ended.zxid, write);
            self.operations += 1;
            if write {
                self.newest = self.newest.max(ended.zxid);
                self.longest_outage = self.longest_outage.max(self.silent_for());
                self.last_confirmed = now;
            }
            self.history.replies.last().expect("it was just noted").id
        };
        let line = format!(
            "{id} client {} session {} from {:.6} to {:.6} {}: {}",
            ended.client,
            ended.session,
            ended.invoked.as_secs_f64(),
            now.as_secs_f64(),
            ended.what,
            outcome(ended.result, ended.zxid)
        );
        self.write(&line);
        id
    }

    /// Notes that a client asks something of a register.
    pub(super) fn begin_on(&mut self, register: usize, client: u32, action: Action) -> OpId {
        let now = self.now();
        self.history.begin(register, client, action, now)
    }

    /// Notes how that ended.
    pub(super) fn end_on(
        &mut self,
        register: usize,
        id: OpId,
        action: Action,
        result: &Result<Reply, Error>,
    ) {
        let now = self.now();
        let end = match (result, action) {
            (Ok(Reply::Data { data, .. }), _) => {
                let text = std::str::from_utf8(data.as_deref().unwrap_or_default());
                let value = text.ok().and_then(|text| text.parse().ok());
                Some(Action::Read(value.unwrap_or(u64::MAX)))
            }
            (Ok(_), action) => Some(action),
            // It may have been done, and may still be.
            (Err(error), Action::Write(_)) if in_doubt(error) => return,
            (Err(_), _) => None,
        };
        self.history.end(register, id, now, end);
    }

    /// Notes something that was done to the servers.
    pub(super) fn deed(&mut self, what: &str) {
        let line = format!("-- at {:.6} {what}", self.now().as_secs_f64());
        self.write(&line);
        self.save();
    }

    /// Notes whether an invariant held.
    pub(super) fn judge(&mut self, verdict: Verdict) {
        if let (Err(broken), None) = (verdict, &self.broken) {
            self.write(&format!("-- broken: {broken}"));
            self.broken = Some(broken);
        }
    }

    /// Brings the file up to date.
    pub(super) fn save(&mut self) {
        // A file for people to read afterwards; what is judged is in memory.
        self.file.flush().ok();
    }

    fn write(&mut self, line: &str) {
        writeln!(self.file, "{line}").ok();
    }
}

/// Whether an answer says that something was done: a multi that failed answers as well.
fn done(reply: &Reply) -> bool {
    let failed = |part: &PartResult| matches!(part, PartResult::Failed(_));
    !matches!(reply, Reply::Multi(parts) if parts.iter().any(failed))
}

/// Whether nobody knows what became of the request.
pub(super) fn in_doubt(error: &Error) -> bool {
    matches!(
        error,
        Error::Closed | Error::Code(ErrorCode::ConnectionLoss | ErrorCode::SessionExpired)
    )
}

fn outcome(result: &Result<Reply, Error>, zxid: Zxid) -> String {
    let said = match result {
        Ok(Reply::Data { data, stat }) => {
            let data = String::from_utf8_lossy(data.as_deref().unwrap_or_default());
            format!("{data:?} version {} of {}", stat.version, stat.mzxid)
        }
        Ok(Reply::Created { path, .. }) => format!("created {path}"),
        Ok(Reply::Stat(stat)) => format!("version {} of {}", stat.version, stat.mzxid),
        Ok(Reply::Multi(parts)) => format!("{parts:?}"),
        Ok(_) => "done".to_string(),
        Err(error) => error.to_string(),
    };
    match zxid {
        Zxid::ZERO => said,
        zxid => format!("{said}, at {zxid}"),
    }
}
