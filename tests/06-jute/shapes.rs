//! The shapes of values that jute has, and those that it does not have.

use std::panic::{AssertUnwindSafe, catch_unwind};

use allocation_counter::measure;
use jute::{Error, from_slice, to_vec};
use serde::{Deserialize, Serialize};

use super::hostile::hex;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Shapes {
    signed: i8,
    unsigned: u8,
    new: New,
    pair: (i32, bool),
    point: Point,
    list: Vec<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct New(i32);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Point(u8, u64);

#[derive(Debug, Serialize)]
enum Choice {
    Nothing,
    One(i32),
    Two(i32, i32),
    Named { field: i32 },
}

#[test]
fn shapes_are_their_parts_in_order_and_nothing_else() {
    let shapes = Shapes {
        signed: -1,
        unsigned: 255,
        new: New(7),
        pair: (-2, true),
        point: Point(9, u64::MAX),
        list: vec![1, 2],
    };
    let bytes = to_vec(&shapes);
    let expected = "ff ff 00000007 fffffffe01 09ffffffffffffffff \
                    00000002 0000000000000001 0000000000000002";
    assert_eq!(bytes, hex(expected));
    assert_eq!(from_slice(&bytes), Ok(shapes));
}

#[test]
fn what_jute_cannot_express_is_refused() {
    assert!(matches!(from_slice::<f64>(&[0; 8]), Err(Error::Unsupported(_))));
    assert!(matches!(from_slice::<()>(&[0; 8]), Err(Error::Unsupported(_))));
    assert!(matches!(from_slice::<char>(&[0; 8]), Err(Error::Unsupported(_))));
}

#[test]
fn no_record_is_made_of_what_jute_cannot_express() {
    let refused = |write: &dyn Fn() -> Vec<u8>, what: &str| {
        let said = catch_unwind(AssertUnwindSafe(write)).unwrap_err();
        let said = said.downcast::<String>().unwrap();
        let why = "records are made of what jute can express";
        assert_eq!(*said, format!("{why}: jute cannot express {what}"));
    };
    refused(&|| to_vec(&1.5_f64), "a fraction");
    refused(&|| to_vec(&'a'), "a character");
    refused(&|| to_vec(&Choice::Nothing), "an enum");
    refused(&|| to_vec(&Choice::One(1)), "an enum");
    refused(&|| to_vec(&Choice::Two(1, 2)), "an enum");
    refused(&|| to_vec(&Choice::Named { field: 1 }), "an enum");
}

/// Some types have a form for people and another for machines.
#[test]
fn it_is_no_form_for_people() {
    let address = std::net::Ipv4Addr::LOCALHOST;
    let bytes = to_vec(&address);
    assert_eq!(bytes, [127, 0, 0, 1], "four bytes, and not a text");
    assert_eq!(from_slice(&bytes), Ok(address));
}

#[test]
fn a_list_gets_the_room_that_it_needs_at_once() {
    let bytes = to_vec(&vec![7_i32; 1_000]);
    let read = measure(|| drop(from_slice::<Vec<i32>>(&bytes).unwrap()));
    assert_eq!((read.count_total, read.bytes_total), (1, 4_000));
}

#[test]
fn a_count_that_lies_gets_room_for_what_can_be_there() {
    let mut bytes = hex("000003e8");
    bytes.extend([0; 1_000]);
    let read = measure(|| {
        let list = from_slice::<Vec<(i32, i64)>>(&bytes);
        assert_eq!(list, Err(Error::EndOfData));
    });
    assert_eq!(read.bytes_max, 250 * 16, "an element takes four bytes at least");
}

#[test]
fn errors_say_what_is_wrong() {
    let said = |bytes: &str| from_slice::<String>(&hex(bytes)).unwrap_err().to_string();
    assert_eq!(said("00000005 61"), "the bytes end before the record does");
    assert_eq!(said("fffffffe"), "-2 is no valid length");
    assert_eq!(said("ffffffff"), "a field that must have a value is null");
}
