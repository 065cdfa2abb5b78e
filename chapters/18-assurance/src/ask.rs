//! What a client asked, read from its frame by a second pair of eyes.
//!
//! ZooKeeper: `zookeeper.jute`, `ZooDefs.OpCode`.

use jute::records::{
    AuthPacket, CheckVersionRequest, CreateRequest, CreateTtlRequest, DeleteRequest,
    MaybePathRequest, MultiHeader, OpCode, PathRequest, ReadRequest, RequestHeader, SetAclRequest,
    SetDataRequest, SetWatches, SetWatches2, WatchRequest,
};
use jute::{Decoder, Error};

/// A request, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ask<'a> {
    Create(OpCode, CreateRequest<'a>),
    CreateTtl(CreateTtlRequest<'a>),
    Delete(DeleteRequest<'a>),
    SetData(SetDataRequest<'a>),
    SetAcl(SetAclRequest<'a>),
    Check(CheckVersionRequest<'a>),
    Multi(Vec<Ask<'a>>),
    MultiRead(Vec<Ask<'a>>),
    Exists(ReadRequest<'a>),
    GetData(ReadRequest<'a>),
    GetChildren(ReadRequest<'a>),
    GetChildren2(ReadRequest<'a>),
    GetAcl(PathRequest<'a>),
    GetAllChildrenNumber(PathRequest<'a>),
    GetEphemerals(MaybePathRequest<'a>),
    Sync(MaybePathRequest<'a>),
    AddWatch(WatchRequest<'a>),
    CheckWatches(WatchRequest<'a>),
    RemoveWatches(WatchRequest<'a>),
    SetWatches(SetWatches2<'a>),
    Auth(AuthPacket<'a>),
    Ping,
    WhoAmI,
    CloseSession,
}

impl<'a> Ask<'a> {
    /// Reads a frame that is not the first of its connection. What cannot be read is an error, and
    /// an operation that no simulated client sends is `None`.
    pub(crate) fn read(frame: &'a [u8]) -> Result<Option<(RequestHeader, Ask<'a>)>, Error> {
        let mut rest = Decoder::new(frame);
        let header: RequestHeader = rest.next()?;
        let Some(op) = OpCode::from_code(header.op) else { return Ok(None) };
        Ok(Ask::body(op, &mut rest)?.map(|ask| (header, ask)))
    }

    /// Whether the answer is a transaction.
    pub(crate) fn writes(&self) -> bool {
        matches!(
            self,
            Ask::Create(..)
                | Ask::CreateTtl(_)
                | Ask::Delete(_)
                | Ask::SetData(_)
                | Ask::SetAcl(_)
                | Ask::Check(_)
                | Ask::Multi(_)
                | Ask::CloseSession
        )
    }

    /// Whether the request may be answered before what was asked earlier.
    pub(crate) fn overtakes(&self) -> bool {
        matches!(self, Ask::Auth(_) | Ask::Ping)
    }

    fn body(op: OpCode, rest: &mut Decoder<'a>) -> Result<Option<Ask<'a>>, Error> {
        Ok(Some(match op {
            OpCode::Create | OpCode::Create2 | OpCode::CreateContainer => {
                Ask::Create(op, rest.next()?)
            }
            OpCode::CreateTtl => Ask::CreateTtl(rest.next()?),
            OpCode::Delete => Ask::Delete(rest.next()?),
            OpCode::SetData => Ask::SetData(rest.next()?),
            OpCode::SetAcl => Ask::SetAcl(rest.next()?),
            OpCode::Check => Ask::Check(rest.next()?),
            OpCode::Multi => Ask::Multi(Ask::parts(rest)?),
            OpCode::MultiRead => Ask::MultiRead(Ask::parts(rest)?),
            OpCode::Exists => Ask::Exists(rest.next()?),
            OpCode::GetData => Ask::GetData(rest.next()?),
            OpCode::GetChildren => Ask::GetChildren(rest.next()?),
            OpCode::GetChildren2 => Ask::GetChildren2(rest.next()?),
            OpCode::GetAcl => Ask::GetAcl(rest.next()?),
            OpCode::GetAllChildrenNumber => Ask::GetAllChildrenNumber(rest.next()?),
            OpCode::GetEphemerals => Ask::GetEphemerals(rest.next()?),
            OpCode::Sync => Ask::Sync(rest.next()?),
            OpCode::AddWatch => Ask::AddWatch(rest.next()?),
            OpCode::CheckWatches => Ask::CheckWatches(rest.next()?),
            OpCode::RemoveWatches => Ask::RemoveWatches(rest.next()?),
            OpCode::SetWatches => {
                let one_shot: SetWatches = rest.next()?;
                let (persistent, recursive) = (Vec::new(), Vec::new());
                Ask::SetWatches(SetWatches2 { one_shot, persistent, recursive })
            }
            OpCode::SetWatches2 => Ask::SetWatches(rest.next()?),
            OpCode::Auth => Ask::Auth(rest.next()?),
            OpCode::Ping => Ask::Ping,
            OpCode::WhoAmI => Ask::WhoAmI,
            OpCode::CloseSession => Ask::CloseSession,
            OpCode::Reconfig
            | OpCode::DeleteContainer
            | OpCode::Sasl
            | OpCode::Error
            | OpCode::CreateSession => return Ok(None),
        }))
    }

    /// The parts of a multi, up to the header that says that it is done.
    fn parts(rest: &mut Decoder<'a>) -> Result<Vec<Ask<'a>>, Error> {
        let mut parts = Vec::new();
        loop {
            let header: MultiHeader = rest.next()?;
            if header.done {
                return Ok(parts);
            }
            let part = OpCode::from_code(header.op).map(|op| Ask::body(op, rest)).transpose()?;
            parts.extend(part.flatten());
        }
    }
}
