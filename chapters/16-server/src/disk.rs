//! From files to a server: recovery as this chapter uses it, and the disk that carries out what the
//! machine wants written.

use machines::{Disk, Fault, Files};
use storage::{Damage, Fetch, Fetched, Note, Replay, Store, Write};
use zab::Health;

use crate::recovered::Recovered;
use crate::settings::Settings;
use crate::state::State;
use crate::vocabulary::Zk;

impl<F: Files> Disk<Zk> for Store<F> {
    fn write(&mut self, write: Write) -> Result<(), Fault> {
        Store::write(self, write)
    }

    fn sync(&mut self) -> Result<(), Fault> {
        Store::sync(self)
    }

    fn fetch(&mut self, fetch: Fetch) -> Result<Fetched, Fault> {
        Store::fetch(self, fetch)
    }
}

/// What a server starts with: what its disk held, the disk itself, and what recovery put right.
pub type Opened<F> = (Recovered, Store<F>, Vec<Note>);

/// Recovers a server from its files. If it stands alone, all that is in the log is committed. If it
/// is a member of an ensemble, only its leader can say, and the log stays where it is; and if a part
/// of it is damaged, the leader can replace it.
pub fn open<F: Files>(
    files: F,
    storage: storage::Settings,
    settings: &Settings,
) -> Result<Opened<F>, Damage> {
    let mut fresh = || State::new(settings.seed, settings.extended_types);
    let (found, mut store) = match settings.ensemble {
        Some(_) => storage::recover_member(files, storage, &mut fresh)?,
        None => storage::recover(files, storage, Replay::All, &mut fresh)?,
    };
    let found_epochs = (found.accepted_epoch, found.current_epoch);
    let health = Health::found(found.convalescent, found.accepted_epoch);
    let storage::Recovered { mut state, snapshot, tail, last, notes, .. } = found;
    let same_epoch = last.epoch() == snapshot.epoch();
    let before = if same_epoch { snapshot.counter() } else { 0 };
    let replayed = u64::from(last.counter().saturating_sub(before));
    let member = match settings.ensemble {
        None => {
            state.last = last;
            None
        }
        Some(_) => {
            state.last = snapshot;
            let (accepted, current) = storage::epochs(last, found_epochs.0, found_epochs.1)?;
            // That a promise is forgotten is known by its absence.
            if found_epochs != (Some(accepted), Some(current)) && health != Health::Forgetful {
                let writes = [Write::AcceptedEpoch(accepted), Write::CurrentEpoch(current)];
                for write in writes {
                    store.write(write).map_err(Damage::Disk)?;
                }
                store.sync().map_err(Damage::Disk)?;
            }
            Some(zab::Recovered { accepted, current, applied: snapshot, tail, health })
        }
    };
    let (mut data_bytes, mut log_bytes) = (0, 0);
    for name in store.files().names().map_err(Damage::Disk)? {
        let length = store.files().len(&name).map_err(Damage::Disk)?;
        *if storage::names::lies_with_logs(&name) { &mut log_bytes } else { &mut data_bytes } +=
            length;
    }
    let recovered = Recovered { state, snapshot, member, replayed, data_bytes, log_bytes };
    Ok((recovered, store, notes))
}
