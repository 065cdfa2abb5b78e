//! A machine that is overheard: all bytes that it sends to clients or servers are kept.
//!
//! The trace knows bytes by their number and checksum only, so this is where their words come from.
//!
//! Always true: the machine is told everything, and all it wants is done.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use machines::{Boot, Booted, Effect, Effects, Event, Fault, Machine};

use crate::anyone::Anyone;
use crate::vocabulary::{Message, Sim};

/// What was said, by what the trace calls it.
pub(super) type Said = Rc<RefCell<BTreeMap<String, Bytes>>>;

/// A machine, and who keeps what it says.
pub(super) struct Overheard {
    pub(super) anyone: Anyone,
    said: Said,
}

/// Starts a machine that is overheard.
pub(super) fn overheard(
    mut boot: impl FnMut(Boot) -> Result<Booted<Anyone>, Fault> + 'static,
    said: Said,
) -> impl FnMut(Boot) -> Result<Booted<Overheard>, Fault> + 'static {
    move |process| {
        let Booted { machine: anyone, disk, recovered } = boot(process)?;
        Ok(Booted { machine: Overheard { anyone, said: said.clone() }, disk, recovered })
    }
}

impl Overheard {
    /// Keeps the bytes among what a machine wants done.
    pub(super) fn listen(&self, effects: &Effects<Sim>) {
        let mut said = self.said.borrow_mut();
        for effect in effects.list() {
            if let Effect::Send { message: message @ Message::Chunk(bytes), .. } = effect {
                said.insert(message.to_string(), bytes.clone());
            }
        }
    }
}

impl Machine for Overheard {
    type Protocol = Sim;

    fn step(&mut self, event: Event<Sim>, effects: &mut Effects<Sim>) {
        self.anyone.step(event, effects);
        self.listen(effects);
    }
}
