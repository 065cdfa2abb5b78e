//! D: what is on disk, compared with what clients were told.

use zxid::Zxid;

use super::Invariant::{D1, D3, D6, D7, D8, D9, D10};
use super::{Verdict, holds};

/// D1. Epochs on disk only rise, and the current one is never above the accepted one.
pub fn epochs_rise(accepted: (u32, u32), current: (u32, u32)) -> Verdict {
    let (before, after) = accepted;
    holds(D1, after >= before, || format!("accepted epoch {after} after {before}"))?;
    let (before, after) = current;
    holds(D1, after >= before, || format!("current epoch {after} after {before}"))?;
    holds(D1, after <= accepted.1, || format!("in epoch {after}, accepted {}", accepted.1))
}

/// D3. What a client is shown was forced before: `forced` is the last transaction of which the
/// disk said so, or that was found at the start.
pub fn shown_is_forced(shown: Zxid, forced: Zxid) -> Verdict {
    holds(D3, shown <= forced, || {
        format!("a client was shown {shown} when the disk had forced up to {forced}")
    })
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
