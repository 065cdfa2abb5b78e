//! Claim 2: it is strongly consistent, all clients see the same data at all times.
//!
//! Writes are linearizable. A read is answered by the server that is asked, from what it has: by a
//! follower that is a moment behind, or by a leader that was deposed and does not know it. A `sync`
//! before the read closes the gap, if whoever answers the sync still leads. The leader here asks a
//! quorum before it answers, so that no client reads what is old after a sync, wherever it is.
//!
//! Book: chapter 2. Unlike ZooKeeper, whose leader answers a sync by its own word:
//! `Leader.processSync`.

use consistency::{Action, linearizable, sequential};
use machines::{NodeId, Trace};

use super::town::{Number, Town};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reads {
    /// What was written last, and confirmed.
    pub written: u64,
    /// What another client then read.
    pub plain: Option<u64>,
    /// What it then read after a sync; nothing if there was no answer.
    pub synced: Option<u64>,
    /// What it read after a sync when all was well again.
    pub later: Option<u64>,
    /// Whether writes and reads that a sync came before are as of one copy.
    pub linearizable: bool,
    /// Whether all is, those that none came before too.
    pub all_linearizable: bool,
    /// Whether all has an order in which each client did one thing after another.
    pub all_sequential: bool,
    /// The invariant that was broken, if any.
    pub broken: Option<String>,
}

/// The client that writes, and the one that reads.
const WRITER: u64 = 1;
const READER: u64 = 2;

/// Three servers, of which 3 leads. What it sends does not reach server 2 for a moment. One client
/// writes by server 1, and one reads by server 2.
pub fn stale_follower(seed: u64) -> (Trace, Reads) {
    let mut town = begin(2, seed);
    town.world.cut(NodeId::Server(3), NodeId::Server(2));
    write(&mut town);
    let plain = town.read(READER);
    town.answer(plain);
    let (sync, synced) = town.synced_read(READER);
    // The answer to the sync waits behind what was written before.
    town.world.mend(NodeId::Server(3), NodeId::Server(2));
    town.answer(sync);
    conclude(town, plain, synced)
}

/// Three servers. The leader, 3, is cut off, and its clock is slow. The others choose another, by
/// which one client writes; one client is left with the old leader, and reads there. With
/// `own_word` the old leader answers a sync without asking who still follows.
pub fn deposed_leader(own_word: bool, seed: u64) -> (Trace, Reads) {
    let mut town = begin(3, seed);
    town.world.set_drift(NodeId::Server(3), -450_000);
    town.world.part(&[NodeId::Server(3)], &[NodeId::Server(1), NodeId::Server(2)]);
    let two_lead = |town: &Town| town.leaders().len() == 2 && town.is_connected(WRITER);
    assert!(town.until(two_lead), "1 and 2 choose another before 3 notices");
    write(&mut town);
    let plain = town.read(READER);
    town.answer(plain);
    town.take_its_own_word(3, own_word);
    let (_, synced) = town.synced_read(READER);
    town.answer(synced);
    town.take_its_own_word(3, false);
    conclude(town, plain, synced)
}

/// Three servers, of which 3 leads, and two clients: the writer at server 1, which has written 1,
/// and the reader at `server`, which has read it.
fn begin(server: u64, seed: u64) -> Town {
    let mut town = Town::new(3, seed);
    assert!(town.until(|town| town.leaders() == [3]), "the largest number wins");
    town.client(WRITER, 1);
    town.client(READER, server);
    let created = town.create(WRITER, 1);
    town.answer(created);
    let (_, read) = town.synced_read(READER);
    assert_eq!(town.answer(read), Some(1), "nothing is wrong yet");
    town
}

/// The writer writes, and is told that it is done.
fn write(town: &mut Town) {
    let write = town.write(WRITER, 2);
    town.answer(write);
    assert_eq!(town.end(write), Some(&Ok(None)), "the writer's side has a quorum");
}

/// All is well again, and the reader reads once more: until it is answered.
fn conclude(mut town: Town, plain: Number, synced: Number) -> (Trace, Reads) {
    let read = |town: &Town, number| town.end(number)?.clone().ok()?;
    town.answer(synced);
    let (plain_read, synced_read) = (read(&town, plain), read(&town, synced));
    town.world.set_drift(NodeId::Server(3), 0);
    town.world.heal();
    let later = (0..10).find_map(|_| {
        assert!(town.until(|town| town.is_connected(READER)), "somebody serves the reader");
        let (_, last) = town.synced_read(READER);
        town.answer(last)
    });

    let all = town.history().to_vec();
    // It was the second read that no sync came before.
    let mut reads = all.iter().filter(|operation| matches!(operation.action, Action::Read(_)));
    let plain_id = reads.nth(1).expect("the reader read once before").id;
    let exact: Vec<_> = all.iter().copied().filter(|operation| operation.id != plain_id).collect();
    let facts = Reads {
        written: 2,
        plain: plain_read,
        synced: synced_read,
        later,
        linearizable: linearizable(&exact).is_ok(),
        all_linearizable: linearizable(&all).is_ok(),
        all_sequential: sequential(&all).is_ok(),
        broken: town.broken(),
    };
    (town.trace(), facts)
}
