//! A record's bytes, field by field: where each field begins, what it is called, and what it says.
//!
//! On the wire a field has no name. The names come from the type, while it is being read: this is a
//! serde `Deserializer` around [`Decoder`], which reads, and only watches how far each field goes.
//!
//! Always true: what is told of a field was read by [`Decoder`] and [`Reader`]; so what they
//! refuse is refused here, at the same byte.
//!
//! Book: chapter 6.

use std::fmt::Display;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use zxid::Zxid;

use crate::{Decoder, Error, Reader};

/// One field of a record, or the count before a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The byte at which it begins.
    pub at: usize,
    /// How many bytes it has, its length included.
    pub bytes: usize,
    /// What it is called, such as `acl[0].perms`.
    pub name: String,
    /// What it says.
    pub value: String,
}

/// Reads one record of type `T` from the front of `bytes`, and tells of each field that could be read.
/// The second value is how many bytes the record has; or where it was refused, and why.
pub fn explain<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
) -> (Vec<Field>, Result<usize, (usize, Error)>) {
    let mut log = Log { decoder: Decoder::new(bytes), length: bytes.len(), fields: Vec::new() };
    let read = T::deserialize(Watch { log: &mut log, name: String::new() });
    // After an error the decoder is somewhere inside the field that it refused.
    let end = log.at();
    let begin = log.fields.last().map_or(0, |field| field.at + field.bytes);
    (log.fields, read.map(|_| end).map_err(|why| (begin, why)))
}

/// What was read so far.
struct Log<'de> {
    decoder: Decoder<'de>,
    length: usize,
    fields: Vec<Field>,
}

impl Log<'_> {
    fn at(&self) -> usize {
        self.length - self.decoder.rest().len()
    }

    fn note(&mut self, at: usize, name: String, value: String) {
        self.fields.push(Field { at, bytes: self.at() - at, name, value });
    }
}

/// Reads one value of the record.
struct Watch<'l, 'de> {
    log: &'l mut Log<'de>,
    name: String,
}

impl<'de> Watch<'_, 'de> {
    /// Reads a value that is one field, and says in `show`'s words what it is.
    fn field<T, S: Display>(
        self,
        show: impl FnOnce(&mut Reader<'de>) -> Result<S, Error>,
        read: impl FnOnce(&mut Decoder<'de>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let at = self.log.at();
        let mut ahead = Reader::new(self.log.decoder.rest());
        let value = read(&mut self.log.decoder)?;
        let shown = show(&mut ahead)?.to_string();
        self.log.note(at, self.name, shown);
        Ok(value)
    }
}

macro_rules! fields {
    ($($method:ident: $show:expr,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.field($show, |decoder| decoder.$method(visitor))
        })*
    };
}

impl<'de> Deserializer<'de> for Watch<'_, 'de> {
    type Error = Error;

    fields! {
        deserialize_any: |_| Ok(""),
        deserialize_bool: |reader| reader.bool(),
        deserialize_i8: |reader| reader.byte(),
        deserialize_u8: |reader| reader.byte(),
        deserialize_i32: |reader| reader.int(),
        deserialize_i64: long,
        deserialize_u64: |reader| reader.long().map(|zxid| Zxid(zxid as u64)),
        deserialize_str: text,
        deserialize_string: text,
        deserialize_bytes: buffer,
        deserialize_byte_buf: buffer,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if Reader::new(self.log.decoder.rest()).int()? != -1 {
            return visitor.visit_some(self);
        }
        self.field(|_| Ok("null"), |decoder| decoder.next::<i32>())?;
        visitor.visit_none()
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = Reader::new(self.log.decoder.rest()).count()?.ok_or(Error::Null)?;
        let Watch { log, name } = self;
        let count = Watch { log: &mut *log, name: format!("{name}: count") };
        count.field(|reader| reader.int(), |decoder| decoder.next::<i32>())?;
        visitor.visit_seq(Elements { log, name, fields: None, next: 0, left })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        let Watch { log, name } = self;
        visitor.visit_seq(Elements { log, name, fields: None, next: 0, left: len })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Watch { log, name } = self;
        let left = fields.len();
        visitor.visit_seq(Elements { log, name, fields: Some(fields), next: 0, left })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    forward_to_deserialize_any! {
        i16 u16 u32 f32 f64 char unit unit_struct map enum identifier ignored_any
    }
}

/// Large ones are sessions and marks: they are read more easily as hexadecimal.
fn long(reader: &mut Reader<'_>) -> Result<String, Error> {
    let long = reader.long()?;
    let large = long.unsigned_abs() >> 48 != 0;
    Ok(if large { format!("0x{long:x}") } else { long.to_string() })
}

fn text(reader: &mut Reader<'_>) -> Result<String, Error> {
    Ok(format!("{:?}", reader.text()?.unwrap_or_default()))
}

fn buffer(reader: &mut Reader<'_>) -> Result<String, Error> {
    let bytes = reader.buffer()?.unwrap_or_default();
    Ok(format!("{} bytes, {:?}", bytes.len(), String::from_utf8_lossy(bytes)))
}

/// The elements of a list, or the fields of a record.
struct Elements<'l, 'de> {
    log: &'l mut Log<'de>,
    /// What all of it is called.
    name: String,
    /// The names of the fields; elements of a list have none.
    fields: Option<&'static [&'static str]>,
    next: usize,
    left: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let place = self.next;
        self.next += 1;
        let name = match (self.fields, self.name.as_str()) {
            (None, list) => format!("{list}[{place}]"),
            (Some(fields), "") => fields[place].to_string(),
            (Some(fields), record) => format!("{record}.{}", fields[place]),
        };
        seed.deserialize(Watch { log: self.log, name }).map(Some)
    }
}
