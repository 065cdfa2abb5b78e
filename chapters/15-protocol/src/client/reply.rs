//! Replies: what a server answers, with everything owned and the chroot taken off.

use bytes::Bytes;
use jute::records::{self, Acl, ClientInfo, OpCode, Stat};

use super::Error;
use crate::{MultiResult, decode_multi_response};

/// What an operation that succeeded gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Nothing more than that it is done: delete, sync, addWatch, removeWatches, auth, close.
    Done,
    /// create: the path of the new node, and its Stat if it was asked for.
    Created {
        /// The path; a sequential node's has its number.
        path: String,
        /// The Stat.
        stat: Option<Stat>,
    },
    /// exists, setData, setACL.
    Stat(Stat),
    /// getData, reconfig.
    Data {
        /// The data, or null.
        data: Option<Bytes>,
        /// The Stat.
        stat: Stat,
    },
    /// getACL.
    Acl {
        /// The list.
        acl: Vec<Acl>,
        /// The Stat.
        stat: Stat,
    },
    /// getChildren.
    Children {
        /// The names, in the server's order.
        names: Vec<String>,
        /// The Stat, if it was asked for.
        stat: Option<Stat>,
    },
    /// multi, multiRead: one result for each part.
    Multi(Vec<PartResult>),
    /// getEphemerals: their paths.
    Ephemerals(Vec<String>),
    /// getAllChildrenNumber.
    Descendants(i32),
    /// whoAmI.
    Identities(Vec<ClientInfo>),
}

/// What became of one part of a multi.
#[derive(Clone, Debug, PartialEq)]
pub enum PartResult {
    /// delete, check: done.
    Done,
    /// create. Servers before 3.8.2 never give the Stat.
    Created {
        /// The path.
        path: String,
        /// The Stat.
        stat: Option<Stat>,
    },
    /// setData.
    Stat(Stat),
    /// getData.
    Data {
        /// The data, or null.
        data: Option<Bytes>,
        /// The Stat.
        stat: Stat,
    },
    /// getChildren.
    Children(Vec<String>),
    /// The part, or another part of a multi, failed. `None`: it would have succeeded, and was
    /// undone.
    Failed(Option<Error>),
}

impl Reply {
    /// Reads the body of an answer that reports no error.
    pub fn decode(op: OpCode, body: &[u8], chroot: &str) -> Result<Reply, jute::Error> {
        Ok(match op {
            OpCode::Create => {
                let response: records::PathResponse<'_> = jute::from_slice(body)?;
                let path = response.path.unwrap_or_default();
                Reply::Created { path: relative(chroot, &path), stat: None }
            }
            OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => {
                let response: records::Create2Response<'_> = jute::from_slice(body)?;
                let path = relative(chroot, &response.path);
                Reply::Created { path, stat: Some(response.stat) }
            }
            OpCode::Exists | OpCode::SetData | OpCode::SetAcl => {
                Reply::Stat(jute::from_slice::<records::StatResponse>(body)?.stat)
            }
            OpCode::GetData | OpCode::Reconfig => {
                let response: records::GetDataResponse<'_> = jute::from_slice(body)?;
                let data = response.data.map(Bytes::copy_from_slice);
                Reply::Data { data, stat: response.stat }
            }
            OpCode::GetAcl => {
                let response: records::GetAclResponse = jute::from_slice(body)?;
                Reply::Acl { acl: response.acl, stat: response.stat }
            }
            OpCode::GetChildren => {
                let response: records::ListResponse<'_> = jute::from_slice(body)?;
                Reply::Children { names: owned(response.list), stat: None }
            }
            OpCode::GetChildren2 => {
                let response: records::GetChildren2Response<'_> = jute::from_slice(body)?;
                let names = owned(response.children);
                Reply::Children { names, stat: Some(response.stat) }
            }
            OpCode::Multi | OpCode::MultiRead => {
                let results = decode_multi_response(body)?;
                Reply::Multi(results.into_iter().map(|part| part_result(part, chroot)).collect())
            }
            OpCode::GetEphemerals => {
                let response: records::ListResponse<'_> = jute::from_slice(body)?;
                let paths = response.list.iter().map(|path| relative(chroot, path));
                Reply::Ephemerals(paths.collect())
            }
            OpCode::GetAllChildrenNumber => {
                let response: records::GetAllChildrenNumberResponse = jute::from_slice(body)?;
                Reply::Descendants(response.total)
            }
            OpCode::WhoAmI => {
                Reply::Identities(jute::from_slice::<records::WhoAmIResponse>(body)?.clients)
            }
            // What is left answers with a header, or with a body that says nothing more.
            _ => Reply::Done,
        })
    }
}

/// The path as the program names it: what is not below the chroot stays as it is.
pub(crate) fn relative(chroot: &str, path: &str) -> String {
    match path.strip_prefix(chroot) {
        Some("") => "/".to_owned(),
        Some(rest) if rest.starts_with('/') => rest.to_owned(),
        _ => path.to_owned(),
    }
}

fn part_result(result: MultiResult<'_>, chroot: &str) -> PartResult {
    match result {
        MultiResult::Delete | MultiResult::Check => PartResult::Done,
        MultiResult::Create(path) => {
            PartResult::Created { path: relative(chroot, &path), stat: None }
        }
        MultiResult::Create2(path, stat) => {
            PartResult::Created { path: relative(chroot, &path), stat: Some(stat) }
        }
        MultiResult::SetData(stat) => PartResult::Stat(stat),
        MultiResult::GetData(data, stat) => {
            PartResult::Data { data: data.map(Bytes::copy_from_slice), stat }
        }
        MultiResult::GetChildren(names) => PartResult::Children(owned(names)),
        MultiResult::Error(err) => PartResult::Failed(Error::from_wire(err)),
    }
}

fn owned(list: Vec<std::borrow::Cow<'_, str>>) -> Vec<String> {
    list.into_iter().map(|name| name.into_owned()).collect()
}
