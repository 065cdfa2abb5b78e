//! Frames in words, for traces: `create /a xid=1`, `reply xid=1 zxid=0.4 ok 9 bytes`.
//!
//! Whatever the bytes are, there is something to say of them.

use jute::records::{ErrorCode, OpCode, WatcherEvent};
use zxid::Zxid;

use crate::{
    NO_ZXID, decode_connect, decode_connect_response, decode_header, decode_reply, decode_request,
    xid,
};

/// What a client's frame says, without its length.
pub fn describe_request(frame: &[u8]) -> String {
    // The first frame has no header. With one, it would be request 0 of some odd operation.
    if let (Some([0, 0, 0, 0]), Ok((request, read_only))) =
        (frame.first_chunk(), decode_connect(frame))
        && frame.len() == 28 + request.password.map_or(0, <[u8]>::len) + read_only.iter().len()
    {
        let (timeout, session) = (request.timeout, request.session_id);
        return format!("ConnectRequest timeout={timeout} session={session}");
    }
    let Ok((header, body)) = decode_header(frame) else {
        return format!("{} bytes that are no request", frame.len());
    };
    let xid = header.xid;
    match (decode_request(header.op, body), OpCode::from_code(header.op)) {
        (Ok(request), _) => match request.path() {
            Some(path) => format!("{} {path} xid={xid}", request.op()),
            None => format!("{} xid={xid}", request.op()),
        },
        (Err(_), Some(op)) => format!("{op} xid={xid} undecodable"),
        (Err(_), None) => format!("operation {} xid={xid}", header.op),
    }
}

/// What a server's frame says, without its length.
pub fn describe_reply(frame: &[u8]) -> String {
    if let (Some([0, 0, 0, 0]), Ok((response, read_only))) =
        (frame.first_chunk(), decode_connect_response(frame))
        && frame.len() == 20 + response.password.len() + read_only.iter().len()
    {
        let (timeout, session) = (response.timeout, response.session_id);
        return format!("ConnectResponse timeout={timeout} session={session}");
    }
    let Ok((header, body)) = decode_reply(frame) else {
        return format!("{} bytes that are no reply", frame.len());
    };
    let zxid = match Zxid(header.zxid as u64) {
        NO_ZXID => "none".to_owned(),
        zxid => zxid.to_string(),
    };
    if header.xid == xid::EVENT
        && let Ok(event) = jute::from_slice::<WatcherEvent<'_>>(body)
    {
        return format!("event {} {} zxid={zxid}", happening(event.kind), event.path);
    }
    let outcome = match (header.err, ErrorCode::from_code(header.err)) {
        (0, _) if body.is_empty() => "ok".to_owned(),
        (0, _) => format!("ok {} bytes", body.len()),
        (_, Some(error)) => error.to_string(),
        (code, None) => format!("error {code}"),
    };
    format!("reply xid={} zxid={zxid} {outcome}", header.xid)
}

/// What a server sends in one go: frames with their lengths, or plain text.
pub fn describe_chunk(chunk: &[u8]) -> String {
    frames(chunk, describe_reply)
}

/// What a client sends in one go, likewise.
pub fn describe_asked(chunk: &[u8]) -> String {
    frames(chunk, describe_request)
}

fn frames(chunk: &[u8], describe: fn(&[u8]) -> String) -> String {
    let mut rest = chunk;
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = jute::read_frame(&mut rest, usize::MAX) {
        frames.push(describe(frame));
    }
    if rest.is_empty() { frames.join(", ") } else { format!("{} bytes of text", chunk.len()) }
}

/// The name of what happened to a node. ZooKeeper: `Watcher.Event.EventType`.
fn happening(kind: i32) -> &'static str {
    match kind {
        1 => "NodeCreated",
        2 => "NodeDeleted",
        3 => "NodeDataChanged",
        4 => "NodeChildrenChanged",
        _ => "of unknown kind",
    }
}
