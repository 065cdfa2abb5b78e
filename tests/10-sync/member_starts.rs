//! What a member votes with when it starts.

use machines::{Effects, Event, Machine};
use sync::Member;
use zab::Recovered;
use zxid::Zxid;

use crate::leader_desk::{entries, settings};

#[test]
fn what_a_server_has_of_an_epoch_tells_that_it_has_its_beginning() {
    // It was cut off between the history and the epoch that stands for it.
    let tail = entries(2, 3);
    let recovered =
        Recovered { accepted: 1, current: 1, applied: Zxid::ZERO, tail, ..Recovered::default() };
    let mut member = Member::new(settings(3, 0).into());
    member.step(Event::Started(recovered), &mut Effects::new());
    let vote = member.election().election().vote();
    assert_eq!((vote.epoch, vote.zxid), (2, Zxid::new(2, 3)));
    assert_eq!((member.history().current(), member.history().accepted()), (2, 2));
}
