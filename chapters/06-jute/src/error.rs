//! What can be wrong with bytes.

use std::fmt;

/// Why bytes are not the record that they should be, or why a type cannot be written as jute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The bytes end before the record does; a length or count says more than there is.
    EndOfData,
    /// A length that none can have: below -1, or above the limit.
    Length(i32),
    /// Null, where the field must have a value.
    Null,
    /// No transaction has this type, or not inside a multi.
    UnknownOp(i32),
    /// Jute has no form for this kind of value.
    Unsupported(&'static str),
    /// The record's own type refused what it was given.
    Refused(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::EndOfData => write!(f, "the bytes end before the record does"),
            Error::Length(length) => write!(f, "{length} is no valid length"),
            Error::Null => write!(f, "a field that must have a value is null"),
            Error::UnknownOp(op) => write!(f, "{op} is no type of transaction here"),
            Error::Unsupported(what) => write!(f, "jute cannot express {what}"),
            Error::Refused(why) => write!(f, "{why}"),
        }
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Error {
        Error::Refused(message.to_string())
    }
}

impl serde::ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Error {
        Error::Refused(message.to_string())
    }
}
