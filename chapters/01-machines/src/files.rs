//! Files and the disk queue, as a host offers them to the code that stores things.
//!
//! Two traits meet here. [`Files`] is what an operating system gives: named files in one folder,
//! none of which is safe until it is synced, and whose names are not safe until the folder is.
//! [`Disk`] is what a chapter makes of it: it carries out the writes of a protocol, in order.
//!
//! Always true:
//! - what was not synced may be lost, in part or whole, when the power goes;
//! - a `Disk` is used by one thread, in the order in which a machine gave its effects.

use crate::machine::{Fault, Protocol};

/// The files of one server: named, in one folder, with nothing below it.
pub trait Files {
    /// The names of all files, sorted.
    fn names(&self) -> Result<Vec<String>, Fault>;

    /// Whether there is a file of this name.
    fn exists(&self, name: &str) -> Result<bool, Fault> {
        Ok(self.names()?.iter().any(|other| other == name))
    }

    /// A file's length in bytes.
    fn len(&self, name: &str) -> Result<u64, Fault>;

    /// Reads into `into` from byte `at` on; says how many bytes there were (0 at the end).
    fn read(&self, name: &str, at: u64, into: &mut [u8]) -> Result<usize, Fault>;

    /// Writes bytes from byte `at` on. The file is created if it is missing, and a gap is zeros.
    fn write(&mut self, name: &str, at: u64, bytes: &[u8]) -> Result<(), Fault>;

    /// Cuts a file to `len` bytes, or lengthens it with zeros; creates it if it is missing.
    fn set_len(&mut self, name: &str, len: u64) -> Result<(), Fault>;

    /// Gives a file another name, in place of the file that had it.
    fn rename(&mut self, from: &str, to: &str) -> Result<(), Fault>;

    /// Removes a file. It is no fault if there is none.
    fn remove(&mut self, name: &str) -> Result<(), Fault>;

    /// Forces a file's bytes and length to the disk; not its name.
    fn sync(&mut self, name: &str) -> Result<(), Fault>;

    /// Forces the folder to the disk: the names given, changed and removed so far.
    fn sync_names(&mut self) -> Result<(), Fault>;
}

/// Carries out the writes of a protocol, one after another.
pub trait Disk<P: Protocol> {
    /// Carries out one write. Nothing of it is safe before [`Disk::sync`].
    fn write(&mut self, write: P::Write) -> Result<(), Fault>;

    /// Forces every write so far to the disk, in all files.
    fn sync(&mut self) -> Result<(), Fault>;

    /// Answers a question.
    fn fetch(&mut self, fetch: P::Fetch) -> Result<P::Fetched, Fault>;
}
