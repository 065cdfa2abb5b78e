//! Elections: every order in which servers start, hear, wait, crash and look again.

use assurance::explore::elections;

use crate::hold;

#[test]
fn elections_hold_in_every_order_of_events() {
    hold(elections());
}
