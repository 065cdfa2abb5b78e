//! The client library on real sockets: against our server, or another one, through a connection
//! that the test can cut.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

#[path = "support/server.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod server;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ensemble::client::{
    Client, ConnectError, CreateMode, Error, EventKind, Operation, PartResult, Read, SessionState,
    WatchKind,
};
use jute::records::ErrorCode;
use server::Server;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const SETTINGS: &[(&str, &str)] = &[("tickTime", "500"), ("4lw.commands.whitelist", "*")];
const TIMEOUT: Duration = Duration::from_secs(5);

/// A way to a server that can be cut, and closed for a while.
struct Road {
    address: SocketAddr,
    cut: watch::Sender<u32>,
    closed: Arc<AtomicBool>,
}

impl Road {
    async fn to(server: SocketAddr) -> Road {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, cuts) = watch::channel(0);
        let closed = Arc::new(AtomicBool::new(false));
        let barred = closed.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                if barred.load(Ordering::Relaxed) {
                    continue;
                }
                let mut cuts = cuts.clone();
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(server).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        Road { address, cut, closed }
    }

    /// Cuts every connection.
    fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }

    fn close(&self, closed: bool) {
        self.closed.store(closed, Ordering::Relaxed);
    }
}

async fn client(address: SocketAddr) -> Client {
    Client::connect(&address.to_string(), TIMEOUT).await.unwrap()
}

#[tokio::test]
async fn a_client_creates_reads_writes_and_deletes() {
    let server = Server::start(SETTINGS);
    let client = client(server.address()).await;
    assert_eq!(client.create("/a", "one", CreateMode::Persistent).await.unwrap(), "/a");
    let exists = client.create("/a", "one", CreateMode::Persistent).await;
    assert_eq!(exists, Err(Error::Code(ErrorCode::NodeExists)));
    let (path, stat) =
        client.create_with_stat("/a/s-", "", CreateMode::EphemeralSequential).await.unwrap();
    assert_eq!((path.as_str(), stat.ephemeral_owner), ("/a/s-0000000000", client.session_id().0));
    let stat = client.set_data("/a", "two", 0).await.unwrap();
    assert_eq!((stat.version, stat.num_children), (1, 1));
    let (data, stat) = client.get_data("/a").await.unwrap();
    assert_eq!((&data[..], stat.version), (&b"two"[..], 1));
    assert_eq!(client.get_children("/a").await.unwrap(), ["s-0000000000"]);
    assert_eq!(client.get_ephemerals("/a").await.unwrap(), ["/a/s-0000000000"]);
    assert_eq!(client.count_descendants("/a").await.unwrap(), 1);
    let results = client.multi_read(vec![Read::Data("/a".into()), Read::Data("/b".into())]).await;
    let results = results.unwrap();
    assert!(matches!(results[0], PartResult::Data { .. }));
    assert_eq!(results[1], PartResult::Failed(Some(Error::Code(ErrorCode::NoNode))));
    let transaction = client.transaction().delete("/a/s-0000000000", -1).check("/a", 9);
    assert_eq!(transaction.commit().await.unwrap_err().at, Some(1));
    let transaction = client.transaction().delete("/a/s-0000000000", -1).delete("/a", 1);
    assert_eq!(transaction.commit().await.unwrap(), [PartResult::Done, PartResult::Done]);
    assert_eq!(client.exists("/a").await.unwrap(), None);
    client.close().await.unwrap();
    assert_eq!(client.exists("/a").await, Err(Error::Closed));
}

#[tokio::test]
async fn a_session_outlives_its_connection_with_its_nodes_watches_and_credentials() {
    let server = Server::start(SETTINGS);
    let road = Road::to(server.address()).await;
    let (client, other) = (client(road.address).await, client(server.address()).await);
    client.add_auth("digest", "bob:secret").await.unwrap();
    client.create("/mine", "", CreateMode::Ephemeral).await.unwrap();
    other.create("/kept", "", CreateMode::Persistent).await.unwrap();
    let (_, _, kept) = client.get_data_watch("/kept").await.unwrap();
    let (_, awaited) = client.exists_watch("/awaited").await.unwrap();
    let (_, _, children) = client.get_children_watch("/kept").await.unwrap();
    // Not on the same path: before 3.9 servers keep only the last kind of watch on one.
    other.create("/tree", "", CreateMode::Persistent).await.unwrap();
    let mut all = client.add_watch("/tree", true).await.unwrap();
    let session = client.session_id();

    // While the client is away, what it waits for happens.
    let mut states = client.states();
    road.close(true);
    road.cut();
    assert_eq!(states.next().await, Some(SessionState::Disconnected));
    other.set_data("/kept", "changed", -1).await.unwrap();
    other.create("/awaited", "", CreateMode::Persistent).await.unwrap();
    assert!(other.exists("/mine").await.unwrap().is_some());
    road.close(false);
    assert_eq!(states.next().await, Some(SessionState::SyncConnected));

    assert_eq!(kept.await.unwrap().kind, EventKind::NodeDataChanged);
    assert_eq!(awaited.await.unwrap().kind, EventKind::NodeCreated);
    assert_eq!(client.session_id(), session);
    let who = client.who_am_i().await.unwrap();
    assert!(who.iter().any(|client| client.scheme == "digest" && client.user == "bob"));
    // Watches that did not fire are there again, once the server has answered.
    client.sync("/").await.unwrap();
    other.create("/kept/child", "", CreateMode::Persistent).await.unwrap();
    assert_eq!(children.await.unwrap().kind, EventKind::NodeChildrenChanged);
    other.create("/tree/child", "", CreateMode::Persistent).await.unwrap();
    let event = all.next().await.unwrap();
    assert_eq!((event.kind, event.path.as_str()), (EventKind::NodeCreated, "/tree/child"));
    client.remove_watches("/tree", WatchKind::Any, false).await.unwrap();
    client.close().await.unwrap();
    assert_eq!(other.exists("/mine").await.unwrap(), None);
}

#[tokio::test]
async fn requests_that_were_not_sent_wait_for_the_next_connection() {
    let server = Server::start(SETTINGS);
    let road = Road::to(server.address()).await;
    let client = client(road.address).await;
    let mut states = client.states();
    road.cut();
    assert_eq!(states.next().await, Some(SessionState::Disconnected));
    let asked: Vec<_> = (0..100)
        .map(|number| client.request(Operation::Exists { path: format!("/{number}") }))
        .collect();
    for answer in asked {
        assert_eq!(answer.await, Err(Error::Code(ErrorCode::NoNode)));
    }
}

#[tokio::test]
async fn a_session_that_was_away_too_long_is_over() {
    let server = Server::start(SETTINGS);
    let road = Road::to(server.address()).await;
    let client = Client::connect(&road.address.to_string(), Duration::from_secs(1)).await.unwrap();
    let (_, watch) = client.exists_watch("/a").await.unwrap();
    let mut states = client.states();
    road.close(true);
    road.cut();
    assert_eq!(states.next().await, Some(SessionState::Disconnected));
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    road.close(false);
    assert_eq!(states.next().await, Some(SessionState::Expired));
    assert_eq!(states.next().await, None);
    assert_eq!(watch.await, Err(Error::SESSION_EXPIRED));
    assert_eq!(client.exists("/a").await, Err(Error::SESSION_EXPIRED));
}

#[tokio::test]
async fn an_idle_client_keeps_its_session() {
    let server = Server::start(SETTINGS);
    let client =
        Client::connect(&server.address().to_string(), Duration::from_secs(1)).await.unwrap();
    client.create("/e", "", CreateMode::Ephemeral).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(client.exists("/e").await.unwrap().is_some());
    assert_eq!(client.session_state(), SessionState::SyncConnected);
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_session() {
    let server = Server::start(SETTINGS);
    let (client, other) = (client(server.address()).await, client(server.address()).await);
    client.create("/e", "", CreateMode::Ephemeral).await.unwrap();
    let (_, watch) = other.exists_watch("/e").await.unwrap();
    drop(client);
    assert_eq!(watch.await.unwrap().kind, EventKind::NodeDeleted);
}

#[tokio::test]
async fn large_data_and_many_children_come_through() {
    let server = Server::start(SETTINGS);
    let client = client(server.address()).await;
    let large = vec![7; 1_000_000];
    client.create("/large", large.clone(), CreateMode::Persistent).await.unwrap();
    assert_eq!(client.get_data("/large").await.unwrap().0, large);
    let create = |number: u32| Operation::Create {
        path: format!("/large/{number:0>200}"),
        data: None,
        acl: jute::records::Acl::open(),
        mode: CreateMode::Persistent,
        ttl: -1,
        stat: false,
    };
    let asked: Vec<_> = (0..6_000).map(|number| client.request(create(number))).collect();
    for answer in asked {
        answer.await.unwrap();
    }
    // More than Apache's own client reads.
    assert_eq!(client.get_children("/large").await.unwrap().len(), 6_000);
}

#[tokio::test]
async fn a_client_says_why_it_cannot_connect() {
    let error = Client::connect("127.0.0.1:1", Duration::from_millis(300)).await.unwrap_err();
    let ConnectError::Unreachable { servers, reason: Some(reason) } = error else {
        panic!("{error}")
    };
    assert_eq!(servers, "127.0.0.1:1");
    assert!(reason.starts_with("127.0.0.1:1: "), "the reason is {reason:?}");
    let error = Client::connect("here:there", TIMEOUT).await.unwrap_err();
    assert!(matches!(error, ConnectError::Malformed(_)));
}
