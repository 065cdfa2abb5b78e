//! A frame from the server as named fields, each with the way it is compared.

use std::collections::BTreeMap;

use crate::wire::Reader;

/// A field of a frame. Its kind says what may differ between two servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Must be the same.
    Int(i64),
    /// Must be the same.
    Bytes(Option<Vec<u8>>),
    /// Must be the same but for the order.
    Set(Vec<String>),
    /// Must be as far from the other zxids.
    Zxid(i64),
    /// Must be zero or not.
    Time(i64),
    /// Must stand for the same session.
    Session(i64),
    /// Must be the session's.
    Password(Vec<u8>),
}

/// The fields in order, by name.
pub(crate) type Fields = Vec<(String, Value)>;

/// What a connection is waiting for: the operation of each request, by xid.
#[derive(Default)]
pub(crate) struct Expectations {
    connected: bool,
    asked: BTreeMap<i32, i32>,
}

impl Expectations {
    /// Notes a frame from the client, which stands without its length.
    pub(crate) fn sent(&mut self, frame: &[u8]) {
        let mut reader = Reader(frame);
        if self.connected
            && let (Some(xid), Some(op)) = (reader.int(), reader.int())
        {
            self.asked.insert(xid, op);
        }
        self.connected = true;
    }

    /// The fields of a frame from the server. `first` says that it is the first on its connection.
    pub(crate) fn read(&self, frame: &[u8], first: bool) -> Fields {
        let mut fields = Fields::new();
        let mut reader = Reader(frame);
        // A record that ends early has fewer fields; that shows in the comparison.
        if first {
            connect_response(&mut reader, &mut fields);
        } else {
            self.reply(&mut reader, &mut fields);
        }
        if !reader.0.is_empty() {
            fields.push(("rest".into(), Value::Bytes(Some(reader.0.to_vec()))));
        }
        fields
    }

    fn reply(&self, reader: &mut Reader, fields: &mut Fields) -> Option<()> {
        let xid = reader.int()?;
        push(fields, "", "xid", Value::Int(xid.into()));
        push(fields, "", "zxid", Value::Zxid(reader.long()?));
        let error = reader.int()?;
        push(fields, "", "err", Value::Int(error.into()));
        if xid == -1 {
            push(fields, "", "type", Value::Int(reader.int()?.into()));
            push(fields, "", "state", Value::Int(reader.int()?.into()));
            return bytes(reader, fields, "", "path");
        }
        match self.asked.get(&xid) {
            Some(&op) if error == 0 || !reader.0.is_empty() => body(op, reader, fields, ""),
            _ => Some(()),
        }
    }
}

fn connect_response(reader: &mut Reader, fields: &mut Fields) -> Option<()> {
    push(fields, "", "protocolVersion", Value::Int(reader.int()?.into()));
    push(fields, "", "timeOut", Value::Int(reader.int()?.into()));
    push(fields, "", "sessionId", Value::Session(reader.long()?));
    push(fields, "", "passwd", Value::Password(reader.buffer()??.to_vec()));
    if let Some(read_only) = reader.byte() {
        push(fields, "", "readOnly", Value::Int(read_only.into()));
    }
    Some(())
}

fn body(op: i32, reader: &mut Reader, fields: &mut Fields, at: &str) -> Option<()> {
    match op {
        // create, sync
        1 | 9 => bytes(reader, fields, at, "path"),
        // create2, createContainer, createTTL
        15 | 19 | 21 => {
            bytes(reader, fields, at, "path")?;
            stat(reader, fields, at)
        }
        // exists, setData, setACL
        3 | 5 | 7 => stat(reader, fields, at),
        4 => {
            bytes(reader, fields, at, "data")?;
            stat(reader, fields, at)
        }
        6 => {
            acl(reader, fields, at)?;
            stat(reader, fields, at)
        }
        8 => names(reader, fields, at, "children"),
        12 => {
            names(reader, fields, at, "children")?;
            stat(reader, fields, at)
        }
        103 => names(reader, fields, at, "ephemerals"),
        // getAllChildrenNumber, addWatch
        104 | 106 => {
            push(fields, at, "number", Value::Int(reader.int()?.into()));
            Some(())
        }
        102 => bytes(reader, fields, at, "token"),
        107 => who(reader, fields),
        14 | 22 => multi(reader, fields),
        _ => Some(()),
    }
}

fn multi(reader: &mut Reader, fields: &mut Fields) -> Option<()> {
    for n in 0.. {
        let at = format!("{n}.");
        let kind = reader.int()?;
        let done = reader.byte()?;
        push(fields, &at, "type", Value::Int(kind.into()));
        push(fields, &at, "done", Value::Int(done.into()));
        push(fields, &at, "err", Value::Int(reader.int()?.into()));
        match kind {
            _ if done != 0 => break,
            -1 => push(fields, &at, "code", Value::Int(reader.int()?.into())),
            op => body(op, reader, fields, &at)?,
        }
    }
    Some(())
}

fn stat(reader: &mut Reader, fields: &mut Fields, at: &str) -> Option<()> {
    push(fields, at, "czxid", Value::Zxid(reader.long()?));
    push(fields, at, "mzxid", Value::Zxid(reader.long()?));
    push(fields, at, "ctime", Value::Time(reader.long()?));
    push(fields, at, "mtime", Value::Time(reader.long()?));
    push(fields, at, "version", Value::Int(reader.int()?.into()));
    push(fields, at, "cversion", Value::Int(reader.int()?.into()));
    push(fields, at, "aversion", Value::Int(reader.int()?.into()));
    push(fields, at, "ephemeralOwner", Value::Session(reader.long()?));
    push(fields, at, "dataLength", Value::Int(reader.int()?.into()));
    push(fields, at, "numChildren", Value::Int(reader.int()?.into()));
    push(fields, at, "pzxid", Value::Zxid(reader.long()?));
    Some(())
}

fn acl(reader: &mut Reader, fields: &mut Fields, at: &str) -> Option<()> {
    let count = reader.int()?;
    push(fields, at, "acls", Value::Int(count.into()));
    for n in 0..count {
        push(fields, at, &format!("acl{n}.perms"), Value::Int(reader.int()?.into()));
        bytes(reader, fields, at, &format!("acl{n}.scheme"))?;
        bytes(reader, fields, at, &format!("acl{n}.id"))?;
    }
    Some(())
}

fn names(reader: &mut Reader, fields: &mut Fields, at: &str, name: &str) -> Option<()> {
    let mut found = Vec::new();
    for _ in 0..reader.int()? {
        found.push(reader.text()?);
    }
    found.sort();
    push(fields, at, name, Value::Set(found));
    Some(())
}

fn who(reader: &mut Reader, fields: &mut Fields) -> Option<()> {
    let mut found = Vec::new();
    for _ in 0..reader.int()? {
        found.push(format!("{} {}", reader.text()?, reader.text()?));
    }
    found.sort();
    push(fields, "", "clientInfo", Value::Set(found));
    Some(())
}

fn bytes(reader: &mut Reader, fields: &mut Fields, at: &str, name: &str) -> Option<()> {
    push(fields, at, name, Value::Bytes(reader.buffer()?.map(<[u8]>::to_vec)));
    Some(())
}

fn push(fields: &mut Fields, at: &str, name: &str, value: Value) {
    fields.push((format!("{at}{name}"), value));
}
