//! What may go wrong in an explored ensemble: processes that end, connections that break, and
//! leaders that nobody follows any more.
//!
//! What is on its way when either end of a connection is gone, is gone: whoever would still receive
//! it could have received it before. A learner notices at once that its leader is gone, since until
//! then it does nothing that it could not have done before. A leader may notice late that a learner
//! is gone: meanwhile it proposes, and counts what it has heard.

use machines::{Event, Kind};
use zab::Ceased;

use super::state::{Server, State, Wire};
use super::{Ensembles, id};
use crate::explore::notes::Notes;
use crate::invariants::Verdict;

impl Ensembles {
    /// A process starts with what is on its disk.
    pub(super) fn start(&self, state: &mut State, at: usize, notes: &mut Notes) -> Verdict {
        notes.happened(state.node(at), Kind::Started, String::new);
        let server = state.server(at);
        let recovered = server.disk.recover();
        let covered = server.disk.safe.log.iter().filter(|it| it.zxid <= recovered.applied);
        let delivered = covered.cloned().collect();
        let disk = std::mem::take(&mut server.disk);
        *server = Server { delivered, ..Server::new(self.settings[at].clone(), disk) };
        self.event(state, at, Event::Started(recovered), notes)
    }

    /// How many writes a process may leave undone when it ends. In worlds of larger steps it may be
    /// about to hear something, and ends in the middle of that.
    pub(super) fn unsafe_writes(&self, state: &State, at: usize) -> usize {
        let mut state = state.clone();
        let heard = self.fine || self.hear(&mut state, at, &mut Notes::default()).is_ok();
        if heard { state.servers[at].disk.unsafe_writes() } else { 0 }
    }

    /// A learner hears what is on its way to it.
    fn hear(&self, state: &mut State, at: usize, notes: &mut Notes) -> Verdict {
        let is = |wire: &Wire| wire.learner == at && !wire.to[1].is_empty();
        match state.wires.iter().position(is) {
            Some(wire) => self.deliver(state, wire, 1, notes),
            None => Ok(()),
        }
    }

    /// A process ends when so many of its writes are done, and starts again.
    pub(super) fn crash(
        &self,
        state: &mut State,
        at: usize,
        done: usize,
        notes: &mut Notes,
    ) -> Verdict {
        notes.happened(state.node(at), Kind::PowerLost, || format!("{done} writes are done"));
        if state.leads(at) {
            notes.saw(match state.member(at).serving() {
                None => "a leader dies before it is established",
                Some(_) => "an established leader dies",
            });
        }
        state.left.crashes -= 1;
        if done > 0 && !self.fine {
            self.hear(state, at, notes)?;
        }
        state.server(at).disk.crash(done);
        self.start(state, at, notes)?;
        while let Some(led) = state.wires.iter().position(|wire| wire.leader == at) {
            self.part(state, led, 0, notes)?;
        }
        for wire in 0..state.wires.len() {
            if state.wires[wire].learner == at {
                self.part(state, wire, 1, notes)?;
            }
        }
        Ok(())
    }

    /// One end of a wire is gone, and its own server knows it.
    pub(super) fn part(
        &self,
        state: &mut State,
        wire: usize,
        end: usize,
        notes: &mut Notes,
    ) -> Verdict {
        let it = &mut state.wires[wire];
        let (leader, learner, gone) = (it.leader, it.learner, it.gone);
        let nodes = [state.names.0[leader], state.names.0[learner]].map(super::node);
        notes.lost(nodes[0], nodes[1]);
        notes.lost(nodes[1], nodes[0]);
        if end == 1 {
            (it.gone, it.flush) = (true, false);
            it.to.iter_mut().for_each(|way| way.clear());
            return Ok(());
        }
        state.wires.remove(wire);
        if gone {
            return Ok(());
        }
        notes.happened(nodes[1], Kind::Closed, String::new);
        let leader = sync::Peer::Quorum(zab::Peer::Leader(id(leader)));
        self.event(state, learner, Event::Closed(leader), notes)
    }

    /// A connection breaks; its learner learns of it.
    pub(super) fn cut(&self, state: &mut State, wire: usize, notes: &mut Notes) -> Verdict {
        state.left.drops -= 1;
        let (leader, learner) = (state.wires[wire].leader, state.wires[wire].learner);
        self.part(state, wire, 1, notes)?;
        notes.happened(state.node(learner), Kind::Closed, String::new);
        let leader = sync::Peer::Quorum(zab::Peer::Leader(id(leader)));
        self.event(state, learner, Event::Closed(leader), notes)
    }

    /// A leader learns that a learner is gone.
    pub(super) fn notice(&self, state: &mut State, wire: usize, notes: &mut Notes) -> Verdict {
        let it = state.wires.remove(wire);
        notes.happened(state.node(it.leader), Kind::Closed, String::new);
        let learner = sync::Peer::Quorum(zab::Peer::Learner(it.number));
        self.event(state, it.leader, Event::Closed(learner), notes)
    }

    /// A leader's patience with the absent is over.
    pub(super) fn give_up(&self, state: &mut State, at: usize, notes: &mut Notes) -> Verdict {
        self.tell(state, at, notes, |member, wants| member.resign(Ceased::QuorumLost, wants))
    }
}
