//! A state small enough to be compared at a glance, and short ways to fill a disk.

use std::collections::BTreeMap;

use bytes::Bytes;
use jute::records::{StatPersisted, TxnHeader};
use machines::{Files, SimFiles};
use storage::{
    Damage, Entry, Recovered, Replay, Settings, SnapshotReader, State, Store, Write, recover,
};
use zxid::Zxid;

/// Names with values, as nodes without children.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Toy {
    pub(crate) nodes: BTreeMap<String, Vec<u8>>,
}

impl State for Toy {
    fn load(&mut self, body: &mut SnapshotReader<'_>) -> Result<(), Damage> {
        for _ in 0..body.count()? {
            body.session()?;
        }
        for _ in 0..body.count()? {
            body.acl()?;
        }
        while let Some(node) = body.node()? {
            if !node.path.is_empty() {
                self.nodes.insert(node.path.to_string(), node.data.unwrap_or_default().to_vec());
            }
        }
        Ok(())
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), Damage> {
        let text = String::from_utf8_lossy(&entry.payload[32..]).into_owned();
        match text.split_once('=') {
            Some((name, value)) => {
                self.nodes.insert(name.to_string(), value.as_bytes().to_vec());
            }
            None => {
                self.nodes.remove(&text);
            }
        }
        Ok(())
    }

    fn save(&self) -> Vec<u8> {
        let mut body = before_nodes();
        self.nodes.iter().for_each(|(path, data)| add_node(&mut body, path, data));
        body.extend([0, 0, 0, 1, b'/']);
        body
    }

    fn digest(&self) -> Option<u64> {
        let bytes = self.nodes.iter().flat_map(|(name, value)| name.bytes().chain(value.clone()));
        Some(bytes.fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))))
    }
}

/// No sessions, no lists, and the root.
pub(crate) fn before_nodes() -> Vec<u8> {
    let mut body = vec![0; 8];
    add_node(&mut body, "", b"");
    body
}

pub(crate) fn add_node(body: &mut Vec<u8>, path: &str, data: &[u8]) {
    jute::append(body, &path);
    jute::append(body, &serde_bytes::Bytes::new(data));
    jute::append(body, &-1i64);
    jute::append(body, &StatPersisted::default());
}

/// An entry of so many bytes that does one thing: `name=value`, or `name` to remove it.
pub(crate) fn entry(zxid: Zxid, what: &str) -> Entry {
    let mut payload = jute::to_vec(&TxnHeader { zxid, op: 5, ..TxnHeader::default() });
    payload.extend_from_slice(what.as_bytes());
    Entry { zxid, payload: Bytes::from(payload) }
}

/// The `n`th entry of epoch 1: it sets one of ten names, to a value of a length of its own.
pub(crate) fn nth(n: u32) -> Entry {
    let value = format!("{n}-{}", "x".repeat((n as usize * 37) % 90));
    entry(Zxid::new(1, n), &format!("/{}={value}", n % 10))
}

pub(crate) fn small() -> Settings {
    Settings { preallocate: 1024, ..Settings::default() }
}

pub(crate) fn open(files: &SimFiles) -> (Recovered<Toy>, Store<SimFiles>) {
    open_with(files, small(), Replay::All).unwrap_or_else(|damage| panic!("{damage}"))
}

pub(crate) fn open_with(
    files: &SimFiles,
    settings: Settings,
    replay: Replay,
) -> Result<(Recovered<Toy>, Store<SimFiles>), Damage> {
    recover(files.clone(), settings, replay, &mut Toy::default)
}

/// Why the files cannot be opened.
pub(crate) fn refusal(files: &SimFiles) -> Option<Damage> {
    open_with(files, small(), Replay::All).err()
}

/// The entries that are on disk after the snapshot.
pub(crate) fn tail(files: &SimFiles) -> Vec<Entry> {
    let opened = open_with(files, small(), Replay::None);
    opened.unwrap_or_else(|damage| panic!("{damage}")).0.tail
}

pub(crate) fn append(store: &mut Store<SimFiles>, numbers: impl IntoIterator<Item = u32>) {
    for n in numbers {
        store.write(Write::Append(nth(n))).unwrap();
    }
    store.sync().unwrap();
}

/// The state after the first `n` entries.
pub(crate) fn state_after(n: u32) -> Toy {
    let mut toy = Toy::default();
    (1..=n).for_each(|n| toy.apply(&nth(n)).unwrap());
    toy
}

/// Writes a snapshot of a state.
pub(crate) fn snapshot(store: &mut Store<SimFiles>, zxid: Zxid, state: &Toy) {
    for write in snapshot_writes(zxid, state) {
        store.write(write).unwrap();
    }
    store.sync().unwrap();
}

pub(crate) fn snapshot_writes(zxid: Zxid, state: &Toy) -> Vec<Write> {
    let body = state.save();
    let mut writes = vec![Write::BeginSnapshot { zxid }];
    writes
        .extend(body.chunks(400).map(|piece| Write::SnapshotBytes(Bytes::copy_from_slice(piece))));
    writes.push(Write::EndSnapshot { digest: state.digest().map(|digest| (zxid, digest)) });
    writes
}

pub(crate) fn bytes_of(files: &SimFiles, name: &str) -> Vec<u8> {
    let mut bytes = vec![0; files.len(name).unwrap() as usize];
    let read = files.read(name, 0, &mut bytes).unwrap();
    assert_eq!(read, bytes.len(), "a simulated file is read at once");
    bytes
}

/// Puts a file on a disk, durably.
pub(crate) fn put(files: &SimFiles, name: &str, bytes: &[u8]) {
    let mut files = files.clone();
    files.set_len(name, 0).unwrap();
    files.write(name, 0, bytes).unwrap();
    files.sync(name).unwrap();
    files.sync_names().unwrap();
}

pub(crate) fn everything(files: &SimFiles) -> BTreeMap<String, Vec<u8>> {
    let names = files.names().unwrap();
    names.into_iter().map(|name| (name.clone(), bytes_of(files, &name))).collect()
}
