//! The disk of a server of the store: one file, replaced as a whole.
//!
//! The new content is written beside the old one and takes its name when it is forced, so that
//! after a loss of power there is the one or the other, and never something between.
//!
//! Always true: after [`Disk::sync`] the last content written is recovered, whatever the power does.
//!
//! Book: chapter 2.

use std::convert::Infallible;

use machines::{Disk, Fault, Files, SimFiles};

use crate::store::{Content, Store, Version};

const CONTENT: &str = "content";
const NEW: &str = "content.new";

/// Three numbers of eight bytes: counter, server, value.
const LENGTH: usize = 24;

/// Carries out a server's writes.
#[derive(Debug)]
pub struct Shelf {
    files: SimFiles,
}

impl Shelf {
    /// Opens the disk and says what it holds. That is forced once more: after a sync that failed,
    /// reads show what the disk may not have.
    pub fn open(mut files: SimFiles) -> Result<(Shelf, Content), Fault> {
        if !files.exists(CONTENT)? {
            return Ok((Shelf { files }, Content::default()));
        }
        let mut bytes = [0; LENGTH];
        let count = files.read(CONTENT, 0, &mut bytes)?;
        if count < LENGTH {
            return Err(Fault::Broken(format!("{CONTENT} has {count} bytes, not {LENGTH}")));
        }
        files.sync(CONTENT)?;
        files.sync_names()?;
        Ok((Shelf { files }, decode(&bytes)))
    }
}

impl Disk<Store> for Shelf {
    fn write(&mut self, content: Content) -> Result<(), Fault> {
        self.files.set_len(NEW, 0)?;
        self.files.write(NEW, 0, &encode(content))?;
        // Before it has the name, or the name could survive the bytes.
        self.files.sync(NEW)?;
        self.files.rename(NEW, CONTENT)
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.files.sync_names()
    }

    fn fetch(&mut self, never: Infallible) -> Result<Infallible, Fault> {
        match never {}
    }
}

fn encode(Content { version: Version { counter, server }, value }: Content) -> Vec<u8> {
    [counter, server, value].map(u64::to_be_bytes).concat()
}

fn decode(bytes: &[u8; LENGTH]) -> Content {
    let number = |index: usize| {
        let eight = &bytes[8 * index..8 * index + 8];
        eight.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte))
    };
    Content { version: Version { counter: number(0), server: number(1) }, value: number(2) }
}
