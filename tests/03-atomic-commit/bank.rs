//! Accounts and locks; and the log in which they are kept.

use atomic_commit::{Bank, Change, Commit, Log, Message, Outcome, Record, Refused, Told, Txn};
use machines::{Dice, Disk, Effect, Effects, Fault, Files, NodeId, SimFiles};

const FIRST: Txn = Txn { application: 1, number: 1 };
const SECOND: Txn = Txn { application: 2, number: 1 };

fn work(bank: &mut Bank, txn: Txn, changes: &[(u64, i64)]) -> Result<Vec<Effect<Commit>>, Refused> {
    let change = |(account, amount): &(u64, i64)| Change { account: *account, amount: *amount };
    let changes: Vec<Change> = changes.iter().map(change).collect();
    let mut effects = Effects::new();
    bank.work(txn, &changes, &mut effects)?;
    Ok(effects.drain().collect())
}

fn end(bank: &mut Bank, txn: Txn, outcome: Outcome) -> (Vec<Txn>, Vec<Effect<Commit>>) {
    let mut effects = Effects::new();
    let refused = bank.end(txn, outcome, &mut effects);
    (refused, effects.drain().collect())
}

fn worked(effects: &[Effect<Commit>], txn: Txn) -> bool {
    effects.contains(&Effect::Send { to: txn.client(), message: Message::Worked(txn) })
}

#[test]
fn changes_are_set_aside_until_the_transaction_commits() {
    let mut bank = Bank::new([(1, 100)]);
    let effects = work(&mut bank, FIRST, &[(1, -30)]).expect("there is enough");
    assert!(worked(&effects, FIRST));
    assert_eq!((bank.balance(1), bank.holder(1)), (100, Some(FIRST)));
    end(&mut bank, FIRST, Outcome::Commit);
    assert_eq!((bank.balance(1), bank.holder(1)), (70, None));
}

#[test]
fn an_abort_changes_nothing() {
    let mut bank = Bank::new([(1, 100)]);
    work(&mut bank, FIRST, &[(1, -30)]).expect("there is enough");
    end(&mut bank, FIRST, Outcome::Abort);
    assert_eq!((bank.balance(1), bank.holder(1)), (100, None));
}

#[test]
fn a_transaction_has_all_its_locks_or_none() {
    let mut bank = Bank::new([(1, 100), (2, 100)]);
    work(&mut bank, FIRST, &[(2, 5)]).expect("there is enough");
    let effects = work(&mut bank, SECOND, &[(1, -5), (2, -5)]).expect("it may come to that");
    assert_eq!(effects[0], Effect::Answer(Told::Waits(SECOND, 2, FIRST)));
    assert_eq!(bank.holder(1), None, "who waits holds nothing");
    let (refused, effects) = end(&mut bank, FIRST, Outcome::Commit);
    assert!(refused.is_empty() && worked(&effects, SECOND));
    assert_eq!((bank.holder(1), bank.holder(2)), (Some(SECOND), Some(SECOND)));
}

#[test]
fn who_waited_for_money_that_is_gone_is_refused() {
    let mut bank = Bank::new([(1, 100)]);
    work(&mut bank, FIRST, &[(1, -80)]).expect("there is enough");
    work(&mut bank, SECOND, &[(1, -30)]).expect("it may come to that");
    assert_eq!(end(&mut bank, FIRST, Outcome::Commit).0, [SECOND]);
    assert_eq!(work(&mut bank, SECOND, &[(1, -30)]), Err(Refused));
}

fn records() -> Vec<Record> {
    let (coordinator, resources) = (NodeId::Server(1), vec![NodeId::Server(2), NodeId::Server(3)]);
    let changes = vec![Change { account: 1, amount: -30 }, Change { account: 2, amount: 5 }];
    vec![
        Record::Prepared { txn: FIRST, coordinator, resources: resources.clone(), changes },
        Record::PreCommitted(FIRST),
        Record::Committed(FIRST),
        Record::Aborted(SECOND),
        Record::Commit { txn: SECOND, resources: resources.clone() },
        Record::End(SECOND),
        Record::Prepared { txn: SECOND, coordinator, resources, changes: Vec::new() },
    ]
}

#[test]
fn records_are_read_as_they_are_written() {
    for record in records() {
        assert_eq!(record.to_string().parse(), Ok(record));
    }
    for line in ["", "prepared", "prepared 1 by 1 at 2 changes ", "committed 1", "end 1.x"] {
        assert_eq!(line.parse::<Record>(), Err(()), "{line}");
    }
}

#[test]
fn a_log_gives_back_what_was_forced_and_of_the_rest_a_beginning() {
    for seed in 0..200 {
        let files = SimFiles::new();
        let (mut log, found) = Log::open::<Record>(files.clone()).expect("it is empty");
        assert!(found.is_empty());
        let mut dice = Dice::new(seed);
        let forced = dice.below(records().len());
        for (index, record) in records().into_iter().enumerate() {
            Disk::<Commit>::write(&mut log, record).expect("there is room");
            if index + 1 == forced {
                Disk::<Commit>::sync(&mut log).expect("the disk works");
            }
        }
        files.power_loss(&mut dice);
        let (_, found) = Log::open::<Record>(files.clone()).expect("a torn end is no damage");
        assert!(found.len() >= forced, "seed {seed}: {forced} forced, {} found", found.len());
        assert_eq!(found, records()[..found.len()], "seed {seed}");
        assert_eq!(Log::peek::<Record>(&files), Ok(found), "seed {seed}");
    }
}

#[test]
fn a_whole_line_that_says_nothing_is_damage() {
    let mut files = SimFiles::new();
    let (mut log, _) = Log::open::<Record>(files.clone()).expect("it is empty");
    let order = atomic_commit::outbox::Entry::Arrived(3);
    Disk::<atomic_commit::outbox::Outbox>::write(&mut log, order).expect("there is room");
    let damage = Log::open::<Record>(files.clone()).map(|_| ());
    assert!(matches!(damage, Err(Fault::Broken(_))), "{damage:?}");
    files.set_len("log", 5).expect("it can be cut");
    assert!(Log::open::<Record>(files).is_ok(), "half a line is a torn end");
}
