//! The two numbers that a quorum member keeps beside its history.
//!
//! ZooKeeper: `QuorumPeer.loadDataBase`, `QuorumPeer.writeLongToFile`.

use machines::Files;
use zxid::Zxid;

use crate::Damage;

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

/// Reads an epoch file. Nothing if there is none.
pub(crate) fn read(files: &dyn Files, name: &str) -> Result<Option<u32>, Damage> {
    if !files.exists(name)? {
        return Ok(None);
    }
    let mut bytes = [0; LONGEST];
    let read = files.read(name, 0, &mut bytes)?;
    let text = String::from_utf8_lossy(&bytes[..read]);
    match text.trim().parse() {
        Ok(epoch) => Ok(Some(epoch)),
        Err(_) => Err(Damage::Epoch { file: name.to_string(), text: text.to_string() }),
    }
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
