//! A client's end of the wire: what it asks is written, and what it is told is read.

use jute::records::{
    ConnectRequest, ConnectResponse, Create2Response, ErrorResponse, GetDataResponse, ListResponse,
    MultiHeader, OpCode, PathResponse, ReplyHeader, RequestHeader, StatResponse,
};
use jute::{Decoder, append};

use crate::{MultiOp, MultiResult, ReadOp, Request, framed};

/// Appends the first frame of a connection. `read_only` says whether a read-only server will do;
/// `None` leaves it out, as old clients do.
pub fn encode_connect(out: &mut Vec<u8>, request: &ConnectRequest<'_>, read_only: Option<bool>) {
    framed(out, |out| {
        append(out, request);
        if let Some(read_only) = read_only {
            append(out, &read_only);
        }
    });
}

/// Appends a request, with its header and length.
pub fn encode_request(out: &mut Vec<u8>, xid: i32, request: &Request<'_>) {
    framed(out, |out| {
        append(out, &RequestHeader { xid, op: request.op().code() });
        append_record(out, request);
    });
}

/// Reads the answer to the first frame. The flag says whether the server is read-only; it is there
/// if the request had its own.
pub fn decode_connect_response(
    frame: &[u8],
) -> Result<(ConnectResponse<'_>, Option<bool>), jute::Error> {
    let mut decoder = Decoder::new(frame);
    let response = decoder.next()?;
    Ok((response, decoder.rest().first().map(|byte| *byte != 0)))
}

/// Splits a frame into the answer's header and its record, which is one of `jute::records`.
pub fn decode_reply(frame: &[u8]) -> Result<(ReplyHeader, &[u8]), jute::Error> {
    let mut decoder = Decoder::new(frame);
    Ok((decoder.next()?, decoder.rest()))
}

/// Reads the record of an answer to a multi or multiRead.
pub fn decode_multi_response(body: &[u8]) -> Result<Vec<MultiResult<'_>>, jute::Error> {
    let mut decoder = Decoder::new(body);
    let mut results = Vec::new();
    loop {
        let header: MultiHeader = decoder.next()?;
        if header.done {
            return Ok(results);
        }
        results.push(decode_result(header.op, &mut decoder)?);
    }
}

/// Reads what became of one part.
fn decode_result<'a>(op: i32, decoder: &mut Decoder<'a>) -> Result<MultiResult<'a>, jute::Error> {
    Ok(match OpCode::from_code(op) {
        Some(OpCode::Create) => {
            let response: PathResponse<'_> = decoder.next()?;
            MultiResult::Create(response.path.ok_or(jute::Error::Null)?)
        }
        Some(OpCode::Create2) => {
            let response: Create2Response<'_> = decoder.next()?;
            MultiResult::Create2(response.path, response.stat)
        }
        Some(OpCode::Delete) => MultiResult::Delete,
        Some(OpCode::SetData) => MultiResult::SetData(decoder.next::<StatResponse>()?.stat),
        Some(OpCode::Check) => MultiResult::Check,
        Some(OpCode::GetData) => {
            let response: GetDataResponse<'_> = decoder.next()?;
            MultiResult::GetData(response.data, response.stat)
        }
        Some(OpCode::GetChildren) => {
            MultiResult::GetChildren(decoder.next::<ListResponse<'_>>()?.list)
        }
        Some(OpCode::Error) => MultiResult::Error(decoder.next::<ErrorResponse>()?.err),
        _ => return Err(jute::Error::UnknownOp(op)),
    })
}

fn append_record(out: &mut Vec<u8>, request: &Request<'_>) {
    match request {
        Request::Create { request, .. } => append(out, request),
        Request::CreateTtl(request) => append(out, request),
        Request::Delete(request) => append(out, request),
        Request::Exists(request)
        | Request::GetData(request)
        | Request::GetChildren(request)
        | Request::GetChildren2(request) => append(out, request),
        Request::SetData(request) => append(out, request),
        Request::GetAcl(request) | Request::GetAllChildrenNumber(request) => append(out, request),
        Request::SetAcl(request) => append(out, request),
        Request::Sync(request) | Request::GetEphemerals(request) => append(out, request),
        Request::Multi(ops) => {
            for op in ops {
                append_multi_op(out, op);
            }
            append(out, &MultiHeader::END);
        }
        Request::MultiRead(ops) => {
            for op in ops {
                let (ReadOp::GetData(request) | ReadOp::GetChildren(request)) = op;
                append(out, &part(op.op()));
                append(out, request);
            }
            append(out, &MultiHeader::END);
        }
        Request::Reconfig(request) => append(out, request),
        Request::CheckWatches(request)
        | Request::RemoveWatches(request)
        | Request::AddWatch(request) => append(out, request),
        Request::Auth(request) => append(out, request),
        Request::SetWatches(request) => append(out, request),
        Request::SetWatches2(request) => append(out, request),
        Request::Sasl(request) => append(out, request),
        Request::Ping | Request::WhoAmI | Request::CloseSession => {}
    }
}

fn append_multi_op(out: &mut Vec<u8>, op: &MultiOp<'_>) {
    append(out, &part(op.op()));
    match op {
        MultiOp::Create { request, .. } => append(out, request),
        MultiOp::CreateTtl(request) => append(out, request),
        MultiOp::Delete(request) => append(out, request),
        MultiOp::SetData(request) => append(out, request),
        MultiOp::Check(request) => append(out, request),
    }
}

/// The header of a part of a request.
fn part(op: OpCode) -> MultiHeader {
    MultiHeader { op: op.code(), done: false, err: -1 }
}
