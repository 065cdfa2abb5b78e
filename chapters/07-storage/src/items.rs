//! The body of a snapshot as items: sessions, access control lists, nodes, and the end.
//!
//! A body comes from a file, or from a leader over the network, in pieces of any size. Whoever has
//! the bytes asks for the next item; if it is not all there, he asks again when he has more.
//!
//! Always true:
//! - an item is given when it is all there, and borrows from the bytes it was given from;
//! - nothing is allocated because a length says so, and what says that it is longer than the bound
//!   is an error at once;
//! - a list that comes one byte at a time is not gone through again for each of them.
//!
//! Book: chapter 7. ZooKeeper: `SerializeUtils.deserializeSnapshot`, `DataTree.deserialize`.

use std::fmt;

use jute::records::{Acl, StatPersisted};
use zxid::{SessionId, Zxid};

/// What a body consists of, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Item<'a> {
    /// A session, and its timeout in ms.
    Session(SessionId, i32),
    /// An access control list, and the number that nodes name it by.
    Acl(i64, Vec<Acl>),
    /// A node. Parents come before their children.
    Node(Node<'a>),
    /// There are no more.
    End,
}

/// A node as it is in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node<'a> {
    /// Its path. The root's is empty.
    pub path: &'a str,
    /// Its data.
    pub data: Option<&'a [u8]>,
    /// Which of the snapshot's access control lists is its; -1 for the open one.
    pub acl: i64,
    /// The rest.
    pub stat: StatPersisted,
}

/// Why bytes can be no item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadItem {
    /// A count is negative.
    Count(i32),
    /// A length is negative.
    Length(i32),
    /// A path is null.
    NoPath,
    /// A path is not UTF-8.
    Path,
    /// Something has more bytes than it may.
    TooLong(usize),
    /// An access control list cannot be read.
    Acl(jute::Error),
}

/// Cuts a body into its items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Items {
    longest: usize,
    expects: Expects,
    /// Without so many bytes there is no use in looking for the next item.
    need: usize,
}

/// What comes next, and how many are left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expects {
    Sessions,
    Session(usize),
    Acls,
    Acl(usize),
    Node,
    Nothing,
}

/// The bytes of a node's list number and stat.
const NODE_TAIL: usize = 68;

impl Items {
    /// At the beginning of a body, of which no text, no data and no list has more than `longest`
    /// bytes.
    pub fn new(longest: usize) -> Items {
        Items { longest, expects: Expects::Sessions, need: 0 }
    }

    /// Whether the end was given.
    pub fn is_ended(&self) -> bool {
        self.expects == Expects::Nothing
    }

    /// Takes the next item from the front of `bytes`; nothing if it is not all there, or after the
    /// end.
    pub fn next<'b>(&mut self, bytes: &mut &'b [u8]) -> Result<Option<Item<'b>>, BadItem> {
        while let Some(whole) = self.cut(bytes)? {
            match self.expects {
                Expects::Sessions => self.expect_session(count(whole)?),
                Expects::Session(left) => {
                    self.expect_session(left - 1);
                    let session = SessionId(i64::from_be_bytes(array(whole, 0)));
                    return Ok(Some(Item::Session(session, int(whole, 8))));
                }
                Expects::Acls => self.expect_acl(count(whole)?),
                Expects::Acl(left) => {
                    self.expect_acl(left - 1);
                    let (number, list) = jute::from_slice(whole).map_err(BadItem::Acl)?;
                    return Ok(Some(Item::Acl(number, list)));
                }
                Expects::Node => {
                    let node = Node::read(whole)?;
                    if node.is_none() {
                        self.expects = Expects::Nothing;
                    }
                    return Ok(Some(node.map_or(Item::End, Item::Node)));
                }
                Expects::Nothing => panic!("nothing is cut after the end"),
            }
        }
        Ok(None)
    }

    fn expect_session(&mut self, left: usize) {
        self.expects = if left > 0 { Expects::Session(left) } else { Expects::Acls };
    }

    fn expect_acl(&mut self, left: usize) {
        self.expects = if left > 0 { Expects::Acl(left) } else { Expects::Node };
    }

    /// The bytes of what comes next, if they are all there.
    fn cut<'b>(&mut self, bytes: &mut &'b [u8]) -> Result<Option<&'b [u8]>, BadItem> {
        if bytes.len() < self.need {
            return Ok(None);
        }
        let length = match self.expects {
            Expects::Sessions | Expects::Acls => 4,
            Expects::Session(_) => 12,
            Expects::Acl(_) => acl_length(bytes, self.longest)?,
            Expects::Node => Node::length(bytes, self.longest)?,
            Expects::Nothing => return Ok(None),
        };
        let Some((whole, rest)) = bytes.split_at_checked(length) else {
            self.need = length;
            return Ok(None);
        };
        self.need = 0;
        *bytes = rest;
        Ok(Some(whole))
    }
}

impl<'a> Node<'a> {
    /// How many bytes the node has at the front of these, or the path `/` that ends all nodes, as
    /// far as can be told. It is all there if there are so many.
    #[inline]
    pub(crate) fn length(bytes: &[u8], longest: usize) -> Result<usize, BadItem> {
        let path = match piece(bytes, 0, longest)? {
            Piece::Ends(end) if end > bytes.len() => return Ok(end),
            Piece::Ends(end) if bytes[4..end] == *b"/" => return Ok(end),
            Piece::Ends(end) => end,
            Piece::Null => return Err(BadItem::NoPath),
        };
        match piece(bytes, path, longest)? {
            Piece::Ends(end) => Ok(end.saturating_add(NODE_TAIL)),
            Piece::Null => Ok(path + 4 + NODE_TAIL),
        }
    }

    /// The node that these bytes are; nothing if they are the end.
    #[inline]
    pub(crate) fn read(whole: &'a [u8]) -> Result<Option<Node<'a>>, BadItem> {
        let path = 4 + int(whole, 0) as usize;
        if path == whole.len() {
            return Ok(None);
        }
        let tail = whole.len() - NODE_TAIL;
        Ok(Some(Node {
            path: std::str::from_utf8(&whole[4..path]).map_err(|_| BadItem::Path)?,
            data: if int(whole, path) == -1 { None } else { Some(&whole[path + 4..tail]) },
            acl: i64::from_be_bytes(array(whole, tail)),
            stat: stat(whole, tail + 8),
        }))
    }
}

/// How many bytes a numbered list has at the front of these, as far as can be told.
fn acl_length(bytes: &[u8], longest: usize) -> Result<usize, BadItem> {
    let mut end = 12;
    if bytes.len() < end {
        return Ok(end);
    }
    // A negative count is a list of none, as jute has it.
    let mut left = usize::try_from(int(bytes, 8)).unwrap_or(0);
    while left > 0 && end <= bytes.len() {
        end += 4;
        for _text in ["scheme", "id"] {
            end = match piece(bytes, end, longest)? {
                Piece::Ends(end) => end,
                Piece::Null => end + 4,
            };
        }
        left -= 1;
        // Each of those that are left has its permissions and two lengths at least.
        let least = end.saturating_add(12 * left);
        if least > longest.saturating_add(12) {
            return Err(BadItem::TooLong(least));
        }
    }
    Ok(end + 12 * left)
}

/// A text or buffer.
enum Piece {
    /// It ends before this byte, as far as can be told.
    Ends(usize),
    Null,
}

/// The text or buffer whose length is at `at`.
#[inline]
fn piece(bytes: &[u8], at: usize, longest: usize) -> Result<Piece, BadItem> {
    if bytes.len() < at.saturating_add(4) {
        return Ok(Piece::Ends(at.saturating_add(4)));
    }
    match int(bytes, at) {
        -1 => Ok(Piece::Null),
        length if length < 0 => Err(BadItem::Length(length)),
        length if length as usize > longest => Err(BadItem::TooLong(length as usize)),
        length => Ok(Piece::Ends(at + 4 + length as usize)),
    }
}

fn count(bytes: &[u8]) -> Result<usize, BadItem> {
    let count = int(bytes, 0);
    usize::try_from(count).map_err(|_| BadItem::Count(count))
}

#[inline]
fn int(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(array(bytes, at))
}

#[inline]
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the slice has this length")
}

/// The 60 bytes of a stored stat.
#[inline]
fn stat(bytes: &[u8], at: usize) -> StatPersisted {
    let long = |offset| i64::from_be_bytes(array(bytes, at + offset));
    StatPersisted {
        czxid: Zxid(long(0) as u64),
        mzxid: Zxid(long(8) as u64),
        ctime: long(16),
        mtime: long(24),
        version: int(bytes, at + 32),
        cversion: int(bytes, at + 36),
        aversion: int(bytes, at + 40),
        ephemeral_owner: long(44),
        pzxid: Zxid(long(52) as u64),
    }
}

impl fmt::Display for BadItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadItem::Count(count) => write!(f, "a count is {count}"),
            BadItem::Length(length) => write!(f, "a length is {length}"),
            BadItem::NoPath => write!(f, "a path is null"),
            BadItem::Path => write!(f, "a path is not UTF-8"),
            BadItem::TooLong(length) => write!(f, "an item of {length} bytes is too long"),
            BadItem::Acl(error) => write!(f, "an access control list: {error}"),
        }
    }
}

impl std::error::Error for BadItem {}
