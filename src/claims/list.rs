//! The claims, in the order of their numbers.

use super::{
    Claim, commit, consistency, election, ensemble, fuzzy, paxos, reads, storage, watches, znodes,
};

/// All claims.
pub const CLAIMS: &[Claim] = &[
    Claim {
        number: 1,
        chapter: "04",
        stated: "An acceptor answers a prepare with the proposal that it last received, and the \
                 proposer takes its value.",
        verdict: "It answers with the proposal of the highest ballot that it has accepted. The \
                  rule as stated survives every course of two ballots, if no prepare is \
                  repeated; with three, two values are chosen.",
        experiment: Some(paxos::received),
    },
    Claim {
        number: 2,
        chapter: "02",
        stated: "ZooKeeper is strongly consistent: all clients see the same data at all times.",
        verdict: "Writes are linearizable. Reads are answered by the server that is asked, and \
                  may show the past. A sync before the read closes the gap, if whoever answers \
                  the sync still leads: the original's leader takes its own word for that, the \
                  one here asks a quorum.",
        experiment: Some(reads::strong),
    },
    Claim {
        number: 3,
        chapter: "02",
        stated: "A change is seen by all servers in real time.",
        verdict: "It is seen within a bound, or the client learns that its server is cut off.",
        experiment: Some(consistency::bound),
    },
    Claim {
        number: 4,
        chapter: "11",
        stated: "A write must name the version of the node, or it fails.",
        verdict: "Version -1 means any version. A write that names a version is a \
                  compare-and-set.",
        experiment: Some(znodes::version),
    },
    Claim {
        number: 5,
        chapter: "09",
        stated: "Observers take no part in the broadcast; they synchronise from time to time.",
        verdict: "They get an INFORM for each commit, at once, and log it. They acknowledge no \
                  proposal, and their acknowledgement of NEWLEADER is not counted. Each of them \
                  costs the leader bytes for every commit.",
        experiment: None,
    },
    Claim {
        number: 6,
        chapter: "07",
        stated: "Data is written to memory first and to disk later; the disk store is optional.",
        verdict: "The log is forced to disk before a proposal is acknowledged. Memory changes \
                  at the commit.",
        experiment: Some(storage::memory_first),
    },
    Claim {
        number: 7,
        chapter: "08",
        stated: "Votes are compared by zxid, then by server id; or by server id first.",
        verdict: "By current epoch, then zxid, then server id. A wrong order alone loses \
                  nothing: discovery refuses a leader that is behind, and the ensemble stands \
                  still until the others elect without it. Only with that check gone, too, is \
                  an acknowledged write lost. The vote is for speed, discovery is for safety.",
        experiment: Some(ensemble::vote_order),
    },
    Claim {
        number: 8,
        chapter: "09",
        stated: "The new epoch is the largest epoch of any zxid in the logs, plus one.",
        verdict: "It is one more than the largest epoch that a quorum has accepted. An epoch \
                  can be established without a transaction; by the rule as stated it would be \
                  used twice, and two transactions would have one zxid.",
        experiment: Some(ensemble::next_epoch),
    },
    Claim {
        number: 9,
        chapter: "10",
        stated: "A proposal that the dead leader had not committed is always discarded.",
        verdict: "Only if the server that next establishes an epoch does not have it. If the \
                  one that proposed it is elected again, it is committed. The client was told \
                  neither.",
        experiment: Some(ensemble::discarded),
    },
    Claim {
        number: 10,
        chapter: "10",
        stated: "Synchronisation ends when half of the followers and observers have \
                 acknowledged it.",
        verdict: "When more than half of the voters have, the leader among them. Observers send \
                  the same acknowledgement, and it is not counted.",
        experiment: None,
    },
    Claim {
        number: 11,
        chapter: "10",
        stated: "A DIFF is sent if the learner's last zxid lies between the smallest and the \
                 largest of the leader's window.",
        verdict: "The bounds belong to it, and lying between them is not enough: the zxid must \
                  be in the leader's log. Below the window, the log on disk may still do.",
        experiment: None,
    },
    Claim {
        number: 12,
        chapter: "03",
        stated: "Three-phase commit does not block, and has no inconsistency.",
        verdict: "With crashes that are noticed rightly, and if those left ask each other, it \
                  is so, unless all have crashed. If somebody is cut off or slow and is taken \
                  for dead, one part commits and the other aborts.",
        experiment: Some(commit::three_phases),
    },
    Claim {
        number: 13,
        chapter: "13",
        stated: "Watches fire once.",
        verdict: "Those of getData, exists and getChildren do. Since 3.6 there are persistent \
                  and recursive ones.",
        experiment: Some(watches::once),
    },
    Claim {
        number: 14,
        chapter: "13",
        stated: "getData on a node that is not there leaves a watch for its creation.",
        verdict: "It fails and leaves none. exists leaves one, and so does a persistent watch.",
        experiment: Some(watches::missing),
    },
    Claim {
        number: 15,
        chapter: "13",
        stated: "A watcher sees every change.",
        verdict: "It learns that something has changed since. Several changes may be one \
                  notice.",
        experiment: Some(watches::every_change),
    },
    Claim {
        number: 16,
        chapter: "17",
        stated: "The number of ZooKeeper servers follows the number of application servers.",
        verdict: "It follows the number of failures to survive. Each voter makes writes slower; \
                  observers serve more reads.",
        experiment: None,
    },
    Claim {
        number: 17,
        chapter: "09",
        stated: "All servers, or more than half of the followers, must agree before a commit, \
                 and the leader writes its own log first.",
        verdict: "A quorum of the voters must, and the leader is one of them: of five, two \
                  followers do. The leader proposes while it writes, so followers alone can \
                  commit what is not on the leader's disk yet. A follower cannot refuse.",
        experiment: Some(ensemble::agreement),
    },
    Claim {
        number: 18,
        chapter: "08",
        stated: "2n servers survive more failures than 2n-1.",
        verdict: "As many: n-1. A quorum grows with the ensemble.",
        experiment: Some(election::even),
    },
    Claim {
        number: 19,
        chapter: "02",
        stated: "CP means that the service may wait forever.",
        verdict: "The side without a quorum stops serving and drops its clients. The other side \
                  goes on.",
        experiment: Some(consistency::waiting),
    },
    Claim {
        number: 20,
        chapter: "12",
        stated: "Ephemeral nodes vanish as soon as their client dies.",
        verdict: "At once if it closes its session, which is a transaction. Otherwise when the \
                  session expires; a broken connection alone deletes nothing.",
        experiment: Some(watches::ephemerals),
    },
    Claim {
        number: 21,
        chapter: "17",
        stated: "A lock on an ephemeral node guarantees mutual exclusion.",
        verdict: "A client that was paused may act after its session has expired. What the lock \
                  protects must refuse it: fencing by zxid.",
        experiment: None,
    },
    Claim {
        number: 22,
        chapter: "11",
        stated: "Sequential nodes are counted for each prefix of a name.",
        verdict: "Their parent counts every child ever created in it, plain ones too. A prefix \
                  that is not alone has gaps.",
        experiment: Some(znodes::prefixes),
    },
    Claim {
        number: 23,
        chapter: "17",
        stated: "Of several clients that create a node, exactly one always knows that it won.",
        verdict: "Not if its reply was lost.",
        experiment: None,
    },
    Claim {
        number: 24,
        chapter: "10",
        stated: "An old leader that comes back cannot win, because its zxid is smaller.",
        verdict: "While the new epoch has no write, the old leader's zxid is larger. What stops \
                  it is the current epoch of a quorum.",
        experiment: Some(ensemble::old_leader),
    },
    Claim {
        number: 25,
        chapter: "10",
        stated: "There is never more than one leader.",
        verdict: "At most one can commit in each epoch. One that is cut off or paused goes on \
                  answering reads until it notices.",
        experiment: Some(ensemble::leaders),
    },
    Claim {
        number: 26,
        chapter: "02",
        stated: "Atomic: all servers apply a write, or none does.",
        verdict: "No part of a write is ever seen alone. At the commit some servers may lack \
                  all of it; they catch up.",
        experiment: Some(consistency::all_or_nothing),
    },
    Claim {
        number: 27,
        chapter: "02",
        stated: "Single system image: all clients see the same.",
        verdict: "One session never goes back in time. Two clients may see different states at \
                  one moment.",
        experiment: Some(consistency::image),
    },
    Claim {
        number: 28,
        chapter: "03",
        stated: "When the coordinator dies half-way, two-phase commit becomes inconsistent.",
        verdict: "It leaves those who voted yes in doubt. It becomes inconsistent only if one \
                  of them decides alone, or the coordinator's log is lost.",
        experiment: Some(commit::coordinator),
    },
    Claim {
        number: 29,
        chapter: "04",
        stated: "Paxos takes endless waiting away.",
        verdict: "It is always safe. It makes progress only while one proposer is left alone \
                  and a majority answers.",
        experiment: Some(paxos::waiting),
    },
    Claim {
        number: 30,
        chapter: "02",
        stated: "CAP: pick two of three.",
        verdict: "Partitions are not picked, they happen. While there is one, each operation \
                  gives up either consistency or availability.",
        experiment: Some(consistency::two_of_three),
    },
    Claim {
        number: 31,
        chapter: "08",
        stated: "The third of five servers always wins the first election: votes are handed \
                 over, and only ids are compared.",
        verdict: "Each server votes anew. It is so only if the first three have settled before \
                  the fourth is heard, and all histories are equal.",
        experiment: Some(election::third),
    },
    Claim {
        number: 32,
        chapter: "09",
        stated: "In discovery the leader fetches the newest proposals from the followers.",
        verdict: "In the paper it does. ZooKeeper elects a server with the newest history; \
                  discovery agrees on the epoch, and refuses a leader that is behind.",
        experiment: Some(ensemble::fetched),
    },
    Claim {
        number: 33,
        chapter: "13",
        stated: "Every transaction triggers watches.",
        verdict: "setACL and the creation of a session trigger none. A failed write triggers \
                  none either, although it takes a zxid and is logged.",
        experiment: Some(watches::transactions),
    },
    Claim {
        number: 34,
        chapter: "11",
        stated: "The zxid counts the requests of clients.",
        verdict: "It counts writes, failed ones too, and the creation and the closing of each \
                  session. A read takes none; a multi takes one.",
        experiment: Some(znodes::requests),
    },
    Claim {
        number: 35,
        chapter: "07",
        stated: "A snapshot is the state at one moment.",
        verdict: "It is written while writes go on. Only the snapshot with the log from its \
                  first zxid on is a state.",
        experiment: Some(fuzzy::moment),
    },
    Claim {
        number: 36,
        chapter: "16",
        stated: "The leader handles all reads and writes.",
        verdict: "Every server answers reads. Writes go through the leader.",
        experiment: None,
    },
    Claim {
        number: 37,
        chapter: "17",
        stated: "A cache whose entries expire is consistent.",
        verdict: "It may be stale until they do. Comparing versions is itself a read.",
        experiment: None,
    },
    Claim {
        number: 38,
        chapter: "01",
        stated: "`where status < new` makes any flow idempotent.",
        verdict: "With created 0, failed 99 and paid 100 it lets failed become paid. Guard the \
                  step from one status to the next, not the number.",
        experiment: None,
    },
    Claim {
        number: 39,
        chapter: "08",
        stated: "Observers never look for a leader.",
        verdict: "They do when they have lost theirs, with a vote that never counts.",
        experiment: None,
    },
    Claim {
        number: 40,
        chapter: "17",
        stated: "setData failed with BadVersion, so I did not write.",
        verdict: "After a lost reply, the writer who came before may be you.",
        experiment: None,
    },
];
