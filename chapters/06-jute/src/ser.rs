//! Writing records: a serde `Serializer` over [`Writer`].

use serde::ser::{
    Impossible, Serialize, SerializeSeq, SerializeStruct, SerializeTuple, SerializeTupleStruct,
    Serializer,
};

use crate::{Error, Writer};

/// A record as bytes. Panics on a type that jute cannot express, as [`append`] does.
pub fn to_vec(record: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out, record);
    out
}

/// Appends a record to `out`. Panics on a type that jute cannot express: an enum, a map, a
/// fraction. None of the records is such a type.
#[inline]
pub fn append(out: &mut Vec<u8>, record: &impl Serialize) {
    if let Err(error) = record.serialize(&mut Encoder { writer: Writer::new(out) }) {
        panic!("records are made of what jute can express: {error}");
    }
}

/// Where serde puts what it finds in a record.
struct Encoder<'a> {
    writer: Writer<'a>,
}

/// What jute has no form for.
macro_rules! unsupported {
    ($($method:ident($($argument:ty),*) -> $out:ty: $what:literal,)*) => {
        $(fn $method(self, $(_: $argument,)*) -> Result<$out, Error> {
            Err(Error::Unsupported($what))
        })*
    };
}

impl Serializer for &mut Encoder<'_> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeStruct = Self;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Impossible<(), Error>;
    type SerializeStructVariant = Impossible<(), Error>;

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.writer.bool(value);
        Ok(())
    }

    #[inline]
    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.writer.byte(value as u8);
        Ok(())
    }

    #[inline]
    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.writer.byte(value);
        Ok(())
    }

    #[inline]
    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.writer.int(value);
        Ok(())
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        self.writer.long(value);
        Ok(())
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        self.writer.long(value as i64);
        Ok(())
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.writer.text(Some(value));
        Ok(())
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.writer.buffer(Some(value));
        Ok(())
    }

    /// Null: length -1, whether of text, of a buffer or of a list.
    #[inline]
    fn serialize_none(self) -> Result<(), Error> {
        self.writer.count(None);
        Ok(())
    }

    #[inline]
    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Self, Error> {
        let len = len.ok_or(Error::Unsupported("a list of unknown length"))?;
        self.writer.count(Some(len));
        Ok(self)
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    unsupported! {
        serialize_i16(i16) -> (): "a number of 16 bits",
        serialize_u16(u16) -> (): "a number of 16 bits",
        serialize_u32(u32) -> (): "an unsigned number of 32 bits",
        serialize_f32(f32) -> (): "a fraction",
        serialize_f64(f64) -> (): "a fraction",
        serialize_char(char) -> (): "a character",
        serialize_unit() -> (): "nothing",
        serialize_unit_struct(&'static str) -> (): "nothing",
        serialize_unit_variant(&'static str, u32, &'static str) -> (): "an enum",
        serialize_map(Option<usize>) -> Impossible<(), Error>: "a map",
        serialize_tuple_variant(&'static str, u32, &'static str, usize)
            -> Impossible<(), Error>: "an enum",
        serialize_struct_variant(&'static str, u32, &'static str, usize)
            -> Impossible<(), Error>: "an enum",
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Error> {
        Err(Error::Unsupported("an enum"))
    }
}

impl SerializeSeq for &mut Encoder<'_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut **self)
    }

    #[inline]
    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

impl SerializeTuple for &mut Encoder<'_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut **self)
    }

    #[inline]
    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

impl SerializeTupleStruct for &mut Encoder<'_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut **self)
    }

    #[inline]
    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

impl SerializeStruct for &mut Encoder<'_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(&mut **self)
    }

    #[inline]
    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}
