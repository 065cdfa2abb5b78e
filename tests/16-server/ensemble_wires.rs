//! The connections between servers on a stage: in order, and whole messages.

use std::collections::VecDeque;

use election::Link;
use machines::Event;
use server::Peer;

use super::{Ensemble, Parcel};

impl Ensemble {
    /// Every connection between a server and others ends.
    pub(super) fn sever(&mut self, id: i64) {
        let touches = |end: &(i64, Peer), other: &(i64, Peer, u64)| end.0 == id || other.0 == id;
        let ends: Vec<((i64, Peer), u64)> = self
            .wires
            .iter()
            .filter(|(end, other)| touches(end, other))
            .map(|(end, other)| (*end, other.2))
            .collect();
        for ((id, peer), number) in ends {
            self.post.retain(|(to, end, of, _)| (*to, *end, *of) != (id, peer, number));
            self.post.push_back((id, peer, number, Parcel::Closed));
        }
    }

    pub(super) fn open_wire(&mut self, id: i64, to: Peer) {
        self.accepted += 1;
        let (other, end) = match to {
            Peer::Election(Link::To(other)) => (other.0, Peer::Election(Link::From(self.accepted))),
            Peer::Quorum(zab::Peer::Leader(other)) => {
                (other.0, Peer::Quorum(zab::Peer::Learner(self.accepted)))
            }
            other => panic!("nobody calls {other}"),
        };
        let number = self.accepted;
        let up = self.places.get(&other).is_some_and(|place| place.up.is_some());
        if !up || self.cut_off.contains(&id) || self.cut_off.contains(&other) {
            return self.post.push_back((id, to, number, Parcel::Closed));
        }
        let before = self.wires.insert((id, to), (other, end, number));
        assert!(before.is_none(), "a connection is opened once: {id} {to}");
        self.wires.insert((other, end), (id, to, number));
        self.post.push_back((other, end, number, Parcel::Opened));
        self.post.push_back((id, to, number, Parcel::Opened));
    }

    /// Delivers what is on its way, at most so many things. Says whether something was.
    pub(crate) fn deliver(&mut self, mut most: usize) -> bool {
        let mut any = false;
        let mut stays = VecDeque::new();
        while most > 0
            && let Some((to, end, number, parcel)) = self.post.pop_front()
        {
            let wire = self.wires.get(&(to, end)).copied();
            let open = wire.is_some_and(|(_, _, of)| of == number);
            if open && wire.is_some_and(|(sender, ..)| self.muted.contains(&sender)) {
                stays.push_back((to, end, number, parcel));
                continue;
            }
            any = true;
            most -= 1;
            let place = self.places.get_mut(&to);
            let up = place.and_then(|place| place.up.as_mut());
            match (parcel, up) {
                (Parcel::Closed, up) => {
                    if open {
                        self.wires.remove(&(to, end));
                    }
                    if let Some(up) = up.filter(|_| open || wire.is_none()) {
                        up.held.retain(|(from, _)| *from != end);
                        up.paused.remove(&end);
                        self.event(to, Event::Closed(end));
                    }
                }
                // Of a connection that is gone nothing comes any more.
                (_, None) => {}
                _ if !open => {}
                (Parcel::Message(message), Some(up)) if up.paused.contains(&end) => {
                    up.held.push_back((end, message));
                }
                (Parcel::Message(message), _) => {
                    self.event(to, Event::Received { from: end, message });
                }
                (Parcel::Opened, _) => self.event(to, Event::Opened(end)),
                (Parcel::Flushed, _) => self.event(to, Event::Flushed(end)),
            }
        }
        stays.append(&mut self.post);
        self.post = stays;
        any
    }
}
