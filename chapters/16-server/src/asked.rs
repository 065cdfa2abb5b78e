//! How a write was asked for: what its answer must look like.

use jute::records::OpCode;
use protocol::Request;

/// The operation of a write, and those of its parts if it is a multi.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The operation.
    pub op: OpCode,
    /// The operations of a multi's parts.
    pub parts: Vec<OpCode>,
}

impl Asked {
    /// How a request asks.
    pub fn by(request: &Request<'_>) -> Asked {
        let parts = match request {
            Request::Multi(ops) => ops.iter().map(|op| op.op()).collect(),
            _ => Vec::new(),
        };
        Asked { op: request.op(), parts }
    }

    /// Whether an operation is a write: it takes a zxid and goes through the log.
    pub fn is_write(op: OpCode) -> bool {
        matches!(
            op,
            OpCode::Create
                | OpCode::Create2
                | OpCode::CreateContainer
                | OpCode::CreateTtl
                | OpCode::Delete
                | OpCode::SetData
                | OpCode::SetAcl
                | OpCode::Multi
                | OpCode::Reconfig
                | OpCode::CloseSession
        )
    }
}
