//! The two numbers that a quorum member keeps beside its history, each in a file of its own.
//!
//! A bit that turns makes another digit of a digit. So the number is followed by a line with a
//! checksum, of the number and of the file's name. ZooKeeper reads the first line only; a file that it
//! wrote has no other, and is taken at its word. It is shorter than any of ours, so one of ours that
//! has lost the end of its first line is not taken for one of those.
//!
//! ZooKeeper: `QuorumPeer.loadDataBase`, `QuorumPeer.writeLongToFile`.

use machines::Files;
use zxid::Zxid;

use crate::{Damage, checksum};

/// The most bytes that an epoch file may have.
const LONGEST: usize = 32;

/// The epochs with which a quorum member starts: accepted, then current. A number that is missing
/// is that of the last transaction; both must be written before the server does anything.
///
/// Unlike ZooKeeper, which refuses to start if the last transaction is of a later epoch than
/// `currentEpoch`: a crash between storing a leader's history and storing its epoch leaves this
/// state, and a history without holes that has a transaction of an epoch holds all that this epoch
/// began with.
pub fn epochs(
    last: Zxid,
    accepted: Option<u32>,
    current: Option<u32>,
) -> Result<(u32, u32), Damage> {
    let last = last.epoch();
    let raised = current.unwrap_or(last).max(last);
    let promised = accepted.unwrap_or(raised);
    if promised < raised {
        let current = current.unwrap_or(raised);
        return Err(Damage::Epochs { last, current, accepted: promised });
    }
    Ok((promised, raised))
}

/// The fewest bytes that a file of ours has: a digit, a checksum, and the ends of two lines.
const SHORTEST_CHECKED: usize = 11;

/// Reads an epoch file. Nothing if there is none.
pub(crate) fn read(files: &dyn Files, name: &str) -> Result<Option<u32>, Damage> {
    if !files.exists(name)? {
        return Ok(None);
    }
    let mut bytes = [0; LONGEST];
    let read = files.read(name, 0, &mut bytes)?;
    let text = String::from_utf8_lossy(&bytes[..read]);
    let damage = || Damage::Epoch { file: name.to_string(), text: text.to_string() };
    let (number, check) = text.split_once('\n').unwrap_or((&text, ""));
    let epoch = number.trim().parse().map_err(|_| damage())?;
    let checked = !check.trim().is_empty() || text.len() >= SHORTEST_CHECKED;
    match checked && text != self::text(name, epoch) {
        true => Err(damage()),
        false => Ok(Some(epoch)),
    }
}

/// What an epoch file holds.
pub(crate) fn text(name: &str, epoch: u32) -> String {
    let check = checksum(format!("{name} {epoch}").as_bytes());
    format!("{epoch}\n{check:08x}\n")
}

/// Replaces a small file: after a crash it is the old one or the new one. The name is safe only
/// after the next `sync_names`.
pub(crate) fn replace(
    files: &mut dyn Files,
    name: &str,
    text: &str,
) -> Result<(), machines::Fault> {
    let temporary = format!("{name}.tmp");
    files.set_len(&temporary, 0)?;
    files.write(&temporary, 0, text.as_bytes())?;
    files.sync(&temporary)?;
    files.rename(&temporary, name)
}
