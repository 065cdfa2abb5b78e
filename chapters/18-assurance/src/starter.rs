//! Starts a server, the first time and after every end, and tries out what its disk is worth.
//!
//! Always true: what is tried is tried on a copy.

use std::cell::RefCell;
use std::rc::Rc;

use machines::{Boot, Booted, Dice, Disk, Fault, NodeId, SimFiles};
use server::Server;

use crate::anyone::{Anyone, ServerHost};
use crate::invariants::{Verdict, durability};
use crate::story::Dark;
use crate::vocabulary::{Found, Sim};
use crate::witness::Witness;

/// How a refusal to start begins if what is on the disk is the reason, and not the disk.
const DAMAGE: &str = "damaged: ";

/// Starts one server.
pub(crate) struct Starter {
    number: u64,
    server: server::Settings,
    storage: storage::Settings,
    witness: Rc<RefCell<Witness>>,
    dark: Dark,
    /// What recovery found out about itself, when it was tried twice.
    again: RefCell<Verdict>,
}

impl Starter {
    pub(crate) fn new(
        number: u64,
        server: server::Settings,
        storage: storage::Settings,
        witness: Rc<RefCell<Witness>>,
        dark: Dark,
    ) -> Starter {
        Starter { number, server, storage, witness, dark, again: RefCell::new(Ok(())) }
    }

    /// Starts the server.
    pub(crate) fn start(&self, boot: Boot) -> Result<Booted<Anyone>, Fault> {
        let before = boot.files.copy();
        let (recovered, store, _) = self.open(boot.files)?;
        let interrupted = self.interrupted(before, boot.seed);
        let repeated = self.repeated(store.files().copy(), &recovered);
        *self.again.borrow_mut() = durability::recovers_the_same(interrupted.or(repeated));
        let server = Server::new(self.server.clone());
        let power_lost = self.dark.borrow().contains(&NodeId::Server(self.number));
        let host = ServerHost::new(self.number, server, self.witness.clone(), power_lost);
        let recovered = Found::Server(Box::new(recovered));
        let queue = Queue { store, number: self.number, witness: self.witness.clone() };
        let machine = Anyone::Server(Box::new(host));
        Ok(Booted { machine, disk: Box::new(queue), recovered })
    }

    /// Whether recovery held what it must when it was last tried.
    pub(crate) fn verdict(&self) -> Verdict {
        self.again.borrow().clone()
    }

    /// Recovers once more from a copy: what is found must be the same. Says what is not.
    fn repeated(&self, files: SimFiles, found: &server::Recovered) -> Option<String> {
        match self.open(files) {
            Ok((again, _, _)) if again.state == found.state && again.member == found.member => None,
            Ok((again, _, _)) => Some(format!("{:?}, not {:?}", again.state, found.state)),
            // The faults that are to come come to the copy too.
            Err(fault) => refusal(&fault.to_string()).map(str::to_owned),
        }
    }

    /// Recovers from a copy whose power goes on the way, and then again: nothing that counts may
    /// be missing. Says what is.
    fn interrupted(&self, files: SimFiles, seed: u64) -> Option<String> {
        let mut dice = Dice::new(seed);
        files.lose_power_after(dice.between(0, 12));
        if self.open(files.clone()).is_err() {
            files.power_loss(&mut dice);
        }
        match self.open(files) {
            Ok((again, _, _)) => {
                let verdict = self.witness.borrow().may_start_from(self.number, &again, true);
                verdict.err().map(|broken| broken.what)
            }
            Err(fault) => refusal(&fault.to_string()).map(str::to_owned),
        }
    }

    /// Tries on a copy what would be left if the power went now.
    pub(crate) fn would_survive(&self, files: &SimFiles, dice: &mut Dice) -> Verdict {
        let files = files.copy();
        files.power_loss(dice);
        files.leave_room(None);
        match self.open(files) {
            Ok((found, _, _)) => self.witness.borrow().may_start_from(self.number, &found, true),
            Err(fault) => durability::starts_again(refusal(&fault.to_string())),
        }
    }

    fn open(&self, files: SimFiles) -> Result<server::Opened<SimFiles>, Fault> {
        server::open(files, self.storage, &self.server).map_err(|damage| match damage {
            storage::Damage::Disk(fault) => fault,
            damage => Fault::Broken(format!("{DAMAGE}{damage}")),
        })
    }
}

/// Why a server refuses to start, if its disk works.
pub(crate) fn refusal(text: &str) -> Option<&str> {
    text.split_once(DAMAGE).map(|(_, why)| why)
}

/// A server's disk, under the witness's eyes.
struct Queue {
    store: storage::Store<SimFiles>,
    number: u64,
    witness: Rc<RefCell<Witness>>,
}

impl Disk<Sim> for Queue {
    fn write(&mut self, write: storage::Write) -> Result<(), Fault> {
        self.witness.borrow_mut().carries_out(self.number, &write);
        self.store.write(write)
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.store.sync()?;
        self.witness.borrow_mut().has_forced(self.number);
        Ok(())
    }

    fn fetch(&mut self, fetch: storage::Fetch) -> Result<storage::Fetched, Fault> {
        self.witness.borrow_mut().looks_up();
        self.store.fetch(fetch)
    }
}
