//! The elections that are explored by name.

use election::LogEnd;
use zxid::Zxid;

use super::{Bounds, Elections};
use crate::explore::Configuration;

/// The elections that are explored by name, the smallest first.
pub fn elections() -> Vec<Configuration<Elections>> {
    let none = Bounds::default();
    let hasty = Bounds { hasty: 1, ..none };
    let empty = vec![LogEnd::default(); 3];
    let configuration = |name, what, states, logs: &[LogEnd], bounds| {
        let subject = Elections::new(logs.to_vec(), bounds);
        Configuration { name, what, states, subject, promise: true }
    };
    vec![
        configuration(
            "toy",
            "two empty servers that wait for better votes: three messages are all they say",
            11,
            &empty[..2],
            none,
        ),
        configuration(
            "election-patient",
            "three empty servers, each of which waits for better votes",
            789,
            &empty,
            none,
        ),
        configuration(
            "election-two",
            "two servers, of which two crash, and their connection breaks",
            840,
            &empty[..2],
            Bounds { crashes: 2, reconnects: 1, ..hasty },
        ),
        configuration(
            "election-hasty",
            "three empty servers, each of which may stop waiting at any time",
            10_788,
            &empty,
            hasty,
        ),
        configuration(
            "election-histories",
            "the same with three histories: one of a later epoch, one longer, one shorter",
            10_788,
            &histories(),
            hasty,
        ),
        configuration(
            "election-reign",
            "the same, and one leader establishes an epoch",
            33_302,
            &empty,
            Bounds { epochs: 1, ..hasty },
        ),
        configuration(
            "election-connection",
            "three histories, and one connection breaks",
            60_073,
            &histories(),
            Bounds { reconnects: 1, ..hasty },
        ),
        configuration(
            "election-crash",
            "three empty servers, one of which is killed and comes back",
            328_236,
            &empty,
            Bounds { crashes: 1, ..hasty },
        ),
        configuration(
            "election-again",
            "three empty servers, one of which looks again although it has a leader",
            563_164,
            &empty,
            Bounds { impatience: 1, ..hasty },
        ),
    ]
}

/// Servers 1, 2 and 3 rise in nothing together: 1 has the latest epoch, 2 the longest history, 3
/// the highest id.
fn histories() -> Vec<LogEnd> {
    let log = |current_epoch, counter| LogEnd { current_epoch, last: Zxid::new(1, counter) };
    vec![log(2, 1), log(1, 9), log(1, 8)]
}
