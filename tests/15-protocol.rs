//! Chapter 15: what must hold on the wire between clients and servers.
//!
//! The frames in `tests/fixtures/client` were captured from Apache ZooKeeper 3.8.0 and 3.9.5.
//! `cargo test --release -p protocol --test 15 -- --ignored` reads ten million spoiled frames.

mod hostile;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use allocation_counter::measure;
use bytes::BytesMut;
use hostile::{hex, spoil};
use jute::records::*;
use machines::Dice;
use protocol::*;
use serde::{Deserialize, Serialize};
use zxid::{SessionId, Zxid};

/// A captured frame, with its length; empty where the connection was closed.
struct Captured {
    file: String,
    connection: String,
    to_server: bool,
    what: String,
    bytes: Vec<u8>,
}

/// All that was captured, in order, but for four-letter words.
fn captured() -> Vec<Captured> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/client");
    let files = std::fs::read_dir(folder).expect("the fixtures are in the repository");
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut frames = Vec::new();
    for path in files {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        if file.starts_with("four_letter") {
            continue;
        }
        let json: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for frame in json.as_array().unwrap() {
            frames.push(Captured {
                file: file.clone(),
                connection: format!("{file} {} {}", frame["conn"], frame["via"]),
                to_server: frame["dir"] == "c2s",
                what: frame["what"].as_str().unwrap().to_owned(),
                bytes: hex(frame["hex"].as_str().unwrap()),
            });
        }
    }
    frames
}

/// The answers that say no more than a header.
const HEADER_ONLY: [OpCode; 9] = [
    OpCode::Delete,
    OpCode::CheckWatches,
    OpCode::RemoveWatches,
    OpCode::SetWatches,
    OpCode::SetWatches2,
    OpCode::CloseSession,
    OpCode::Ping,
    OpCode::Auth,
    OpCode::Check,
];

#[test]
fn every_captured_request_is_read_and_written_the_same() {
    let mut met = BTreeSet::new();
    let (mut refused, mut altered) = (BTreeSet::new(), Vec::new());
    let mut connected = BTreeSet::new();
    for Captured { file, connection, to_server, what, bytes } in captured() {
        if !to_server || bytes.is_empty() {
            continue;
        }
        let frame = &bytes[4..];
        let mut again = Vec::new();
        if connected.insert(connection) {
            let (request, read_only) = decode_connect(frame).unwrap();
            encode_connect(&mut again, &request, read_only);
            assert_eq!(again, bytes, "{file}: {what}");
            continue;
        }
        let (header, body) = decode_header(frame).unwrap();
        match decode_request(header.op, body) {
            Ok(request) => {
                encode_request(&mut again, header.xid, &request);
                if again != bytes {
                    altered.push((file, header.xid));
                }
                met.insert(request.op());
            }
            Err(error) => {
                refused.insert((file, header.xid, error));
            }
        }
    }
    let met: Vec<OpCode> = met.into_iter().collect();
    assert_eq!(met.len(), 28, "of some requests there is no example: {met:?}");
    // Nulls that mean the same as "" and are written so: in ACLs, and for the path of setData.
    let nulls = [("auth_and_acl_denied", [2, 6, 8]), ("validation_errors", [52, 73, 82])];
    let nulls = nulls.map(|(file, xids)| xids.map(|xid| (format!("{file}.json"), xid)));
    assert_eq!(altered, nulls.concat());
    assert_eq!(refused.into_iter().collect::<Vec<_>>(), refusals());
}

/// Every captured request that is none. Where 3.8.0 answered otherwise, we do as later releases.
fn refusals() -> Vec<(String, i32, DecodeError)> {
    let list = |file: &str, xids: &[i32], error| {
        let file = format!("{file}.json");
        xids.iter().map(|xid| (file.clone(), *xid, error)).collect::<Vec<_>>()
    };
    let marshalling = DecodeError::Marshalling;
    let mut all = [
        list("multiread_checkwatches_whoami", &[7, 8, 9, 10], marshalling),
        list("multiread_checkwatches_whoami.v3_9", &[7, 8, 9, 10], marshalling),
        list("read_only_mode", &[9], DecodeError::Unknown(13)),
        list("validation_errors", &[25, 67, 68, 69, 89, 90, 91, 92], marshalling),
        list("validation_errors", &[94], DecodeError::Unknown(13)),
        list("validation_errors", &[96], DecodeError::Unknown(-10)),
        list("validation_errors", &[97], DecodeError::Unknown(20)),
        list("validation_errors", &[98], DecodeError::Unknown(99)),
    ]
    .concat();
    all.sort();
    all
}

#[test]
fn every_captured_answer_is_read_and_written_the_same() {
    let mut asked: BTreeMap<(String, i32), OpCode> = BTreeMap::new();
    let mut connected = BTreeSet::new();
    let (mut answered, mut events, mut errors) = (BTreeSet::new(), 0, 0);
    for Captured { file, connection, to_server, what, bytes } in captured() {
        let Some(frame) = bytes.get(4..) else { continue };
        let mut again = Vec::new();
        if to_server {
            let (header, _) = decode_header(frame).unwrap();
            let op = OpCode::from_code(header.op);
            op.map(|op| asked.insert((connection, header.xid), op));
        } else if connected.insert(connection.clone()) {
            let (response, read_only) = decode_connect_response(frame).unwrap();
            encode_connect_response(&mut again, &response, read_only);
            assert_eq!(again, bytes, "{file}: {what}");
            if response.timeout == 0 {
                again.clear();
                encode_refusal(&mut again, read_only);
                assert_eq!(again, bytes, "{file}: {what}");
            }
        } else {
            let (header, body) = decode_reply(frame).unwrap();
            let zxid = Zxid(header.zxid as u64);
            match (header.xid, ErrorCode::from_code(header.err)) {
                (xid::EVENT, _) => {
                    events += 1;
                    encode_event(&mut again, zxid, &jute::from_slice(body).unwrap());
                }
                (xid, Some(error)) => {
                    errors += 1;
                    encode_error(&mut again, xid, zxid, error);
                    // One multiRead of 3.8.0 says more than an error should.
                    if !body.is_empty() {
                        assert_eq!(what.split(' ').nth(2), Some("multiRead"), "{file}: {what}");
                        continue;
                    }
                }
                (xid::PING, None) => encode_done(&mut again, xid::PING, zxid),
                (xid, None) => {
                    let op = asked[&(connection, xid)];
                    answer_again(op, header, body, &mut again);
                    answered.insert(op);
                }
            }
            assert_eq!(again, bytes, "{file}: {what}");
        }
    }
    assert!(events > 50 && errors > 100, "{events} events, {errors} errors");
    assert_eq!(answered.len(), 27, "of some answers there is no example: {answered:?}");
}

/// Reads the record of a captured answer, and writes the answer once more.
fn answer_again(op: OpCode, header: ReplyHeader, body: &[u8], out: &mut Vec<u8>) {
    fn record<'a, T>(header: ReplyHeader, body: &'a [u8], out: &mut Vec<u8>)
    where
        T: Serialize + Deserialize<'a>,
    {
        let record: T = jute::from_slice(body).unwrap();
        encode_reply(out, header.xid, Zxid(header.zxid as u64), &record);
    }
    match op {
        OpCode::Create | OpCode::Sync => record::<PathResponse<'_>>(header, body, out),
        OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => {
            record::<Create2Response<'_>>(header, body, out);
        }
        OpCode::Exists | OpCode::SetData | OpCode::SetAcl => {
            record::<StatResponse>(header, body, out);
        }
        OpCode::GetData | OpCode::Reconfig => record::<GetDataResponse<'_>>(header, body, out),
        OpCode::GetAcl => record::<GetAclResponse>(header, body, out),
        OpCode::GetChildren | OpCode::GetEphemerals => {
            record::<ListResponse<'_>>(header, body, out);
        }
        OpCode::GetChildren2 => record::<GetChildren2Response<'_>>(header, body, out),
        OpCode::GetAllChildrenNumber => {
            record::<GetAllChildrenNumberResponse>(header, body, out);
        }
        OpCode::AddWatch => record::<ErrorResponse>(header, body, out),
        OpCode::WhoAmI => record::<WhoAmIResponse>(header, body, out),
        OpCode::Sasl => record::<SaslToken<'_>>(header, body, out),
        OpCode::Multi | OpCode::MultiRead => {
            let results = decode_multi_response(body).unwrap();
            encode_multi(out, header.xid, Zxid(header.zxid as u64), &results);
        }
        op => {
            assert!(HEADER_ONLY.contains(&op), "{op} has a record");
            encode_done(out, header.xid, Zxid(header.zxid as u64));
        }
    }
}

#[test]
fn what_clients_may_not_ask_is_unknown() {
    for op in [0, 10, 13, 20, 23, 99, 108, -1, -2, -10, -12, i32::MAX, i32::MIN] {
        assert_eq!(decode_request(op, &[0; 64]), Err(DecodeError::Unknown(op)));
    }
}

#[test]
fn bytes_behind_a_record_are_ignored() {
    let body = hex("00000002 2f61 00 ffff");
    let request = ReadRequest { path: "/a".into(), watch: false };
    assert_eq!(decode_request(3, &body), Ok(Request::Exists(request)));
    assert_eq!(decode_request(11, &[1, 2, 3]), Ok(Request::Ping));
}

/// The header of a part of a multi.
fn part(op: i32) -> Vec<u8> {
    jute::to_vec(&MultiHeader { op, done: false, err: -1 })
}

const CHECK: &str = "0000000d 00 ffffffff 00000002 2f6d 00000000";
const DELETE: &str = "00000002 00 ffffffff 00000004 2f6d2f61 00000001";
const GET_DATA: &str = "00000004 00 ffffffff 00000002 2f6d 00";
const END: &str = "ffffffff 01 ffffffff";

#[test]
fn a_multi_is_read_as_a_whole() {
    let check = MultiOp::Check(CheckVersionRequest { path: "/m".into(), version: 0 });
    let delete = MultiOp::Delete(DeleteRequest { path: "/m/a".into(), version: 1 });
    let body = hex(&[CHECK, DELETE, END].concat());
    let request = Request::Multi(vec![check, delete]);
    assert_eq!(decode_request(14, &body), Ok(request.clone()));
    let mut out = Vec::new();
    encode_request(&mut out, 5, &request);
    assert_eq!(out[..12], hex("00000039 00000005 0000000e"));
    assert_eq!(out[12..], body);
    assert_eq!(decode_request(14, &hex(END)), Ok(Request::Multi(vec![])), "an empty one is legal");
    assert_eq!(decode_request(22, &hex(END)), Ok(Request::MultiRead(vec![])));
}

#[test]
fn one_bad_part_spoils_the_multi() {
    let marshalling = Err(DecodeError::Marshalling);
    let good = hex(CHECK);
    // Reads among writes, writes among reads, another multi, what does not exist.
    assert_eq!(decode_request(14, &hex(&[CHECK, GET_DATA, END].concat())), marshalling);
    assert_eq!(decode_request(22, &hex(&[GET_DATA, DELETE, END].concat())), marshalling);
    for op in [14, 22, 7, 20, -1, -10, 0, 99] {
        let body = [&good[..], &part(op), &[0; 64], &hex(END)].concat();
        assert_eq!(decode_request(14, &body), marshalling, "type {op}");
        assert_eq!(decode_request(22, &body), marshalling, "type {op}");
    }
    // Flags that no create has.
    for flags in [-1, 7, i32::MIN] {
        let request = CreateRequest { path: "/a".into(), data: None, acl: Acl::open(), flags };
        let body = [good.clone(), part(1), jute::to_vec(&request), hex(END)].concat();
        assert_eq!(decode_request(14, &body), marshalling, "flags {flags}");
        assert!(decode_request(1, &jute::to_vec(&request)).is_ok(), "alone it is refused later");
    }
    // No end.
    assert_eq!(decode_request(14, &good), marshalling);
    assert_eq!(decode_request(14, &[]), marshalling);
}

#[test]
fn the_answer_to_a_multi_speaks_of_every_part() {
    let answer = |results: &[MultiResult<'_>]| {
        let mut out = Vec::new();
        encode_multi(&mut out, 5, Zxid(9), results);
        let (_, body) = decode_reply(&out[4..]).unwrap();
        assert_eq!(decode_multi_response(body).unwrap(), results);
        assert_eq!(out[4..20], hex("00000005 0000000000000009 00000000"));
        out.split_off(20)
    };
    let good = hex(&["0000000d 00 00000000 00000002 00 00000000", END].concat());
    assert_eq!(answer(&[MultiResult::Check, MultiResult::Delete]), good);
    let bad = ["ffffffff 00 00000000 00000000 ffffffff 00 ffffff99 ffffff99", END].concat();
    assert_eq!(answer(&[MultiResult::Error(0), MultiResult::Error(-103)]), hex(&bad));
    let stat = Stat { mzxid: Zxid(8), ..Stat::default() };
    answer(&[
        MultiResult::Create("/a".into()),
        MultiResult::Create2("/b".into(), stat),
        MultiResult::SetData(stat),
        MultiResult::GetData(None, stat),
        MultiResult::GetData(Some(b""), stat),
        MultiResult::GetChildren(vec!["x".into(), "y".into()]),
    ]);
}

fn connect_frame(last_zxid_seen: i64, read_only: Option<bool>) -> Vec<u8> {
    let request = ConnectRequest {
        protocol_version: 0,
        last_zxid_seen,
        timeout: 10000,
        session_id: SessionId::NONE,
        password: Some(&[0; 16]),
    };
    let mut out = Vec::new();
    encode_connect(&mut out, &request, read_only);
    out.split_off(4)
}

#[test]
fn a_client_that_is_ahead_is_sent_elsewhere() {
    let at = |seen: i64, last| handshake(&connect_frame(seen, Some(false)), last, false).err();
    assert_eq!(at(7, Zxid(7)), None);
    assert_eq!(at(8, Zxid(7)), Some(HandshakeError::Ahead(Zxid(8))));
    assert_eq!(at(0, Zxid::ZERO), None);
    assert_eq!(at(-1, Zxid::ZERO), None, "a client that has seen nothing");
}

#[test]
fn a_read_only_server_serves_only_those_who_are_content() {
    let frame = |read_only| connect_frame(0, read_only);
    let refused = Some(HandshakeError::NotReadOnly);
    assert_eq!(handshake(&frame(Some(true)), Zxid(7), true).err(), None);
    assert_eq!(handshake(&frame(Some(false)), Zxid(7), true).err(), refused);
    assert_eq!(handshake(&frame(None), Zxid(7), true).err(), refused, "an old client cannot know");
    assert_eq!(handshake(&frame(Some(true)), Zxid(7), false).err(), None);
}

#[test]
fn old_clients_are_answered_without_the_byte_that_they_do_not_know() {
    let old = connect_frame(0, None);
    assert_eq!(old.len(), 44);
    assert_eq!(handshake(&old, Zxid(7), false).unwrap().1, None);
    assert_eq!(connect_frame(0, Some(false)).len(), 45);
    let mut out = Vec::new();
    encode_refusal(&mut out, None);
    assert_eq!(out[..4], hex("00000024"));
    encode_refusal(&mut out, Some(true));
    assert_eq!(out[40..44], hex("00000025"));
    assert_eq!(out.last(), Some(&1));
}

#[test]
fn what_is_no_connect_request_is_refused() {
    let frame = connect_frame(0, Some(false));
    for length in 0..44 {
        let error = handshake(&frame[..length], Zxid(7), false).err();
        assert_eq!(error, Some(HandshakeError::Undecodable), "{length} bytes");
    }
}

#[test]
fn frames_are_cut_however_the_bytes_arrive() {
    let mut sent = Vec::new();
    encode_done(&mut sent, 1, Zxid(1));
    sent.extend(hex("00000000 00000003 aabbcc"));
    for size in 1..sent.len() {
        let mut framer = Framer::new(Framer::LIMIT);
        let (mut buffer, mut frames) = (BytesMut::new(), Vec::new());
        for piece in sent.chunks(size) {
            buffer.extend_from_slice(piece);
            while let Some(cut) = framer.cut(&mut buffer).unwrap() {
                let Cut::Frame(frame) = cut else { panic!("nobody sent a word") };
                frames.push(frame.to_vec());
            }
        }
        assert_eq!(frames, [sent[4..20].to_vec(), vec![], hex("aabbcc")], "pieces of {size}");
        assert!(buffer.is_empty());
    }
}

/// What a framer makes of the first bytes of a connection.
fn first_cut(bytes: &[u8]) -> Result<Option<Cut>, FrameError> {
    Framer::new(Framer::LIMIT).cut(&mut BytesMut::from(bytes))
}

#[test]
fn a_frame_that_is_too_long_is_refused_before_it_arrives() {
    assert_eq!(first_cut(&hex("ffffffff")), Err(FrameError::Negative(-1)));
    assert_eq!(first_cut(&hex("80000000")), Err(FrameError::Negative(i32::MIN)));
    assert_eq!(first_cut(&hex("00100000")), Err(FrameError::TooLong(0x10_0000)));
    assert_eq!(first_cut(&hex("000fffff")), Ok(None), "the limit itself is allowed");
    let telnet = first_cut(b"GET / HTTP/1.1");
    assert_eq!(telnet, Err(FrameError::TooLong(i32::from_be_bytes(*b"GET "))));
}

#[test]
fn a_word_is_the_first_thing_on_a_connection_or_none() {
    for (bytes, word) in Word::ALL {
        let cut = first_cut(&[&bytes[..], &[0; 8]].concat());
        assert_eq!(cut, Ok(Some(Cut::Word(word))), "{word}");
        assert_eq!(first_cut(&bytes[..3]), Ok(None));
        // After a frame the same bytes are a length, and no good one.
        let mut framer = Framer::new(Framer::LIMIT);
        let mut buffer = BytesMut::from(&[&[0; 4][..], &bytes[..]].concat()[..]);
        assert!(matches!(framer.cut(&mut buffer), Ok(Some(Cut::Frame(_)))));
        assert!(framer.cut(&mut buffer).is_err(), "{word}");
        let mut client = Framer::new(Framer::LIMIT);
        client.connected();
        assert!(client.cut(&mut BytesMut::from(&bytes[..])).is_err(), "{word}");
    }
    assert_eq!(Word::parse(*b"nope"), None);
}

#[test]
fn what_follows_a_word_is_ignored() {
    let mut framer = Framer::new(Framer::LIMIT);
    let mut buffer = BytesMut::from(&b"ruok\n"[..]);
    assert_eq!(framer.cut(&mut buffer), Ok(Some(Cut::Word(Word::Ruok))));
    buffer.extend_from_slice(b"\r\n and so on");
    assert_eq!(framer.cut(&mut buffer), Ok(None));
    assert!(buffer.is_empty());
    // The mask of stmk is part of the word.
    assert_eq!(first_cut(&hex("73746d6b 00000000000001")), Ok(None));
    assert_eq!(first_cut(&hex("73746d6b 0000000000000132")), Ok(Some(Cut::Word(Word::Stmk(306)))));
}

#[test]
fn frames_can_be_told_in_words() {
    let says = |request: &Request<'_>| {
        let mut out = Vec::new();
        encode_request(&mut out, 1, request);
        describe_request(&out[4..])
    };
    assert_eq!(says(&Request::Ping), "ping xid=1");
    let path = PathRequest { path: "/a".into() };
    assert_eq!(says(&Request::GetAcl(path)), "getACL /a xid=1");
    assert_eq!(describe_request(&hex("00000001 00000001 00")), "create xid=1 undecodable");
    assert_eq!(describe_request(&hex("00000001 00000063")), "operation 99 xid=1");
    assert_eq!(describe_request(&[7]), "1 bytes that are no request");
    let connect = "ConnectRequest timeout=10000 session=0x0";
    assert_eq!(describe_request(&connect_frame(0, None)), connect);
    assert_eq!(describe_request(&connect_frame(5, Some(true))), connect);

    let mut out = Vec::new();
    encode_reply(&mut out, 1, Zxid(4), &PathResponse { path: Some("/fx/a".into()) });
    encode_error(&mut out, 2, NO_ZXID, ErrorCode::NoNode);
    encode_event(&mut out, Zxid(5), &WatcherEvent { kind: 1, state: 3, path: "/a".into() });
    let told = "reply xid=1 zxid=0.4 ok 9 bytes, reply xid=2 zxid=none NoNode, \
                event NodeCreated /a zxid=0.5";
    assert_eq!(describe_chunk(&out), told);
    assert_eq!(describe_chunk(b"imok"), "4 bytes of text");
    out.clear();
    encode_request(&mut out, -2, &Request::Ping);
    encode_request(&mut out, 7, &Request::CloseSession);
    assert_eq!(describe_asked(&out), "ping xid=-2, closeSession xid=7");
    out.clear();
    encode_refusal(&mut out, Some(false));
    assert_eq!(describe_chunk(&out), "ConnectResponse timeout=0 session=0x0");
}

/// Reads a thing with bounded memory, and again after it was written.
fn bounded<T: PartialEq + Debug>(bytes: &[u8], read: impl FnOnce() -> T) -> T {
    let mut result = None;
    let used = measure(|| result = Some(read())).bytes_max;
    // An element of a list is at most about fourteen times as large in memory as on the wire.
    let allowed = 64 * bytes.len() as u64 + 1024;
    assert!(used <= allowed, "{used} bytes of memory for {bytes:02x?}");
    result.expect("it was read")
}

/// Reads `count` frames, captured and then spoiled, as both ends do.
fn read_spoiled(seed: u64, count: usize) {
    let frames: Vec<Captured> = captured();
    let mut dice = Dice::new(seed);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..count {
        let captured = dice.pick(&frames).expect("there are some");
        let mut bytes = captured.bytes.get(4..).unwrap_or_default().to_vec();
        spoil(&mut bytes, &mut dice);
        bounded(&bytes, || describe_request(&bytes));
        bounded(&bytes, || describe_reply(&bytes));
        bounded(&bytes, || handshake(&bytes, Zxid(9), false).is_ok());
        bounded(&bytes, || decode_connect_response(&bytes).is_ok());
        bounded(&bytes, || decode_multi_response(&bytes).is_ok());
        let Ok((header, body)) = decode_header(&bytes) else { continue };
        match bounded(body, || decode_request(header.op, body)) {
            Ok(request) => {
                read += 1;
                let mut again = Vec::new();
                encode_request(&mut again, header.xid, &request);
                let (_, body) = decode_header(&again[4..]).unwrap();
                assert_eq!(decode_request(header.op, body), Ok(request));
            }
            Err(_) => refused += 1,
        }
    }
    assert!(read > count / 20 && refused > count / 20, "{read} read, {refused} refused");
}

#[test]
fn spoiled_frames_are_errors_and_take_no_more_memory_than_they_deserve() {
    read_spoiled(15, 100_000);
}

#[test]
#[ignore = "takes a while: run it in release"]
fn ten_million_spoiled_frames_are_read() {
    for seed in 0..10 {
        read_spoiled(1500 + seed, 1_000_000);
    }
}
