//! A line for each connection: `stat` and `cons`.
//!
//! ZooKeeper: `ServerCnxn.dumpConnectionInfo`, `ServerStats`, `Request.op2String`.

use std::net::{IpAddr, SocketAddr};

use jute::records::OpCode;
use zxid::SessionId;

use super::line;
use crate::client::{Client, ClientStats};
use crate::facts::Facts;

/// Every connection, in short.
pub(super) fn brief(facts: &Facts<'_>) -> String {
    let mut text = String::new();
    for client in facts.clients.values() {
        line(&mut text, format_args!(" {})", head(client, facts)));
    }
    text
}

/// Every connection, with its session and its last operation.
pub(super) fn full(facts: &Facts<'_>) -> String {
    let mut text = String::new();
    for client in facts.clients.values() {
        let session = match client.session {
            SessionId::NONE => String::new(),
            _ => session(client, facts),
        };
        line(&mut text, format_args!(" {}{session})", head(client, facts)));
    }
    text
}

/// An address as Java prints it: IPv6 in full.
pub(super) fn address(from: SocketAddr) -> String {
    let port = from.port();
    match from.ip() {
        IpAddr::V4(ip) => format!("/{ip}:{port}"),
        IpAddr::V6(ip) => {
            let groups = ip.segments().map(|group| format!("{group:x}"));
            format!("/[{}]:{port}", groups.join(":"))
        }
    }
}

fn head(client: &Client, facts: &Facts<'_>) -> String {
    // 1: it is read from. The connection that asks is read no more, nor is one that must wait.
    let asks = client.connection.number == facts.asking;
    let interest = u8::from(!asks && !client.paused);
    let (address, queued) = (address(client.connection.from), client.waiting.len());
    let ClientStats { received, sent, .. } = client.stats;
    format!("{address}[{interest}](queued={queued},recved={received},sent={sent}")
}

fn session(client: &Client, facts: &Facts<'_>) -> String {
    let stats = &client.stats;
    let cxid = match stats.last_cxid {
        negative if negative < 0 => String::new(),
        cxid => format!(",lcxid=0x{cxid:x}"),
    };
    format!(
        ",sid={},lop={},est={},to={}{cxid},lzxid=0x{:x},lresp={},llat={},minlat={},avglat={},maxlat={}",
        client.session,
        stats.last_op.map_or("NA", short),
        facts.wall_ms(client.opened),
        client.timeout,
        stats.last_zxid,
        stats.last_response.as_millis(),
        stats.last_latency,
        stats.latency.min,
        stats.latency.total.checked_div(stats.latency.count).unwrap_or(0),
        stats.latency.max,
    )
}

fn short(op: OpCode) -> &'static str {
    match op {
        OpCode::Create | OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => "CREA",
        OpCode::Delete | OpCode::DeleteContainer => "DELE",
        OpCode::Exists => "EXIS",
        OpCode::GetData => "GETD",
        OpCode::SetData => "SETD",
        OpCode::GetAcl => "GETA",
        OpCode::SetAcl => "SETA",
        OpCode::GetChildren | OpCode::GetChildren2 => "GETC",
        OpCode::GetAllChildrenNumber => "GETACN",
        OpCode::GetEphemerals => "GETE",
        OpCode::Sync => "SYNC",
        OpCode::Ping => "PING",
        OpCode::Check => "CHEC",
        OpCode::Multi => "MULT",
        OpCode::MultiRead => "MLTR",
        OpCode::Reconfig => "RECO",
        OpCode::CheckWatches => "CHKW",
        OpCode::RemoveWatches => "REMW",
        OpCode::SetWatches => "SETW",
        OpCode::SetWatches2 => "STW2",
        OpCode::AddWatch => "ADDW",
        OpCode::WhoAmI => "HOMI",
        OpCode::CreateSession => "SESS",
        OpCode::CloseSession => "CLOS",
        OpCode::Auth | OpCode::Sasl | OpCode::Error => "NA",
    }
}
