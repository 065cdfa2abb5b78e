//! The program of chapter 6: the bytes of a record, field by field.

use std::fmt::Write as _;

use ::jute::records::*;
use ::jute::{Error, Field, explain, to_vec};
use clap::Args;
use zxid::{SessionId, Zxid};

use super::layout::try_next;

/// How many bytes of a field are shown.
const SHOWN: usize = 16;

const NEXT: &[(&str, &str)] = &[
    ("Stat", "68 bytes, and not one that says what they are"),
    ("CreateTxn", "what is logged of a create"),
    ("SetDataRequest --put 0=7fffffff", "a length that lies"),
    ("SetDataRequest --put 6=ffffffff", "null is not empty"),
    ("CreateRequest --cut 20", "what came so far"),
    ("TxnHeader --hex 00000001", "bytes of your own"),
];

#[derive(Args, Debug)]
pub(super) struct JuteArgs {
    /// Which record
    #[arg(default_value = "CreateRequest")]
    record: String,
    /// Its bytes, in hexadecimal; an example's if nothing is said
    #[arg(long, value_parser = bytes, value_name = "BYTES")]
    hex: Option<Bytes>,
    /// Put other bytes there, from byte AT on
    #[arg(long, value_parser = patch, value_name = "AT=BYTES")]
    put: Vec<(usize, Bytes)>,
    /// Read only so many of the bytes
    #[arg(long, value_name = "N")]
    cut: Option<usize>,
}

/// Bytes that somebody typed.
#[derive(Clone, Debug)]
struct Bytes(Vec<u8>);

fn bytes(text: &str) -> Result<Bytes, String> {
    let digits: String = text.split_whitespace().collect();
    let byte = |at: usize| digits.get(at..at + 2).and_then(|it| u8::from_str_radix(it, 16).ok());
    let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
    bytes.map(Bytes).ok_or("write two hexadecimal digits for each byte, as in 0000002f".to_string())
}

fn patch(text: &str) -> Result<(usize, Bytes), String> {
    let (at, hex) =
        text.split_once('=').ok_or("write the byte, = and what is put there: 4=00ff")?;
    Ok((at.parse().map_err(|_| format!("{at} is no place of a byte"))?, bytes(hex)?))
}

type Explained = (Vec<Field>, Result<usize, (usize, Error)>);

/// A record that can be shown.
struct Shape {
    name: &'static str,
    example: fn() -> Vec<u8>,
    explain: fn(&[u8]) -> Explained,
}

macro_rules! shapes {
    ($($name:ident: $example:expr;)*) => {
        &[$(Shape {
            name: stringify!($name),
            example: || to_vec(&$example),
            explain: |bytes| explain::<$name>(bytes),
        },)*]
    };
}

const PASSWORD: &[u8] = b"0123456789abcdef";
const SESSION: SessionId = SessionId(0x0100_0000_0000_0001);

/// Each with an example, written by the code that writes it everywhere.
const SHAPES: &[Shape] = shapes! {
    ConnectRequest: ConnectRequest {
        protocol_version: 0, last_zxid_seen: 0, timeout: 30_000, session_id: SessionId(0),
        password: Some(&[0; 16]),
    };
    ConnectResponse: ConnectResponse {
        protocol_version: 0, timeout: 30_000, session_id: SESSION, password: PASSWORD,
    };
    RequestHeader: RequestHeader { xid: 1, op: OpCode::Create.code() };
    ReplyHeader: ReplyHeader { xid: 1, zxid: 1 << 32 | 2, err: 0 };
    CreateRequest: CreateRequest {
        path: "/a".into(), data: Some(b"x"), acl: Acl::open(), flags: 0,
    };
    DeleteRequest: DeleteRequest { path: "/a".into(), version: -1 };
    SetDataRequest: SetDataRequest { path: "/a".into(), data: Some(b""), version: -1 };
    ReadRequest: ReadRequest { path: "/a".into(), watch: true };
    SetWatches: SetWatches {
        relative_zxid: 1 << 32 | 2, data: vec!["/a".into()], exist: Vec::new(), child: Vec::new(),
    };
    GetDataResponse: GetDataResponse { data: Some(b"x"), stat: example() };
    ListResponse: ListResponse { list: vec!["a".into(), "b".into()] };
    WatcherEvent: WatcherEvent { kind: 3, state: 3, path: "/a".into() };
    Stat: example();
    Acl: Acl::new(Perms::ALL, "world", "anyone");
    TxnHeader: TxnHeader {
        session: SESSION, cxid: 1, zxid: Zxid::new(1, 2), time: 1_600_000_000_000,
        op: OpCode::Create.code(),
    };
    CreateTxn: CreateTxn {
        path: "/a".into(), data: Some(b"x"), acl: Acl::open(), ephemeral: false,
        parent_cversion: 1,
    };
    SetDataTxn: SetDataTxn { path: "/a".into(), data: Some(b"y"), version: 1 };
    ErrorTxn: ErrorTxn { err: ErrorCode::NodeExists.code() };
};

fn example() -> Stat {
    let zxid = Zxid::new(1, 2);
    let (czxid, mzxid, pzxid, data_length) = (zxid, zxid, zxid, 1);
    Stat { czxid, mzxid, pzxid, data_length, ..Stat::default() }
}

impl JuteArgs {
    /// What the bytes say, field by field.
    pub(super) fn told(&self) -> Result<String, String> {
        let shape = SHAPES.iter().find(|shape| shape.name.eq_ignore_ascii_case(&self.record));
        let shape = shape.ok_or_else(|| {
            let names: Vec<_> = SHAPES.iter().map(|shape| shape.name).collect();
            format!("there is no record {}; there are {}", self.record, names.join(", "))
        })?;
        let bytes = self.bytes(shape)?;
        let (fields, end) = (shape.explain)(&bytes);
        let mut told = format!("{}, {}\n\n", shape.name, counted(bytes.len()));
        told += &format!("{:>5}  {:37} {:26} what it says\n", "byte", "in hexadecimal", "field");
        for Field { at, bytes: length, name, value } in &fields {
            let hex = hex(&bytes[*at..at + length]);
            let line = format!("{at:>5}  {hex:37} {name:26} {value}");
            let _ = writeln!(told, "{}", line.chars().take(100).collect::<String>().trim_end());
        }
        told += &match end {
            Ok(end) if end == bytes.len() => "\nThat is all of it.\n".to_string(),
            Ok(end) => {
                let left = counted(bytes.len() - end);
                format!(
                    "{end:>5}  {}\n\n{left} behind it, at which nobody looks.\n",
                    hex(&bytes[end..])
                )
            }
            Err((at, why)) => {
                format!("{at:>5}  {}\n\nRefused at byte {at}: {why}.\n", hex(&bytes[at..]))
            }
        };
        Ok(told + "\n" + &try_next("06", 34, NEXT))
    }

    fn bytes(&self, shape: &Shape) -> Result<Vec<u8>, String> {
        let mut bytes = self.hex.as_ref().map_or_else(shape.example, |Bytes(hex)| hex.clone());
        for (at, Bytes(new)) in &self.put {
            let length = bytes.len();
            let place = bytes
                .get_mut(*at..at.saturating_add(new.len()))
                .ok_or_else(|| format!("--put {at}: there are {}, from 0 on", counted(length)))?;
            place.copy_from_slice(new);
        }
        bytes.truncate(self.cut.unwrap_or(usize::MAX));
        Ok(bytes)
    }
}

fn counted(bytes: usize) -> String {
    if bytes == 1 { "1 byte".to_string() } else { format!("{bytes} bytes") }
}

/// Four bytes a word, and no more than fit.
fn hex(bytes: &[u8]) -> String {
    let digits = |word: &[u8]| word.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let words: Vec<String> = bytes[..bytes.len().min(SHOWN)].chunks(4).map(digits).collect();
    let more = if bytes.len() > SHOWN { "…" } else { "" };
    words.join(" ") + more
}
