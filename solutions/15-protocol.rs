//! A server's end of the wire: it reads what clients ask and writes what they are told.
//!
//! Bytes come from anybody. What is no request is told apart by what is to be done about it: an
//! operation that does not exist ends the connection, a record that cannot be read is answered with
//! an error. Answers are written straight behind what the connection is already to send: the length
//! comes first on the wire and is known last, so its four bytes are filled in afterwards.
//!
//! Always true:
//! - what is decoded borrows from the frame; nothing is copied and no promised length is believed;
//! - a multi is decoded as a whole or not at all;
//! - each `encode` appends whole frames to its first argument, and touches nothing before them.
//!
//! Book: chapter 15. ZooKeeper: `ZooKeeperServer.processConnectRequest`, `MultiOperationRecord`,
//! `FinalRequestProcessor`.

use jute::records::{
    ConnectRequest, ConnectResponse, Create2Response, ErrorCode, ErrorResponse, GetDataResponse,
    ListResponse, MultiHeader, OpCode, PathResponse, ReplyHeader, RequestHeader, StatResponse,
    WatchRequest, WatcherEvent, zxid_from_wire,
};
use jute::{Decoder, append};
use protocol::{DecodeError, HandshakeError, MultiOp, MultiResult, ReadOp, Request, xid};
use serde::{Deserialize, Serialize};
use sessions::may_attach;
use zxid::{SessionId, Zxid};

/// Reads the first frame of a connection. The flag is whether the client would be content with a
/// read-only server; old clients leave it out, and are to be answered without it.
pub fn decode_connect(frame: &[u8]) -> Result<(ConnectRequest<'_>, Option<bool>), jute::Error> {
    let mut decoder = Decoder::new(frame);
    let request = decoder.next()?;
    Ok((request, decoder.rest().first().map(|byte| *byte != 0)))
}

/// Reads the first frame of a connection to a server that has applied everything up to `last` and
/// is read-only or not, and says whether such a client may be served at all. The session is another
/// question, and the next one.
pub fn handshake(
    frame: &[u8],
    last: Zxid,
    read_only: bool,
) -> Result<(ConnectRequest<'_>, Option<bool>), HandshakeError> {
    let (request, content) = decode_connect(frame).map_err(|_| HandshakeError::Undecodable)?;
    if read_only && content != Some(true) {
        return Err(HandshakeError::NotReadOnly);
    }
    // Served here, the client would see time run backwards.
    if !may_attach(request.last_zxid_seen, last) {
        return Err(HandshakeError::Ahead(zxid_from_wire(request.last_zxid_seen)));
    }
    Ok((request, content))
}

/// Splits a frame into the request's header and its record.
pub fn decode_header(frame: &[u8]) -> Result<(RequestHeader, &[u8]), jute::Error> {
    let mut decoder = Decoder::new(frame);
    Ok((decoder.next()?, decoder.rest()))
}

/// Reads the record of operation `op`. Bytes behind it are ignored, as ZooKeeper does.
///
/// Unlike ZooKeeper before 3.8.5 and 3.9.3, a check outside a multi is not known, nor is what only
/// servers may ask: createSession and deleteContainer.
pub fn decode_request(op: i32, body: &[u8]) -> Result<Request<'_>, DecodeError> {
    let known = OpCode::from_code(op).ok_or(DecodeError::Unknown(op))?;
    Ok(match known {
        OpCode::Create | OpCode::Create2 | OpCode::CreateContainer => {
            Request::Create { op: known, request: record(body)? }
        }
        OpCode::CreateTtl => Request::CreateTtl(record(body)?),
        OpCode::Delete => Request::Delete(record(body)?),
        OpCode::Exists => Request::Exists(record(body)?),
        OpCode::GetData => Request::GetData(record(body)?),
        OpCode::SetData => Request::SetData(record(body)?),
        OpCode::GetAcl => Request::GetAcl(record(body)?),
        OpCode::SetAcl => Request::SetAcl(record(body)?),
        OpCode::GetChildren => Request::GetChildren(record(body)?),
        OpCode::GetChildren2 => Request::GetChildren2(record(body)?),
        OpCode::Sync => Request::Sync(record(body)?),
        OpCode::Ping => Request::Ping,
        OpCode::Multi => Request::Multi(decode_multi(body)?),
        OpCode::MultiRead => Request::MultiRead(decode_multi_read(body)?),
        OpCode::Reconfig => Request::Reconfig(record(body)?),
        OpCode::CheckWatches => Request::CheckWatches(watch(body, 1..=5)?),
        OpCode::RemoveWatches => Request::RemoveWatches(watch(body, 1..=5)?),
        OpCode::Auth => Request::Auth(record(body)?),
        OpCode::SetWatches => Request::SetWatches(record(body)?),
        OpCode::SetWatches2 => Request::SetWatches2(record(body)?),
        OpCode::Sasl => Request::Sasl(record(body)?),
        OpCode::GetEphemerals => Request::GetEphemerals(record(body)?),
        OpCode::GetAllChildrenNumber => Request::GetAllChildrenNumber(record(body)?),
        OpCode::AddWatch => Request::AddWatch(watch(body, 0..=1)?),
        OpCode::WhoAmI => Request::WhoAmI,
        OpCode::CloseSession => Request::CloseSession,
        OpCode::Check | OpCode::DeleteContainer | OpCode::Error | OpCode::CreateSession => {
            return Err(DecodeError::Unknown(op));
        }
    })
}

/// Appends the answer to a connect request. `read_only` says whether this server is; `None` leaves
/// it out, for clients that left out theirs.
pub fn encode_connect_response(
    out: &mut Vec<u8>,
    response: &ConnectResponse<'_>,
    read_only: Option<bool>,
) {
    framed(out, |out| {
        append(out, response);
        if let Some(read_only) = read_only {
            append(out, &read_only);
        }
    });
}

/// Appends the answer to a connect request whose session is not known, has expired or has another
/// password: the client cannot tell which.
pub fn encode_refusal(out: &mut Vec<u8>, read_only: Option<bool>) {
    let session_id = SessionId::NONE;
    let password = &[0; 16];
    let response = ConnectResponse { protocol_version: 0, timeout: 0, session_id, password };
    encode_connect_response(out, &response, read_only);
}

/// Appends an answer with a record.
pub fn encode_reply<T: Serialize>(out: &mut Vec<u8>, xid: i32, zxid: Zxid, record: &T) {
    framed(out, |out| {
        append(out, &header(xid, zxid, 0));
        append(out, record);
    });
}

/// Appends an answer that says only that it is done.
pub fn encode_done(out: &mut Vec<u8>, xid: i32, zxid: Zxid) {
    framed(out, |out| append(out, &header(xid, zxid, 0)));
}

/// Appends an answer that says why it could not be done. It has no record.
pub fn encode_error(out: &mut Vec<u8>, xid: i32, zxid: Zxid, error: ErrorCode) {
    framed(out, |out| append(out, &header(xid, zxid, error.code())));
}

/// Appends a watch event. `zxid` is the transaction that fired it; [`NO_ZXID`](protocol::NO_ZXID)
/// if it is told late, to a client that set its watches again.
pub fn encode_event(out: &mut Vec<u8>, zxid: Zxid, event: &WatcherEvent<'_>) {
    encode_reply(out, xid::EVENT, zxid, event);
}

/// Appends the answer to a multi or multiRead. The header reports no error even if a part failed:
/// that is said of each part.
pub fn encode_multi(out: &mut Vec<u8>, xid: i32, zxid: Zxid, results: &[MultiResult<'_>]) {
    framed(out, |out| {
        append(out, &header(xid, zxid, 0));
        for result in results {
            encode_result(out, result);
        }
        append(out, &MultiHeader::END);
    });
}

/// Appends whatever `write` appends, with its length before it.
pub fn framed(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; 4]);
    write(out);
    let length = i32::try_from(out.len() - start - 4).expect("no frame is longer than 2 GiB");
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

fn header(xid: i32, zxid: Zxid, err: i32) -> ReplyHeader {
    ReplyHeader { xid, zxid: zxid.0 as i64, err }
}

fn record<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, DecodeError> {
    Ok(jute::from_slice(body)?)
}

/// Reads a record whose `kind` must be one of these.
fn watch(
    body: &[u8],
    kinds: std::ops::RangeInclusive<i32>,
) -> Result<WatchRequest<'_>, DecodeError> {
    let request: WatchRequest<'_> = record(body)?;
    if kinds.contains(&request.kind) { Ok(request) } else { Err(DecodeError::Marshalling) }
}

/// Reads the parts of a multi: headers and records in turn, until a header says that it is done.
/// One part that may not be there spoils them all.
fn decode_multi(body: &[u8]) -> Result<Vec<MultiOp<'_>>, DecodeError> {
    let mut decoder = Decoder::new(body);
    let mut ops = Vec::new();
    while let Some(op) = next_part(&mut decoder)? {
        ops.push(match op {
            OpCode::Create | OpCode::Create2 | OpCode::CreateContainer => {
                MultiOp::Create { op, request: decoder.next()? }
            }
            OpCode::CreateTtl => MultiOp::CreateTtl(decoder.next()?),
            OpCode::Delete => MultiOp::Delete(decoder.next()?),
            OpCode::SetData => MultiOp::SetData(decoder.next()?),
            OpCode::Check => MultiOp::Check(decoder.next()?),
            _ => return Err(DecodeError::Marshalling),
        });
    }
    let valid = ops.iter().all(|op| match op {
        MultiOp::Create { request, .. } => (0..=6).contains(&request.flags),
        MultiOp::CreateTtl(request) => (0..=6).contains(&request.flags),
        MultiOp::Delete(_) | MultiOp::SetData(_) | MultiOp::Check(_) => true,
    });
    if valid { Ok(ops) } else { Err(DecodeError::Marshalling) }
}

/// Reads the parts of a multiRead.
fn decode_multi_read(body: &[u8]) -> Result<Vec<ReadOp<'_>>, DecodeError> {
    let mut decoder = Decoder::new(body);
    let mut ops = Vec::new();
    while let Some(op) = next_part(&mut decoder)? {
        ops.push(match op {
            OpCode::GetData => ReadOp::GetData(decoder.next()?),
            OpCode::GetChildren => ReadOp::GetChildren(decoder.next()?),
            _ => return Err(DecodeError::Marshalling),
        });
    }
    Ok(ops)
}

/// The type of the next part; `None` after the last one.
fn next_part(decoder: &mut Decoder<'_>) -> Result<Option<OpCode>, DecodeError> {
    let header: MultiHeader = decoder.next()?;
    if header.done {
        return Ok(None);
    }
    OpCode::from_code(header.op).map(Some).ok_or(DecodeError::Marshalling)
}

/// Appends what became of one part: a header, and the record of its kind.
fn encode_result(out: &mut Vec<u8>, result: &MultiResult<'_>) {
    let err = if let MultiResult::Error(code) = result { *code } else { 0 };
    append(out, &MultiHeader { op: result.op().code(), done: false, err });
    match result {
        MultiResult::Create(path) => {
            append(out, &PathResponse { path: Some(path.as_ref().into()) });
        }
        MultiResult::Create2(path, stat) => {
            append(out, &Create2Response { path: path.as_ref().into(), stat: *stat });
        }
        MultiResult::SetData(stat) => append(out, &StatResponse { stat: *stat }),
        MultiResult::GetData(data, stat) => {
            append(out, &GetDataResponse { data: *data, stat: *stat });
        }
        MultiResult::GetChildren(list) => append(out, &ListResponse { list: list.clone() }),
        MultiResult::Error(code) => append(out, &ErrorResponse { err: *code }),
        MultiResult::Delete | MultiResult::Check => {}
    }
}
