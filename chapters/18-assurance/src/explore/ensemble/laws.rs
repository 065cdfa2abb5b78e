//! What must hold of an ensemble, after every step, and what must be remembered to say so.

use storage::Entry;
use sync::laws::Law;
use zab::Packet;
use zxid::Zxid;

use super::state::State;
use crate::invariants::{Invariant, Verdict, holds};

/// How many servers are a quorum of three.
pub(super) const QUORUM: usize = 2;

/// What no server knows, and the laws are about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Memory {
    /// The longest sequence that was ever committed.
    pub(super) committed: Vec<Entry>,
    /// Everything that was ever proposed.
    pub(super) proposed: Vec<Entry>,
    reigns: Vec<Reign>,
}

/// An epoch that a leader began.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Reign {
    epoch: u32,
    initial: Vec<Entry>,
    established: bool,
}

fn law(law: Law, holds_: bool, what: impl FnOnce() -> String) -> Verdict {
    holds(Invariant::Law(law), holds_, what)
}

/// How many entries two histories have in common.
fn same(log: &[Entry], other: &[Entry]) -> usize {
    log.iter().zip(other).take_while(|(one, other)| one == other).count()
}

impl State {
    /// A leader enters its epoch.
    pub(super) fn begins(&mut self, leader: usize, epoch: u32) -> Verdict {
        let other = self.memory.reigns.iter().find(|reign| reign.epoch == epoch);
        law(Law::Z1, other.is_none(), || {
            format!("server {} begins epoch {epoch}, which was begun before", leader + 1)
        })?;
        let initial = self.servers[leader].disk.written.log.clone();
        self.memory.reigns.push(Reign { epoch, initial, established: false });
        Ok(())
    }

    /// A learner notes the epoch that it enters.
    pub(super) fn enters(&self, at: usize, epoch: u32) -> Verdict {
        let reign = self.memory.reigns.iter().find(|reign| reign.epoch == epoch);
        let log = &self.servers[at].disk.written.log;
        law(Law::D2, reign.is_some_and(|it| log.starts_with(&it.initial)), || {
            format!("server {} notes epoch {epoch}, and its log has {log:?} only", at + 1)
        })
    }

    /// A leader is established.
    pub(super) fn establishes(&mut self, leader: usize, epoch: u32) -> Verdict {
        let log = &self.servers[leader].disk.written.log;
        let committed = &self.memory.committed;
        let before = committed.iter().take_while(|entry| entry.zxid.epoch() < epoch).count();
        law(Law::Z11, log.starts_with(&committed[..before]), || {
            format!("server {} leads with {log:?}, and {committed:?} is committed", leader + 1)
        })?;
        let reign = self.memory.reigns.iter_mut().find(|reign| reign.epoch == epoch);
        let reign = reign.expect("a leader enters its epoch before it is established");
        reign.established = true;
        let initial = reign.initial.clone();
        let has = |server: &super::state::Server| {
            server.disk.safe.current >= epoch && server.disk.safe.log.starts_with(&initial)
        };
        let quorum = self.servers.iter().filter(|server| has(server)).count();
        law(Law::Z19, quorum >= QUORUM, || {
            format!("epoch {epoch} is established, and its beginning is on {quorum} disks")
        })?;
        for reign in self.memory.reigns.iter().filter(|reign| reign.established) {
            let (one, other) = match reign.epoch < epoch {
                true => (&reign.initial, &initial),
                false => (&initial, &reign.initial),
            };
            law(Law::Z8, other.starts_with(one), || {
                format!("epochs {} and {epoch} began with {one:?} and {other:?}", reign.epoch)
            })?;
        }
        Ok(())
    }

    /// A server serves.
    pub(super) fn serves(&self, at: usize, epoch: u32) -> Verdict {
        let reign = self.memory.reigns.iter().find(|reign| reign.epoch == epoch);
        let begun = reign.is_some_and(|it| self.servers[at].delivered.starts_with(&it.initial));
        law(Law::Z9, begun, || {
            format!("server {} serves in epoch {epoch} without its beginning", at + 1)
        })
    }

    /// A leader proposes.
    pub(super) fn proposes(&mut self, entry: &Entry) -> Verdict {
        let unique = self.memory.proposed.iter().all(|other| other.zxid != entry.zxid);
        law(Law::Z16, unique, || format!("{} is proposed a second time", entry.zxid))?;
        self.memory.proposed.push(entry.clone());
        Ok(())
    }

    /// A service is told to apply something.
    pub(super) fn delivers(&mut self, at: usize, entry: &Entry) -> Verdict {
        let leads = self.leads(at);
        let server = self.server(at);
        let place = server.delivered.len();
        server.delivered.push(entry.clone());
        let logged = server.disk.written.log.get(place) == Some(entry);
        law(Law::Z14, logged, || {
            format!("server {} delivers {entry:?}, which is not next in its log", at + 1)
        })?;
        if leads && place == self.memory.committed.len() {
            self.memory.committed.push(entry.clone());
        }
        law(Law::Z3, self.memory.committed.get(place) == Some(entry), || {
            let committed = &self.memory.committed;
            format!("server {} delivers {entry:?} as number {place} of {committed:?}", at + 1)
        })
    }

    /// A server says something.
    pub(super) fn says(&self, at: usize, packet: &Packet) -> Verdict {
        let server = &self.servers[at];
        let safe = &server.disk.safe;
        match packet {
            Packet::AckEpoch { .. } => {
                let promised = server.member.history().accepted();
                law(Law::D4, safe.accepted >= promised, || {
                    format!("server {} promises epoch {promised}, not on its disk", at + 1)
                })
            }
            Packet::LeaderInfo { epoch, .. } => law(Law::D4, safe.accepted >= *epoch, || {
                format!("server {} offers epoch {epoch}, which is not on its disk", at + 1)
            }),
            Packet::Ack(zxid) if zxid.counter() == 0 => {
                law(Law::D3, safe.current >= zxid.epoch(), || {
                    format!("server {} acknowledges {zxid}, not on its disk", at + 1)
                })
            }
            Packet::Ack(zxid) => law(Law::D3, safe.last() >= *zxid, || {
                format!("server {} acknowledges {zxid}, not on its disk", at + 1)
            }),
            _ => Ok(()),
        }
    }

    /// An entry goes to the log.
    pub(super) fn logs(&self, at: usize, last: Zxid, entry: &Entry) -> Verdict {
        law(Law::Z15, entry.zxid.follows(last), || {
            format!("server {} logs {} after {last}", at + 1, entry.zxid)
        })
    }

    /// What is said at a wrong time ends a connection.
    pub(super) fn is_hung_up_on(&self, at: usize) -> Verdict {
        law(Law::Z18, false, || format!("server {} was told what it could not expect", at + 1))
    }

    /// A leader says to a learner how it is brought up to date. It may be cut, but not what is
    /// committed by now.
    pub(super) fn spares(&self, at: usize, learner: usize, packet: &Packet) -> Verdict {
        let (Packet::Trunc(to) | Packet::Snap(to)) = packet else { return Ok(()) };
        let log = &self.servers[learner].disk.written.log;
        let kept = same(log, &self.memory.committed);
        law(Law::Z13, log[..kept].iter().all(|entry| entry.zxid <= *to), || {
            format!("server {} says {packet} to one that has {log:?}", at + 1)
        })
    }

    /// After every step.
    pub(super) fn judge(&self) -> Verdict {
        let kept = self.servers.iter().map(|it| same(&it.disk.safe.log, &self.memory.committed));
        let whole = kept.filter(|kept| *kept == self.memory.committed.len()).count();
        law(Law::Z12, whole >= QUORUM, || {
            format!("{:?} is committed, and on {whole} disks", self.memory.committed)
        })?;
        for (at, server) in self.servers.iter().enumerate() {
            let safe = &server.disk.safe;
            law(Law::D1, safe.current <= safe.accepted, || {
                format!("server {} is in epoch {}", at + 1, safe.current)
            })?;
            let reign = self.memory.reigns.iter().find(|reign| reign.epoch == safe.current);
            let holds = |it: &Reign| !it.established || safe.log.starts_with(&it.initial);
            law(Law::D2, reign.is_none_or(holds), || {
                format!("server {} has epoch {}, not its beginning", at + 1, safe.current)
            })?;
            if let Some(ballot) = server.member.ballot() {
                let rests = server.disk.is_at_rest();
                law(Law::D5, rests && ballot.last == safe.last(), || {
                    format!("server {} votes with {}, has {}", at + 1, ballot.last, safe.last())
                })?;
            }
        }
        self.agree()
    }

    /// Servers of one epoch have one history.
    fn agree(&self) -> Verdict {
        let images = self.servers.iter().map(|server| &server.disk.written);
        let images: Vec<_> = images.filter(|it| it.last().epoch() <= it.current).collect();
        for (nth, one) in images.iter().enumerate() {
            for other in images[nth + 1..].iter().filter(|it| it.current == one.current) {
                let same = one.log.starts_with(&other.log) || other.log.starts_with(&one.log);
                law(Law::Z10, same, || {
                    format!("in epoch {} there are {:?} and {:?}", one.current, one.log, other.log)
                })?;
            }
        }
        Ok(())
    }
}
