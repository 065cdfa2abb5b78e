//! Between two roles a server has no leader any more, and may not vote yet.

use bytes::Bytes;
use election::{
    ElectionPort, ElectionServer, Frame, Initial, Limits, Link, LogEnd, Notification, PortTimer,
    ServerState, Timer, Vote,
};
use machines::{Effect, Effects, Event, Machine};
use zxid::{ServerId, Zxid};

use crate::ensemble::voters;

/// The connection to server 2.
const LINK: Link = Link::From(1);

struct Subject {
    server: ElectionServer,
    effects: Effects<ElectionPort>,
}

impl Subject {
    /// Server 1 of three, which follows server 2.
    fn following() -> Subject {
        let (me, members) = (ServerId(1), voters(3));
        let server =
            ElectionServer::new(me, "h:1".into(), members, Bytes::new(), Limits::default());
        let mut subject = Subject { server, effects: Effects::new() };
        subject.step(Event::Started(LogEnd { current_epoch: 0, last: Zxid::ZERO }));
        subject.step(Event::Opened(LINK));
        let hello = Initial { server: ServerId(2), addresses: vec!["h:2".into()], several: false };
        subject.step(Event::Received { from: LINK, message: Frame::Initial(hello) });
        subject.hear(1);
        subject.step(Event::Expired(PortTimer::Election(Timer::Settle)));
        assert_eq!(subject.server.election().state(), ServerState::Following);
        subject
    }

    /// Gives what is said to server 2: who is voted for, by a server that looks or does not.
    fn step(&mut self, event: Event<ElectionPort>) -> Vec<(ServerState, ServerId)> {
        self.server.step(event, &mut self.effects);
        self.said()
    }

    fn said(&mut self) -> Vec<(ServerState, ServerId)> {
        let said = self.effects.drain().filter_map(|effect| match effect {
            Effect::Send { to: LINK, message: Frame::Notification(it) } => {
                Some((it.state, it.vote.leader))
            }
            _ => None,
        });
        said.collect()
    }

    /// Server 2 looks, in this round.
    fn hear(&mut self, round: i64) -> Vec<(ServerState, ServerId)> {
        let vote = Vote { leader: ServerId(2), zxid: Default::default(), epoch: 0 };
        let (state, config) = (ServerState::Looking, Bytes::new());
        let message = Notification { state, vote, round, version: 2, config };
        self.step(Event::Received { from: LINK, message: Frame::Notification(message) })
    }
}

#[test]
fn a_server_that_has_left_its_leader_tells_nobody_to_follow_it() {
    let mut subject = Subject::following();
    assert_eq!(subject.hear(2), [(ServerState::Following, ServerId(2))]);
    subject.server.rest();
    assert_eq!(subject.hear(2), []);
    assert_eq!(subject.step(Event::Drained), [], "its disk is not at rest");
    subject.server.look(LogEnd { current_epoch: 0, last: Zxid::ZERO }, &mut subject.effects);
    assert_eq!(subject.said(), [(ServerState::Looking, ServerId(1))]);
    let heard = subject.step(Event::Drained);
    assert_eq!(heard, [(ServerState::Looking, ServerId(2))], "what it heard was kept");
    assert_eq!(subject.server.election().round(), 2);
}
