//! Chapter 6: what must hold of jute and of the records.
//!
//! `cargo test --release -p jute --test 06 -- --ignored` reads ten million spoiled records.

mod hostile;
#[path = "06-jute/shapes.rs"]
mod shapes;

use std::borrow::Cow;
use std::fmt::Debug;

use allocation_counter::measure;
use hostile::{hex, spoil};
use jute::records::*;
use jute::{Decoder, Error, Reader, Writer, from_slice, read_frame, to_vec};
use machines::Dice;
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

/// A record as it should be, and what can be done with its type.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    /// Reads these bytes as the type, and says how much memory was taken meanwhile at most, and
    /// whether they could be read. What can be read must be the same after it was written and
    /// read again.
    read: fn(&[u8]) -> (u64, bool),
}

/// A `Case` for each type, from an example of it, which must survive writing and reading.
macro_rules! cases {
    ($($type:ty: $example:expr,)*) => {
        vec![$({
            let bytes = to_vec(&$example);
            same::<$type>(&bytes, &$example);
            Case { name: stringify!($type), bytes, read: |bytes| {
                let mut record = None;
                let used = measure(|| record = from_slice::<$type>(bytes).ok());
                if let Some(record) = &record {
                    let again = to_vec(record);
                    assert_eq!(from_slice::<$type>(&again).as_ref(), Ok(record));
                }
                (used.bytes_max, record.is_some())
            }}
        },)*]
    };
}

fn requests() -> Vec<Case> {
    let (path, data, acl) = (Cow::Borrowed("/a/b"), Some(&b"data"[..]), Acl::open());
    let list = vec![Cow::Borrowed("/a"), Cow::Borrowed("/b/c")];
    let one_shot =
        || SetWatches { relative_zxid: 7, data: list.clone(), exist: vec![], child: list.clone() };
    cases! {
        ConnectRequest<'_>: ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: 3,
            timeout: 4000,
            session_id: SessionId(9),
            password: None,
        },
        RequestHeader: RequestHeader { xid: 1, op: 2 },
        CreateRequest<'_>: CreateRequest {
            path: path.clone(), data: None, acl: acl.clone(), flags: 3,
        },
        CreateTtlRequest<'_>: CreateTtlRequest {
            path: path.clone(), data, acl: acl.clone(), flags: 5, ttl: 1000,
        },
        DeleteRequest<'_>: DeleteRequest { path: path.clone(), version: -1 },
        ReadRequest<'_>: ReadRequest { path: path.clone(), watch: true },
        SetDataRequest<'_>: SetDataRequest { path: path.clone(), data: Some(&[]), version: 2 },
        SetAclRequest<'_>: SetAclRequest { path: path.clone(), acl: acl.clone(), version: 2 },
        CheckVersionRequest<'_>: CheckVersionRequest { path: path.clone(), version: 2 },
        PathRequest<'_>: PathRequest { path: path.clone() },
        MaybePathRequest<'_>: MaybePathRequest { path: None },
        MaybePathRequest<'_>: MaybePathRequest { path: Some(path.clone()) },
        WatchRequest<'_>: WatchRequest { path: path.clone(), kind: 1 },
        SetWatches<'_>: one_shot(),
        SetWatches2<'_>: SetWatches2 {
            one_shot: one_shot(), persistent: list.clone(), recursive: vec![],
        },
        AuthPacket<'_>: AuthPacket { kind: 0, scheme: "digest".into(), auth: Some(b"a:b") },
        SaslToken<'_>: SaslToken { token: None },
        ReconfigRequest<'_>: ReconfigRequest {
            joining: Some("x".into()), leaving: None, members: Some("".into()), config_id: -1,
        },
        MultiHeader: MultiHeader::END,
    }
}

fn responses() -> Vec<Case> {
    let (path, data) = (Cow::Borrowed("/a/b"), Some(&b"data"[..]));
    let list = vec![Cow::Borrowed("a"), Cow::Borrowed("\u{fc}")];
    let stat = Stat { czxid: Zxid::new(1, 2), version: 3, pzxid: Zxid(5), ..Stat::default() };
    cases! {
        ConnectResponse<'_>: ConnectResponse {
            protocol_version: 0, timeout: 4000, session_id: SessionId(-1), password: &[7; 16],
        },
        ReplyHeader: ReplyHeader { xid: -2, zxid: -1, err: -101 },
        PathResponse<'_>: PathResponse { path: None },
        Create2Response<'_>: Create2Response { path: path.clone(), stat },
        StatResponse: StatResponse { stat },
        StatPersisted: StatPersisted { mzxid: Zxid(4), ..StatPersisted::default() },
        GetDataResponse<'_>: GetDataResponse { data, stat },
        GetAclResponse: GetAclResponse { acl: Acl::open(), stat },
        ListResponse<'_>: ListResponse { list: list.clone() },
        GetChildren2Response<'_>: GetChildren2Response { children: list.clone(), stat },
        GetAllChildrenNumberResponse: GetAllChildrenNumberResponse { total: 4 },
        ErrorResponse: ErrorResponse { err: -8 },
        WhoAmIResponse: WhoAmIResponse {
            clients: vec![ClientInfo { scheme: "ip".into(), user: "::1".into() }],
        },
        WatcherEvent<'_>: WatcherEvent { kind: 1, state: 3, path: path.clone() },
    }
}

/// One transaction of each kind.
fn transactions() -> Vec<Txn<'static>> {
    let (path, data, acl) = (Cow::Borrowed("/a/b"), Some(&b"data"[..]), Acl::open());
    let paths = vec![path.clone(), "/c".into()];
    let simple = vec![
        Txn::Create(CreateTxn {
            path: path.clone(),
            data,
            acl: acl.clone(),
            ephemeral: true,
            parent_cversion: 4,
        }),
        Txn::CreateContainer(CreateContainerTxn {
            path: path.clone(),
            data: None,
            acl: acl.clone(),
            parent_cversion: 4,
        }),
        Txn::CreateTtl(CreateTtlTxn {
            path: path.clone(),
            data,
            acl: acl.clone(),
            parent_cversion: 4,
            ttl: 10,
        }),
        Txn::Delete(DeleteTxn { path: path.clone() }),
        Txn::SetData(SetDataTxn { path: path.clone(), data: Some(&[]), version: 5 }),
        Txn::Check(CheckVersionTxn { path: path.clone(), version: 6 }),
        Txn::Error(ErrorTxn { err: -101 }),
    ];
    let mut all = simple.clone();
    all.extend([
        Txn::SetAcl(SetAclTxn { path, acl, version: 2 }),
        Txn::CreateSession(CreateSessionTxn { timeout: 10000 }),
        Txn::CloseSession(Some(CloseSessionTxn { paths })),
        Txn::Multi(vec![]),
        Txn::Multi(simple),
    ]);
    all
}

fn payload(txn: &Txn<'_>, digest: Option<TxnDigest>) -> (TxnHeader, Vec<u8>) {
    let op = txn.op_code().code();
    let header = TxnHeader { session: SessionId(1), cxid: 2, zxid: Zxid::new(3, 4), time: 5, op };
    let mut out = Vec::new();
    txn.append_payload(&header, digest, &mut out);
    (header, out)
}

#[test]
fn every_transaction_survives_writing_and_reading() {
    for txn in transactions() {
        for digest in [None, Some(TxnDigest { version: TxnDigest::VERSION, tree: 0x51c6_d660 })] {
            let (header, bytes) = payload(&txn, digest);
            assert_eq!(Txn::decode_payload(&bytes), Ok((header, txn.clone(), digest)));
        }
    }
}

#[test]
fn old_forms_of_transactions_are_read() {
    // A create of ZooKeeper before 3.4, which did not say the parent's cversion.
    let body = hex("00000002 2f61 ffffffff 00000000 01");
    let create = CreateTxn {
        path: "/a".into(),
        data: None,
        acl: vec![],
        ephemeral: true,
        parent_cversion: -1,
    };
    assert_eq!(Txn::decode(1, &body), Ok((Txn::Create(create), None)));
    // A closeSession that lists no paths.
    assert_eq!(Txn::decode(-11, &[]), Ok((Txn::CloseSession(None), None)));
    let (header, bytes) = payload(&Txn::CloseSession(None), None);
    assert_eq!(Txn::decode_payload(&bytes), Ok((header, Txn::CloseSession(None), None)));
}

#[test]
fn a_type_may_have_several_numbers() {
    let delete = hex("00000002 2f61");
    assert_eq!(Txn::decode(2, &delete), Txn::decode(20, &delete));
    let set = hex("00000002 2f61 ffffffff 00000003");
    assert_eq!(Txn::decode(5, &set), Txn::decode(16, &set));
    let create = hex("00000002 2f61 ffffffff 00000000 00 00000007");
    assert_eq!(Txn::decode(1, &create), Txn::decode(15, &create));
    // ZooKeeper from 3.9 on writes create2 inside a multi too.
    let mut multi = hex("00000001 0000000f 00000013");
    multi.extend(&create);
    let (Txn::Create(inner), _) = Txn::decode(1, &create).unwrap() else { panic!("a create") };
    assert_eq!(Txn::decode(14, &multi), Ok((Txn::Multi(vec![Txn::Create(inner)]), None)));
}

#[test]
fn what_is_no_transaction_is_refused() {
    for op in [0, 3, 4, 9, 11, 22, 99, 100, -2, -12, i32::MAX, i32::MIN] {
        assert_eq!(Txn::decode(op, &[0; 100]), Err(Error::UnknownOp(op)));
    }
    // Inside a multi there is no other multi, and no session begins or ends.
    for op in [14_i32, -10, -11, 7, 16, 99] {
        let mut multi = hex("00000001");
        multi.extend(op.to_be_bytes());
        multi.extend(hex("00000004 00000000"));
        assert_eq!(Txn::decode(14, &multi), Err(Error::UnknownOp(op)));
    }
}

#[test]
fn the_first_transaction_of_a_fresh_server_is_read() {
    // The first record of a fresh standalone server: a session, and the empty tree's digest.
    let bytes = hex("0100001eb0410001 00000000 0000000000000001 000001a1f8f64452 fffffff6
                     00002710 00000002 0000000051c6d660");
    let (header, txn, digest) = Txn::decode_payload(&bytes).unwrap();
    assert_eq!(header.zxid, Zxid(1));
    assert_eq!(txn, Txn::CreateSession(CreateSessionTxn { timeout: 10000 }));
    assert_eq!(digest, Some(TxnDigest { version: 2, tree: 0x51c6_d660 }));
}

#[test]
fn null_identities_read_as_nobody() {
    let acl = |bytes: &str| from_slice::<Acl>(&hex(bytes));
    let nobody = Acl { perms: Perms::ALL, id: Id::default() };
    assert_eq!(acl("0000001f ffffffff ffffffff"), Ok(nobody));
    assert_eq!(acl("0000001f 00000004 61757468 ffffffff"), Ok(Acl::new(Perms::ALL, "auth", "")));
    assert!(acl("0000001f 00000005 776f726c64 ffffffff").is_err(), "world: and nobody");
}

/// Reads `count` spoiled records of every type.
fn read_spoiled(seed: u64, count: usize) {
    let mut cases = requests();
    cases.extend(responses());
    for txn in transactions() {
        let (_, bytes) = payload(&txn, Some(TxnDigest { version: 2, tree: 1 }));
        let read = |bytes: &[u8]| {
            let mut good = false;
            let used = measure(|| good = Txn::decode_payload(bytes).is_ok());
            (used.bytes_max, good)
        };
        cases.push(Case { name: "Txn", bytes, read });
    }
    let (mut dice, mut good) = (Dice::new(seed), 0);
    for _ in 0..count {
        let case = dice.pick(&cases).expect("there are some");
        let mut bytes = case.bytes.clone();
        spoil(&mut bytes, &mut dice);
        let (name, (used, read)) = (case.name, (case.read)(&bytes));
        good += usize::from(read);
        // An element of a list is at most about fourteen times as large in memory as on the wire.
        let allowed = 64 * bytes.len() as u64 + 256;
        assert!(used <= allowed, "{name} took {used} bytes of memory for {bytes:02x?}");
    }
    assert!((count / 10..count / 10 * 9).contains(&good), "{good} of {count} could be read");
}

#[test]
fn spoiled_records_are_errors_and_take_no_more_memory_than_they_deserve() {
    read_spoiled(6, 100_000);
}

#[test]
#[ignore = "takes a while: run it in release"]
fn ten_million_spoiled_records_are_read() {
    for seed in 0..10 {
        read_spoiled(600 + seed, 1_000_000);
    }
}
