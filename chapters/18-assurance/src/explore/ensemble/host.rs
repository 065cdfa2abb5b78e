//! What a member of an explored ensemble runs on: its wires, its disk, and the smallest service.

use bytes::Bytes;
use election::ServerState;
use machines::{Effect, Effects, Event, Kind, Machine};
use storage::Write;
use sync::{Ensemble, Member, Message, Peer};
use zab::{Ceased, Packet, Told};
use zxid::Zxid;

use super::disk::{pack, unpack};
use super::state::{State, Wire};
use super::{Ensembles, id, place};
use crate::explore::notes::Notes;
use crate::invariants::Verdict;

impl Ensembles {
    /// Steps a server's machine, and carries out what it wants.
    pub(super) fn tell(
        &self,
        state: &mut State,
        at: usize,
        notes: &mut Notes,
        with: impl FnOnce(&mut Member, &mut Effects<Ensemble>),
    ) -> Verdict {
        let mut effects = Effects::new();
        let member = &mut state.server(at).member;
        with(member, &mut effects);
        member.step(Event::Drained, &mut effects);
        for effect in effects.drain() {
            self.carry_out(state, at, effect, notes)?;
        }
        Ok(())
    }

    /// The same with an event.
    pub(super) fn event(
        &self,
        state: &mut State,
        at: usize,
        event: Event<Ensemble>,
        notes: &mut Notes,
    ) -> Verdict {
        self.tell(state, at, notes, |member, effects| member.step(event, effects))
    }

    fn carry_out(
        &self,
        state: &mut State,
        at: usize,
        effect: Effect<Ensemble>,
        notes: &mut Notes,
    ) -> Verdict {
        match effect {
            Effect::Open(Peer::Quorum(zab::Peer::Leader(leader))) => {
                self.connect(state, at, place(leader), notes)
            }
            Effect::Send { to: Peer::Quorum(to), message: Message::Quorum(packet) } => {
                self.send(state, at, to, packet, notes)
            }
            Effect::Close(Peer::Quorum(peer)) => {
                let Some((wire, end)) = state.end(at, peer) else { return Ok(()) };
                self.part(state, wire, end, notes)
            }
            Effect::Flush(Peer::Quorum(peer)) => {
                if let Some((wire, _)) = state.end(at, peer) {
                    state.wires[wire].flush = true;
                }
                Ok(())
            }
            Effect::Write(write) => self.write(state, at, write),
            Effect::Sync(ticket) => {
                state.server(at).disk.sync(ticket);
                Ok(())
            }
            Effect::Fetch(fetch) => {
                state.server(at).asked.push_back(fetch);
                Ok(())
            }
            Effect::Answer(told) => {
                notes.happened(state.node(at), Kind::Answered, || told.to_string());
                self.told(state, at, told, notes)
            }
            // Elections are held elsewhere, patience is a step of its own, and nobody waits to read.
            _ => Ok(()),
        }
    }

    fn write(&self, state: &mut State, at: usize, write: Write) -> Verdict {
        let last = state.servers[at].disk.written.last();
        match &write {
            Write::Append(entry) => state.logs(at, last, entry)?,
            Write::CurrentEpoch(epoch) if state.leads(at) => state.begins(at, *epoch)?,
            Write::CurrentEpoch(epoch) => state.enters(at, *epoch)?,
            _ => {}
        }
        state.server(at).disk.write(write);
        Ok(())
    }

    fn send(
        &self,
        state: &mut State,
        at: usize,
        to: zab::Peer,
        packet: Packet,
        notes: &mut Notes,
    ) -> Verdict {
        state.says(at, &packet)?;
        let Some((wire, end)) = state.end(at, to) else { return Ok(()) };
        let other = [state.wires[wire].learner, state.wires[wire].leader][end];
        if state.wires[wire].gone {
            return Ok(());
        }
        state.spares(at, other, &packet)?;
        match packet {
            Packet::Diff(_) => notes.saw("DIFF"),
            Packet::Trunc(_) => notes.saw("TRUNC"),
            Packet::Snap(_) => notes.saw("SNAP"),
            _ => {}
        }
        notes.sent(state.node(at), state.node(other), || packet.to_string());
        state.wires[wire].to[1 - end].push_back(packet);
        Ok(())
    }

    /// A learner dials its leader.
    fn connect(
        &self,
        state: &mut State,
        learner: usize,
        leader: usize,
        notes: &mut Notes,
    ) -> Verdict {
        assert!(state.leads(leader), "a learner notices at once that its leader is gone");
        let used = |number: &u64| {
            state.wires.iter().any(|wire| wire.leader == leader && wire.number == *number)
        };
        let number = (1..).find(|number| !used(number)).expect("numbers do not end");
        let (gone, to, flush) = (false, Default::default(), false);
        state.wires.push(Wire { leader, learner, number, gone, to, flush });
        let peer = Peer::Quorum(zab::Peer::Leader(id(leader)));
        self.event(state, learner, Event::Opened(peer), notes)?;
        let peer = Peer::Quorum(zab::Peer::Learner(number));
        self.event(state, leader, Event::Opened(peer), notes)
    }

    /// The service is told something.
    fn told(&self, state: &mut State, at: usize, told: Told, notes: &mut Notes) -> Verdict {
        match told {
            Told::Deliver(entry) => state.delivers(at, &entry)?,
            Told::Serving { role, epoch, .. } => {
                state.server(at).last = Zxid::new(epoch, 0);
                if role == ServerState::Leading {
                    notes.saw("a leader is established");
                    state.establishes(at, epoch)?;
                }
                state.serves(at, epoch)?;
            }
            Told::Ceased(why) => {
                let server = state.server(at);
                server.loading.clear();
                server.asked.clear();
                server.sending.clear();
                server.last = Zxid::ZERO;
                if why == Ceased::BadPacket {
                    state.is_hung_up_on(at)?;
                }
            }
            Told::SnapshotBegun(_) => state.server(at).loading.clear(),
            Told::SnapshotBytes(bytes) => state.server(at).loading.extend(unpack(&bytes)),
            Told::SnapshotEnded => {
                let server = state.server(at);
                server.delivered = std::mem::take(&mut server.loading);
            }
            Told::SnapshotWanted(link) => self.begin_snapshot(state, at, link, notes)?,
            Told::SnapshotMore(link) => self.send_snapshot(state, at, link, notes)?,
            Told::SnapshotUnwanted(link) => {
                state.server(at).sending.remove(&link);
            }
            Told::Asked { .. } | Told::Answered(_) | Told::Confirmed(_) => {}
        }
        Ok(())
    }

    fn begin_snapshot(
        &self,
        state: &mut State,
        at: usize,
        link: u64,
        notes: &mut Notes,
    ) -> Verdict {
        let server = state.server(at);
        let zxid = server.delivered.last().map_or(Zxid::ZERO, |entry| entry.zxid);
        server.sending.insert(link, zxid);
        self.tell(state, at, notes, |member, effects| member.snapshot_begin(link, zxid, effects))
    }

    fn send_snapshot(&self, state: &mut State, at: usize, link: u64, notes: &mut Notes) -> Verdict {
        let server = state.server(at);
        let Some(zxid) = server.sending.remove(&link) else { return Ok(()) };
        let bytes: Bytes = pack(server.delivered.iter().filter(|entry| entry.zxid <= zxid));
        self.tell(state, at, notes, |member, effects| {
            member.snapshot_bytes(link, bytes, effects);
            member.snapshot_end(link, effects);
        })
    }
}
