//! The bank carries out each request once: step by step, and over hundreds of seeded lives.

use std::collections::BTreeMap;
use std::time::Duration;

use machines::bank::{
    Accounts, Bank, InsufficientFunds, Message, Order, Record, Recovered, Reply, Request,
};
use machines::{
    AtMostOnce, Boot, Booted, Customer, Dice, Effect, Effects, Event, Fault, Kind, Ledger, Machine,
    NodeId, Operation, Settings, Ticket, World,
};

pub(crate) const BANK: NodeId = NodeId::Server(1);
const ALICE: NodeId = NodeId::Client(1);
const BOB: NodeId = NodeId::Client(2);

fn deposit(client: u64, seq: u64, amount: u64) -> Request {
    Request { client, seq, order: Order::Deposit { account: 7, amount } }
}

fn withdraw(client: u64, seq: u64, amount: u64) -> Request {
    Request { client, seq, order: Order::Withdraw { account: 7, amount } }
}

fn tell(server: &mut AtMostOnce, event: Event<Bank>) -> Vec<Effect<Bank>> {
    let mut effects = Effects::new();
    server.step(event, &mut effects);
    effects.drain().collect()
}

fn started(recovered: Recovered) -> AtMostOnce {
    let mut server = AtMostOnce::new(0);
    assert!(tell(&mut server, Event::Started(recovered)).is_empty());
    server
}

/// Asks, lets the disk do what it is asked, and collects the replies.
fn ask(server: &mut AtMostOnce, from: NodeId, request: Request) -> Vec<Reply> {
    tell(server, Event::Received { from, message: Message::Request(request) });
    let batch = tell(server, Event::Drained);
    let tickets = batch.iter().filter_map(|effect| match effect {
        Effect::Sync(ticket) => Some(*ticket),
        _ => None,
    });
    tickets.flat_map(|ticket| replies(tell(server, Event::Durable(ticket)))).collect()
}

fn replies(effects: Vec<Effect<Bank>>) -> Vec<Reply> {
    let sent = effects.into_iter().filter_map(|effect| match effect {
        Effect::Send { message: Message::Reply(reply), .. } => Some(reply),
        _ => None,
    });
    sent.collect()
}

#[test]
fn a_repeated_request_gets_the_first_reply_and_changes_nothing() {
    let mut server = started(Recovered::default());
    let first = ask(&mut server, ALICE, deposit(1, 1, 100));
    assert_eq!(first, [Reply { client: 1, seq: 1, result: Ok(100) }]);
    assert_eq!(ask(&mut server, ALICE, deposit(1, 1, 100)), first);
    assert_eq!(server.books().accounts, Accounts([(7, 100)].into()));
}

#[test]
fn a_refusal_stays_a_refusal_when_it_is_asked_for_again() {
    let mut server = started(Recovered::default());
    let refused = [Reply { client: 1, seq: 1, result: Err(InsufficientFunds) }];
    assert_eq!(ask(&mut server, ALICE, withdraw(1, 1, 10)), refused);
    ask(&mut server, BOB, deposit(2, 1, 100));
    assert_eq!(
        ask(&mut server, ALICE, withdraw(1, 1, 10)),
        refused,
        "now it could, but it did not"
    );
}

#[test]
fn two_clients_may_use_the_same_number() {
    let mut server = started(Recovered::default());
    ask(&mut server, ALICE, deposit(1, 1, 100));
    let bobs = ask(&mut server, BOB, deposit(2, 1, 5));
    assert_eq!(bobs, [Reply { client: 2, seq: 1, result: Ok(105) }]);
}

#[test]
fn a_request_that_comes_late_is_neither_carried_out_nor_answered() {
    let mut server = started(Recovered::default());
    ask(&mut server, ALICE, deposit(1, 1, 100));
    ask(&mut server, ALICE, deposit(1, 2, 10));
    assert!(ask(&mut server, ALICE, deposit(1, 1, 100)).is_empty());
    assert_eq!(server.books().accounts, Accounts([(7, 110)].into()));
}

#[test]
fn nothing_is_answered_before_it_is_on_disk() {
    let mut server = started(Recovered::default());
    let request = deposit(1, 1, 100);
    let arrived = Event::Received { from: ALICE, message: Message::Request(request) };
    assert_eq!(tell(&mut server, arrived.clone()), [Effect::Write(Record::Request(request))]);
    assert!(tell(&mut server, arrived).is_empty(), "not even when it is asked for again");
    assert_eq!(tell(&mut server, Event::Drained), [Effect::Sync(Ticket(1))]);
    assert!(tell(&mut server, Event::Drained).is_empty());
    assert!(!replies(tell(&mut server, Event::Durable(Ticket(1)))).is_empty());
}

#[test]
fn after_a_failed_sync_nothing_is_answered_any_more() {
    let mut server = started(Recovered::default());
    tell(&mut server, Event::Received { from: ALICE, message: Message::Request(deposit(1, 1, 1)) });
    tell(&mut server, Event::Drained);
    tell(&mut server, Event::Failed(Ticket(1), Fault::Full));
    assert!(ask(&mut server, ALICE, deposit(1, 1, 1)).is_empty());
    assert!(ask(&mut server, BOB, deposit(2, 1, 1)).is_empty());
}

#[test]
fn a_request_of_the_log_that_is_in_the_snapshot_too_is_not_carried_out_again() {
    let mut before = started(Recovered::default());
    ask(&mut before, ALICE, deposit(1, 1, 100));
    let books = before.books().clone();
    let log = vec![deposit(1, 1, 100), deposit(1, 2, 10)];
    let mut after = started(Recovered { books, log });
    assert_eq!(after.books().accounts, Accounts([(7, 110)].into()));
    let again = ask(&mut after, ALICE, deposit(1, 2, 10));
    assert_eq!(again, [Reply { client: 1, seq: 2, result: Ok(110) }], "the restart forgot nothing");
}

#[test]
fn a_snapshot_holds_the_replies_as_well_as_the_accounts() {
    let mut server = AtMostOnce::new(1);
    tell(&mut server, Event::Started(Recovered::default()));
    tell(&mut server, Event::Received { from: ALICE, message: Message::Request(deposit(1, 1, 9)) });
    let books = tell(&mut server, Event::Drained).into_iter().find_map(|effect| match effect {
        Effect::Write(Record::Books(books)) => Some(books),
        _ => None,
    });
    let mut after = started(Recovered { books: books.expect("a snapshot"), log: Vec::new() });
    ask(&mut after, ALICE, deposit(1, 1, 9));
    assert_eq!(after.books().accounts, Accounts([(7, 9)].into()), "request 1 is not done twice");
}

/// Any machine of the bank's world.
pub(crate) type Party = Box<dyn Machine<Protocol = Bank>>;

/// Starts a bank's server over its disk.
pub(crate) fn open(boot: Boot, machine: Party) -> Result<Booted<Party>, Fault> {
    let (ledger, recovered) = Ledger::open(boot.files)?;
    Ok(Booted { machine, disk: Box::new(ledger), recovered })
}

/// What became of a life: why it is wrong, if it is.
type Audit = Result<(), String>;

/// A life of three customers and a bank to which everything happens, until the faults stop and
/// every customer has all replies. Then the balances must be what the replies say.
fn life(seed: u64, server: fn() -> Party) -> Audit {
    let mut dice = Dice::new(seed);
    let settings = Settings::rough(&mut dice);
    let mut world: World<Party> = World::new(seed, settings);
    world.add(BANK, move |boot| open(boot, server()));
    let mut orders = BTreeMap::new();
    for client in 1..=3 {
        let mine: Vec<Order> = (0..12).map(|_| order(client, &mut dice)).collect();
        orders.insert(client, mine.clone());
        world.add(NodeId::Client(client), move |boot| {
            open(boot, Box::new(Customer::new(client, BANK, mine.clone())))
        });
    }
    let mut replies = Vec::new();
    for _ in 0..60 {
        hurt(&mut world, &mut dice);
        let limit = world.now() + Duration::from_millis(dice.between(0, 80));
        run(&mut world, limit, &mut replies);
    }
    world.heal();
    *world.settings_mut() = Settings::default();
    let end = world.now() + Duration::from_secs(300);
    while replies.len() < 36 && world.now() < end {
        world.resume(BANK);
        world.restart(BANK);
        let limit = world.now() + Duration::from_secs(1);
        run(&mut world, limit, &mut replies);
    }
    audit(&orders, &replies)
}

/// Each customer has an account of its own, so that the balance tells its whole story.
fn order(account: u64, dice: &mut Dice) -> Order {
    match dice.below(5) {
        0 => Order::Balance { account },
        1 => Order::Withdraw { account, amount: dice.between(1, 100) },
        _ => Order::Deposit { account, amount: dice.between(1, 100) },
    }
}

fn hurt(world: &mut World<Party>, dice: &mut Dice) {
    let client = NodeId::Client(dice.between(1, 4));
    match dice.below(12) {
        0 => world.crash(BANK),
        1 | 2 => world.power_loss(BANK),
        3 => world.pause(BANK),
        4 => world.cut(client, BANK),
        5 => world.cut(BANK, client),
        6 => world.heal(),
        7 => world.files(BANK).fail(Operation::Sync, dice.between(1, 4) as u32),
        8 => world.files(BANK).lose_power_after(dice.between(1, 12)),
        9 => {
            let broken = dice.pick(&world.connections()).map(|connection| connection.0);
            broken.into_iter().for_each(|connection| world.reset(connection));
        }
        _ => {
            world.resume(BANK);
            world.restart(BANK);
        }
    }
}

fn run(world: &mut World<Party>, limit: Duration, replies: &mut Vec<Reply>) {
    while let Some(occurrence) = world.step_until(limit) {
        replies.extend(occurrence.answers);
        if occurrence.line.kind == Kind::Failed {
            world.crash(BANK);
            world.restart(BANK);
        }
    }
}

/// Replays each customer's orders by a model that has no faults, and compares the replies.
fn audit(orders: &BTreeMap<u64, Vec<Order>>, replies: &[Reply]) -> Audit {
    for (client, orders) in orders {
        let mut model = Accounts::default();
        let mine = replies.iter().filter(|reply| reply.client == *client);
        let expected = orders.iter().map(|order| model.apply(*order));
        let results: Vec<_> = mine.map(|reply| reply.result).collect();
        let expected: Vec<_> = expected.collect();
        if results != expected {
            return Err(format!("client {client} was told {results:?}, not {expected:?}"));
        }
    }
    Ok(())
}

#[test]
fn the_bank_carries_out_every_request_once_over_500_lives() {
    for seed in 0..500 {
        let audit = life(seed, || Box::new(AtMostOnce::new(5)));
        assert_eq!(audit, Ok(()), "seed {seed}");
    }
}

/// The first life in which a wrong server is caught.
fn caught(server: fn() -> Party) -> Option<u64> {
    (0..100).find(|seed| life(*seed, server).is_err())
}

#[test]
fn a_server_that_replies_before_the_disk_is_done_is_caught() {
    /// Believes that a sync is done as soon as it has been asked for.
    struct Hasty(AtMostOnce);

    impl Machine for Hasty {
        type Protocol = Bank;

        fn step(&mut self, event: Event<Bank>, effects: &mut Effects<Bank>) {
            self.0.step(event, effects);
            let syncs: Vec<Ticket> = effects
                .list()
                .iter()
                .filter_map(|effect| if let Effect::Sync(it) = effect { Some(*it) } else { None })
                .collect();
            syncs.into_iter().for_each(|ticket| self.0.step(Event::Durable(ticket), effects));
        }
    }

    assert!(caught(|| Box::new(Hasty(AtMostOnce::new(5)))).is_some());
}

#[test]
fn a_server_that_does_not_remember_whom_it_answered_is_caught() {
    /// Carries out everything that it is asked, in memory only.
    #[derive(Default)]
    struct Forgetful(Accounts);

    impl Machine for Forgetful {
        type Protocol = Bank;

        fn step(&mut self, event: Event<Bank>, effects: &mut Effects<Bank>) {
            if let Event::Received { from, message: Message::Request(request) } = event {
                let Request { client, seq, order } = request;
                let reply = Reply { client, seq, result: self.0.apply(order) };
                effects.send(from, Message::Reply(reply));
            }
        }
    }

    assert!(caught(|| Box::new(Forgetful::default())).is_some());
}

#[test]
fn a_server_that_goes_on_after_a_failed_sync_is_caught() {
    /// Does not hear that its disk failed, and takes the next success for its own.
    struct Deaf(AtMostOnce);

    impl Machine for Deaf {
        type Protocol = Bank;

        fn step(&mut self, event: Event<Bank>, effects: &mut Effects<Bank>) {
            match event {
                Event::Failed(ticket, _) => self.0.step(Event::Durable(ticket), effects),
                other => self.0.step(other, effects),
            }
        }
    }

    assert!(caught(|| Box::new(Deaf(AtMostOnce::new(5)))).is_some());
}
