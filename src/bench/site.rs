//! The nodes of a benchmark on one target: made before, deleted after.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jute::records::{DeleteRequest, ErrorCode, MaybePathRequest};
use protocol::Request;
use tokio::time::sleep;

use super::pipe::{BenchError, Pipe};
use super::workload::{create_request, created_node, data, nursery, own_node, set_request};

/// How often somebody writes who is not measured.
const NUDGE: Duration = Duration::from_secs(1);

/// A server, or several that are one ensemble.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// As it was given.
    pub(crate) connect: String,
    servers: Vec<String>,
    chroot: String,
}

impl Target {
    /// Reads `host:port[,host:port...][/chroot]`.
    pub(crate) fn parse(connect: &str) -> Result<Self, BenchError> {
        let (servers, chroot) = match connect.find('/') {
            Some(at) => (&connect[..at], connect[at..].trim_end_matches('/')),
            None => (connect, ""),
        };
        let servers: Vec<String> = servers.split(',').map(str::to_string).collect();
        let has_port = |server: &String| {
            server
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        if !servers.iter().all(has_port) {
            return Err(BenchError::Target(connect.into()));
        }
        Ok(Self { connect: connect.into(), servers, chroot: chroot.into() })
    }

    /// The server of a client; clients are dealt out in turn.
    fn server(&self, client: u32) -> &str {
        &self.servers[client as usize % self.servers.len()]
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.connect)
    }
}

/// A target with the nodes that the workloads need.
pub(crate) struct Site {
    pub(crate) target: Target,
    /// The node under which all others lie.
    pub(crate) root: String,
    clients: u32,
}

impl Site {
    /// Makes the nodes for so many clients, with `size` bytes of data.
    pub(crate) async fn prepare(
        target: Target,
        clients: u32,
        size: u32,
    ) -> Result<Self, BenchError> {
        let mut pipe = Pipe::connect(target.server(0)).await?;
        let root = claim_root(&mut pipe, &target.chroot).await?;
        let data = data(size);
        for client in 0..clients {
            pipe.call(&create_request(&own_node(&root, client), &data), &[]).await?;
            pipe.call(&create_request(&nursery(&root, client), &[]), &[]).await?;
        }
        pipe.close().await?;
        Ok(Self { target, root, clients })
    }

    /// Connects a client. Its server may be behind the one through which the nodes were made; it is
    /// not when it has answered.
    pub(crate) async fn connect(&self, client: u32) -> Result<Pipe, BenchError> {
        let mut pipe = Pipe::connect(self.target.server(client)).await?;
        let everything = MaybePathRequest { path: Some(Cow::Borrowed(self.root.as_str())) };
        pipe.call(&Request::Sync(everything), &[]).await?;
        Ok(pipe)
    }

    /// Writes once in a while, until it is dropped or fails. A server of ZooKeeper 3.8 may leave a
    /// read that came together with a commit without an answer until the next commit; when all
    /// clients wait for such a read, nothing else would wake it.
    pub(crate) async fn nudge(&self) -> BenchError {
        let mut pipe = match Pipe::connect(self.target.server(0)).await {
            Ok(pipe) => pipe,
            Err(error) => return error,
        };
        let path = nursery(&self.root, 0);
        loop {
            sleep(NUDGE).await;
            if let Err(error) = pipe.call(&set_request(&path, &[]), &[]).await {
                return error;
            }
        }
    }

    /// Deletes what a client has created.
    pub(crate) async fn remove_created(
        &self,
        pipe: &mut Pipe,
        client: u32,
        created: u64,
    ) -> Result<(), BenchError> {
        pipe.call_all((0..created).map(|n| delete_request(created_node(&self.root, client, n))))
            .await
    }

    /// Deletes the rest.
    pub(crate) async fn clear(&self) -> Result<(), BenchError> {
        let mut pipe = Pipe::connect(self.target.server(0)).await?;
        for client in 0..self.clients {
            // A run that failed may have left nodes here; then this one stays, and the root.
            let accepted = [ErrorCode::NotEmpty as i32];
            pipe.call(&delete_request(nursery(&self.root, client)), &accepted).await?;
            pipe.call(&delete_request(own_node(&self.root, client)), &[]).await?;
        }
        pipe.call(&delete_request(self.root.clone()), &[ErrorCode::NotEmpty as i32]).await?;
        pipe.close().await
    }
}

/// Creates the first `/ensemble-bench-<n>` that is free.
async fn claim_root(pipe: &mut Pipe, chroot: &str) -> Result<String, BenchError> {
    // Two targets may be the same server.
    static NEXT: AtomicU32 = AtomicU32::new(1);
    loop {
        let root = format!("{chroot}/ensemble-bench-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let taken = ErrorCode::NodeExists as i32;
        if pipe.call(&create_request(&root, &[]), &[taken]).await? != taken {
            return Ok(root);
        }
    }
}

fn delete_request(path: String) -> Request<'static> {
    Request::Delete(DeleteRequest { path: path.into(), version: -1 })
}
