//! D: what is on disk, compared with what clients were told.

use sync::laws::Law;
use zxid::Zxid;

use super::Invariant::{D1, D3, D6, D7, D8, D9, D10, S2};
use super::{Invariant, Verdict, holds};

/// D1. Epochs on disk only rise, and the current one is never above the accepted one.
pub fn epochs_rise(accepted: (u32, u32), current: (u32, u32)) -> Verdict {
    let (before, after) = accepted;
    holds(D1, after >= before, || format!("accepted epoch {after} after {before}"))?;
    let (before, after) = current;
    holds(D1, after >= before, || format!("current epoch {after} after {before}"))?;
    holds(D1, after <= accepted.1, || format!("in epoch {after}, accepted {}", accepted.1))
}

/// D3. What a server alone applies, and shows its clients, was forced before.
pub fn shown_is_forced(applied: Zxid, forced: bool) -> Verdict {
    holds(D3, forced, || format!("{applied} is applied, and the disk has not said that it has it"))
}

/// D6. Recovering a second time finds the same.
pub fn recovers_the_same(difference: Option<String>) -> Verdict {
    holds(D6, difference.is_none(), || {
        format!(
            "recovered again, the server finds something else: {}",
            difference.unwrap_or_default()
        )
    })
}

/// D7. The state after a start is what its transactions say.
pub fn recovered_state(zxid: Zxid, difference: Option<String>) -> Verdict {
    holds(D7, difference.is_none(), || {
        format!("the server starts at {zxid}, but {}", difference.unwrap_or_default())
    })
}

/// D8 and D10. What was confirmed is there after a start, and nothing that never was. `kept` is the
/// last transaction that was shown or forced, `written` the last that was ever written.
pub fn recovered_history(recovered: Zxid, kept: Zxid, written: Zxid, power_lost: bool) -> Verdict {
    let invariant = if power_lost { D10 } else { D8 };
    holds(invariant, recovered >= kept, || {
        format!("the server starts at {recovered}, though {kept} was confirmed")
    })?;
    holds(D8, recovered <= written, || {
        format!("the server starts at {recovered}, though only {written} was written")
    })
}

/// D8. Nobody finds on a disk what was never written.
pub fn nothing_invented(invented: Option<Zxid>) -> Verdict {
    holds(D8, invented.is_none(), || {
        format!("the log has another {} than was ever written", invented.unwrap_or_default())
    })
}

/// D8. What is on the disk can be read.
pub fn can_be_read(zxid: Zxid, read: bool) -> Verdict {
    holds(D8, read, || format!("the log has a {zxid} that nobody can read"))
}

/// S2 and Z15. What is written follows what was written before, without a hole.
pub fn without_a_hole(zxid: Zxid, last: Zxid) -> Verdict {
    holds(S2, zxid > last, || format!("{zxid} is written after {last}"))?;
    let hole = || format!("there is a hole between {last} and {zxid}");
    holds(Invariant::Law(Law::Z15), zxid.follows(last), hole)
}

/// D8. A server whose disk only lost what was never forced starts again.
pub fn starts_again(refused: Option<&str>) -> Verdict {
    holds(D8, refused.is_none(), || format!("the server does not start: {}", refused.unwrap_or("")))
}

/// D9. After the disk failed, no transaction is shown that was not shown before.
pub fn silent_after_failure(failed: bool, shown: Zxid, forced: Zxid) -> Verdict {
    holds(D9, !failed || shown <= forced, || {
        format!("{shown} was shown after the disk had failed at {forced}")
    })
}
