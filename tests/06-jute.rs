//! Chapter 6: what must hold of jute and of the records.

use std::borrow::Cow;
use std::fmt::Debug;

use allocation_counter::measure;
use jute::records::*;
use jute::{Decoder, Error, Reader, Writer, from_slice, read_frame, to_vec};
use serde::Serialize;
use serde::de::Deserialize;
use zxid::{SessionId, Zxid};

#[test]
fn null_and_empty_are_kept_apart() {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    writer.buffer(None);
    writer.buffer(Some(&[]));
    writer.text(None);
    writer.text(Some(""));
    writer.count(None);
    writer.count(Some(0));
    let mut reader = Reader::new(&out);
    assert_eq!(reader.buffer(), Ok(None));
    assert_eq!(reader.buffer(), Ok(Some(&[][..])));
    assert_eq!(reader.text(), Ok(None));
    assert_eq!(reader.text(), Ok(Some(Cow::Borrowed(""))));
    assert_eq!(reader.count(), Ok(None));
    assert_eq!(reader.count(), Ok(Some(0)));
    assert_eq!(reader.rest(), []);
}

#[test]
fn numbers_are_big_endian() {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    writer.int(-2);
    writer.long(0x0102_0304_0506_0708);
    writer.bool(true);
    writer.byte(9);
    assert_eq!(out, hex("fffffffe 0102030405060708 01 09"));
    let mut reader = Reader::new(&out);
    assert_eq!(reader.int(), Ok(-2));
    assert_eq!(reader.long(), Ok(0x0102_0304_0506_0708));
    assert_eq!(reader.bool(), Ok(true));
    assert_eq!(reader.byte(), Ok(9));
    assert_eq!(reader.byte(), Err(Error::EndOfData));
}

#[test]
fn any_byte_but_zero_is_true() {
    assert_eq!(Reader::new(&[0]).bool(), Ok(false));
    assert_eq!(Reader::new(&[1]).bool(), Ok(true));
    assert_eq!(Reader::new(&[0xff]).bool(), Ok(true));
}

#[test]
fn a_length_is_compared_with_what_is_there() {
    for length in [1, 5, 1_000_000, i32::MAX] {
        assert_eq!(Reader::new(&length.to_be_bytes()).buffer(), Err(Error::EndOfData));
        assert_eq!(Reader::new(&length.to_be_bytes()).text(), Err(Error::EndOfData));
        assert_eq!(Reader::new(&length.to_be_bytes()).count(), Err(Error::EndOfData));
    }
    for length in [-2, -3, i32::MIN] {
        assert_eq!(Reader::new(&length.to_be_bytes()).buffer(), Err(Error::Length(length)));
        assert_eq!(Reader::new(&length.to_be_bytes()).text(), Err(Error::Length(length)));
        assert_eq!(Reader::new(&length.to_be_bytes()).count(), Ok(Some(0)), "an empty list");
    }
    assert_eq!(Reader::new(&[0, 0, 0]).buffer(), Err(Error::EndOfData));
}

#[test]
fn a_count_of_billions_reserves_nothing() {
    let mut bytes = hex("0000000000000001 7fffffff");
    bytes.extend([0; 8]);
    let used = measure(|| {
        assert_eq!(from_slice::<SetWatches>(&bytes), Err(Error::EndOfData));
    });
    assert_eq!(used.bytes_max, 0, "reserved for a list that is not there");
    let bytes = hex("00000001 61 7fffffff 00000000");
    let used = measure(|| {
        assert_eq!(from_slice::<SetAclRequest>(&bytes), Err(Error::EndOfData));
    });
    assert_eq!(used.bytes_max, 0, "reserved for a list that is not there");
}

#[test]
fn text_that_is_not_utf_8_is_repaired_as_java_repairs_it() {
    let text = |bytes: &[u8]| {
        let mut out = Vec::new();
        Writer::new(&mut out).buffer(Some(bytes));
        from_slice::<String>(&out).expect("any bytes are text")
    };
    assert_eq!(text(b"/a\xffb"), "/a\u{fffd}b");
    assert_eq!(text(b"\xc0\x80"), "\u{fffd}\u{fffd}");
    assert_eq!(text(b"a\xe2\x82"), "a\u{fffd}", "cut off");
    assert_eq!(text("ü€😀".as_bytes()), "ü€😀");
    // A character above U+FFFF as Java's servers write it: two surrogates of three bytes each.
    assert_eq!(text(b"x\xed\xa0\xbd\xed\xb8\x80y"), "x\u{fffd}\u{fffd}y");
    assert_eq!(text(b"\xed\xa0"), "\u{fffd}");
    assert_eq!(text(b"\xed\xa0z"), "\u{fffd}z");
}

#[test]
fn text_and_buffers_are_borrowed() {
    let bytes = hex("00000002 2f61 00000001 ff 00000003");
    let request: SetDataRequest = from_slice(&bytes).unwrap();
    assert!(matches!(request.path, Cow::Borrowed("/a")));
    assert_eq!(measure(|| drop(from_slice::<SetDataRequest>(&bytes))).count_total, 0);
    let bytes = hex("00000002 2f61 01");
    assert_eq!(measure(|| drop(from_slice::<ReadRequest>(&bytes))).count_total, 0);
}

#[test]
fn a_frame_is_cut_when_it_is_whole() {
    let bytes = hex("00000002 aabb 00000000 00000001");
    let mut buffer = &bytes[..];
    assert_eq!(read_frame(&mut buffer, 100), Ok(Some(&[0xaa, 0xbb][..])));
    assert_eq!(read_frame(&mut buffer, 100), Ok(Some(&[][..])), "an empty frame is a frame");
    assert_eq!(read_frame(&mut buffer, 100), Ok(None), "its byte is still to come");
    assert_eq!(buffer, hex("00000001"), "and nothing is lost meanwhile");
    assert_eq!(read_frame(&mut &bytes[..3], 100), Ok(None), "not even the length is whole");
    assert_eq!(read_frame(&mut &[][..], 100), Ok(None));
}

#[test]
fn a_frame_beyond_the_limit_is_refused_by_its_length_alone() {
    assert_eq!(read_frame(&mut &hex("00000064")[..], 100), Ok(None), "the limit itself is allowed");
    assert_eq!(read_frame(&mut &hex("00000065")[..], 100), Err(Error::Length(101)));
    assert_eq!(read_frame(&mut &hex("7fffffff")[..], 100), Err(Error::Length(i32::MAX)));
    assert_eq!(read_frame(&mut &hex("ffffffff")[..], 100), Err(Error::Length(-1)));
    assert_eq!(read_frame(&mut &hex("80000000")[..], 100), Err(Error::Length(i32::MIN)));
}

/// Decodes `bytes`, compares with `record`, and encodes again.
fn same<'a, T>(bytes: &'a [u8], record: &T)
where
    T: Serialize + Deserialize<'a> + PartialEq + Debug,
{
    let mut decoder = Decoder::new(bytes);
    assert_eq!(decoder.next::<T>().as_ref(), Ok(record));
    assert_eq!(decoder.rest(), [], "something is left over");
    assert_eq!(to_vec(record), bytes);
}

#[test]
fn captured_frames_read_and_write_the_same() {
    // From a session with Apache ZooKeeper 3.8.0.
    same(
        &hex("00000000 0000000000000000 00002710 0000000000000000 00000010
              00000000000000000000000000000000"),
        &ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: 0,
            timeout: 10000,
            session_id: SessionId::NONE,
            password: Some(&[0; 16]),
        },
    );
    same(
        &hex("00000000 00002710 0100001eb0410001 00000010 d8b041990eb2b3ffa07f46053b48e9ee"),
        &ConnectResponse {
            protocol_version: 0,
            timeout: 10000,
            session_id: SessionId(0x0100_001e_b041_0001),
            password: &hex("d8b041990eb2b3ffa07f46053b48e9ee"),
        },
    );
    same(&hex("00000001 00000001"), &RequestHeader { xid: 1, op: OpCode::Create.code() });
    same(
        &hex("00000005 2f66782f61 00000005 68656c6c6f
              00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65 00000000"),
        &CreateRequest { path: "/fx/a".into(), data: Some(b"hello"), acl: Acl::open(), flags: 0 },
    );
    same(&hex("00000001 0000000000000004 00000000"), &ReplyHeader { xid: 1, zxid: 4, err: 0 });
    same(&hex("00000005 2f66782f61"), &PathResponse { path: Some("/fx/a".into()) });
    same(&hex("00000005 2f66782f61 00"), &ReadRequest { path: "/fx/a".into(), watch: false });
    same(
        &hex("00000005 68656c6c6f 0000000000000004 0000000000000004 000001a1f8f64452
              000001a1f8f64452 00000000 00000000 00000000 0000000000000000 00000005 00000000
              0000000000000004"),
        &GetDataResponse {
            data: Some(b"hello"),
            stat: Stat {
                czxid: Zxid(4),
                mzxid: Zxid(4),
                ctime: 0x1a1_f8f6_4452,
                mtime: 0x1a1_f8f6_4452,
                data_length: 5,
                pzxid: Zxid(4),
                ..Stat::default()
            },
        },
    );
    same(&hex("ffffffff 01 ffffffff"), &MultiHeader::END);
}

/// Bytes from hexadecimal digits, with spaces wherever they help.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        digits.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
