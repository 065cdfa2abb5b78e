//! The chapter's program: a partition, two clients on its two sides, and what they were promised.
//!
//! Client 1 uses a server of the majority, client 2 one of the minority. Both go on asking while
//! the wires between the two sides are cut. Client 2 writes more often; client 1 writes last.
//!
//! Book: chapter 2.

use std::time::Duration;

use machines::Trace;

use crate::history::{OpId, Operation, Reply, Violation};
use crate::lab::Lab;
use crate::store::{Promise, Wish};
use crate::{linearizable, sequential, zxid_order};

/// How often each client asks during a partition.
const STEPS: u32 = 5;

/// No shorter time passes between two of a client's requests.
const PAUSE: Duration = Duration::from_millis(100);

/// How long it may take until all servers have the same.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an operation gives up when there is no quorum. Without a partition neither is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// C: it is answered by one server, whatever others have.
    Consistency,
    /// A: it is not answered.
    Availability,
}

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// How many servers there are; less than half of them are cut off.
    pub servers: u64,
    /// What writes are promised.
    pub writes: Promise,
    /// What reads are promised.
    pub reads: Promise,
    /// How long the partition lasts. Zero is no partition.
    pub partition: Duration,
    /// The seed of the world.
    pub seed: u64,
}

/// What happened, and what the checkers say of it.
#[derive(Clone, Debug)]
pub struct Course {
    /// All that happened.
    pub trace: Trace,
    /// What the clients asked and were told.
    pub history: Vec<Operation>,
    /// The answers with the versions that they show.
    pub replies: Vec<Reply>,
    /// When the partition began and ended, in ticks of the history; without one, when it would have.
    pub parted: (u64, u64),
    /// How long after the partition all servers had the same; nothing if they never did.
    pub converged: Option<Duration>,
    /// What all servers have in the end; nothing if they differ.
    pub remains: Option<u64>,
    /// Whether it is as if there were one copy.
    pub linearizable: Result<Vec<OpId>, Violation>,
    /// Whether each client, by itself, could believe so.
    pub sequential: Result<Vec<OpId>, Violation>,
    /// Whether versions are in the order of real time. If not, an acknowledged write was lost to
    /// an older one.
    pub order: Result<(), Violation>,
}

impl GiveUp {
    /// What is promised by an operation that gives this up.
    pub fn promise(self) -> Promise {
        match self {
            GiveUp::Consistency => Promise::Eventual,
            GiveUp::Availability => Promise::Linearizable,
        }
    }
}

impl Program {
    /// Five servers, a partition of a second, and all operations give up the same.
    pub fn giving_up(what: GiveUp, seed: u64) -> Program {
        let promise = what.promise();
        let partition = Duration::from_secs(1);
        Program { servers: 5, writes: promise, reads: promise, partition, seed }
    }

    /// The servers that are cut off: as many as can be without taking the quorum from the others.
    pub fn minority(&self) -> Vec<u64> {
        (self.servers / 2 + 2..=self.servers).collect()
    }
}

impl Course {
    /// How many requests a client made during the partition, and how many of them were answered
    /// before it ended.
    pub fn during_partition(&self, client: u32) -> (usize, usize) {
        let (begin, end) = self.parted;
        let asked = |op: &&Operation| op.client == client && (begin..end).contains(&op.invoked);
        let answered = |op: &&Operation| op.answered.is_some_and(|answered| answered < end);
        let all = || self.history.iter().filter(asked);
        (all().count(), all().filter(answered).count())
    }

    /// An operation of the history.
    pub fn operation(&self, id: OpId) -> &Operation {
        self.history.iter().find(|op| op.id == id).expect("checkers name what they were given")
    }
}

/// Runs it.
pub fn run_program(program: &Program) -> Course {
    let mut lab = Lab::recorded(program.servers, program.seed);
    lab.add_client(1, &[1]);
    lab.add_client(2, &[program.servers]);
    lab.run(Duration::from_millis(250));
    lab.done(1, Wish::Write(1), program.writes);
    lab.done(2, Wish::Read, program.reads);

    let begin = lab.ticks();
    if program.partition > Duration::ZERO {
        lab.part(&program.minority(), &[2]);
    }
    ask_on_both_sides(&mut lab, program);
    let end = lab.ticks();
    lab.world.heal();
    let converged = converge(&mut lab);
    for client in [1, 2] {
        lab.wait(client);
        lab.done(client, Wish::Read, program.reads);
    }

    let history = lab.history().to_vec();
    let stored = lab.stored(1).filter(|_| lab.has_converged());
    Course {
        trace: lab.trace(),
        parted: (begin, end),
        converged,
        remains: stored.map(|content| content.value),
        linearizable: linearizable(&history),
        sequential: sequential(&history),
        order: zxid_order(lab.replies()),
        replies: lab.replies().to_vec(),
        history,
    }
}

/// Both clients ask, as often as they are answered. Client 1 writes every other time, and last of
/// all; client 2 writes every time but the last.
fn ask_on_both_sides(lab: &mut Lab, program: &Program) {
    let pause = PAUSE.max(program.partition / STEPS);
    let lasts = if program.partition.is_zero() { pause * STEPS } else { program.partition };
    let end = lab.world.now() + lasts;
    let mut step = 0;
    while lab.world.now() < end {
        step += 1;
        let last = lab.world.now() + 2 * pause > end;
        for (client, writes) in [(1, step % 2 == 1 || last), (2, !last)] {
            let (wish, promise) = match writes {
                true => (Wish::Write(10 * client + step), program.writes),
                false => (Wish::Read, program.reads),
            };
            if !lab.waits(client) {
                lab.ask(client, wish, promise);
            }
        }
        lab.run(pause.min(end - lab.world.now()));
    }
}

/// Lets time pass until all servers have the same.
fn converge(lab: &mut Lab) -> Option<Duration> {
    let begin = lab.world.now();
    while !lab.has_converged() && lab.step_until(begin + PATIENCE) {}
    lab.has_converged().then(|| lab.world.now() - begin)
}
