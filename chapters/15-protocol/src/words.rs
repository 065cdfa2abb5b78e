//! Four-letter words: what operators ask a server over a bare connection.
//!
//! A word is recognised only as the first four bytes of a connection, before any frame. The answer
//! is plain text, after which the server closes. ZooKeeper: `FourLetterCommands`.

use std::fmt;

/// A question of four letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// The configuration.
    Conf,
    /// Every connection, at length.
    Cons,
    /// Reset the statistics of the connections.
    Crst,
    /// How large the data directories are.
    Dirs,
    /// Sessions and ephemeral nodes.
    Dump,
    /// The environment of the process.
    Envi,
    /// The trace mask.
    Gtmk,
    /// Are you ok?
    Ruok,
    /// Set the trace mask to this.
    Stmk(i64),
    /// The server, without its connections.
    Srvr,
    /// Reset the statistics of the server.
    Srst,
    /// The server, with its connections.
    Stat,
    /// Watches by session.
    Wchc,
    /// Watches by path.
    Wchp,
    /// How many watches there are.
    Wchs,
    /// Everything that can be measured.
    Mntr,
    /// Is the server read-only?
    Isro,
    /// Recent digests of the tree.
    Hash,
    /// A telnet client was interrupted.
    TelnetClose,
}

impl Word {
    /// Every word, with the four bytes that ask for it.
    pub const ALL: [([u8; 4], Word); 19] = [
        (*b"conf", Word::Conf),
        (*b"cons", Word::Cons),
        (*b"crst", Word::Crst),
        (*b"dirs", Word::Dirs),
        (*b"dump", Word::Dump),
        (*b"envi", Word::Envi),
        (*b"gtmk", Word::Gtmk),
        (*b"ruok", Word::Ruok),
        (*b"stmk", Word::Stmk(0)),
        (*b"srvr", Word::Srvr),
        (*b"srst", Word::Srst),
        (*b"stat", Word::Stat),
        (*b"wchc", Word::Wchc),
        (*b"wchp", Word::Wchp),
        (*b"wchs", Word::Wchs),
        (*b"mntr", Word::Mntr),
        (*b"isro", Word::Isro),
        (*b"hash", Word::Hash),
        ([0xff, 0xf4, 0xff, 0xfd], Word::TelnetClose),
    ];

    /// The word of four bytes. The mask of `stmk` is in the eight bytes that follow.
    pub fn parse(bytes: [u8; 4]) -> Option<Word> {
        Self::ALL.into_iter().find(|(name, _)| *name == bytes).map(|(_, word)| word)
    }

    /// Its name, as white lists and refusals write it.
    pub fn name(self) -> &'static str {
        match self {
            Word::Conf => "conf",
            Word::Cons => "cons",
            Word::Crst => "crst",
            Word::Dirs => "dirs",
            Word::Dump => "dump",
            Word::Envi => "envi",
            Word::Gtmk => "gtmk",
            Word::Ruok => "ruok",
            Word::Stmk(_) => "stmk",
            Word::Srvr => "srvr",
            Word::Srst => "srst",
            Word::Stat => "stat",
            Word::Wchc => "wchc",
            Word::Wchp => "wchp",
            Word::Wchs => "wchs",
            Word::Mntr => "mntr",
            Word::Isro => "isro",
            Word::Hash => "hash",
            Word::TelnetClose => "telnet close",
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name())
    }
}
