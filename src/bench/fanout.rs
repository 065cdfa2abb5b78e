//! The watch workload: one change, many watchers, until the last has heard of it.

use std::borrow::Cow;
use std::time::Duration;

use jute::records::ReadRequest;
use protocol::{Request, xid};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::pipe::{BenchError, Pipe};
use super::site::Site;
use super::workload::{data, own_node, set_request};
use super::{Run, histogram};

/// What a watcher says.
#[derive(PartialEq)]
enum Said {
    /// It watches, or it has heard.
    There,
    /// It has lost its connection.
    Failed,
}

/// Changes one node again and again; each time all watchers watch it first.
pub(crate) async fn run(
    site: &Site,
    watchers: u32,
    size: u32,
    duration: Duration,
) -> Result<Run, BenchError> {
    let path = own_node(&site.root, 0);
    let (tell, mut told) = unbounded_channel();
    let mut tasks = JoinSet::new();
    for client in 0..watchers {
        let pipe = site.connect(client).await?;
        let (path, tell) = (path.clone(), tell.clone());
        tasks.spawn_local(async move {
            let watched = watch(pipe, path, &tell).await;
            if watched.is_err() {
                // At the end nobody listens any more.
                tell.send(Said::Failed).ok();
            }
            watched
        });
    }
    let mut writer = site.connect(0).await?;
    let data = data(size);
    let mut run = Run { count: 0, elapsed: duration, latencies: histogram() };
    let start = Instant::now();
    while start.elapsed() < duration {
        // All watch.
        if !all(&mut told, watchers).await {
            break;
        }
        let changed = Instant::now();
        writer.call(&set_request(&path, &data), &[]).await?;
        // All have heard.
        if !all(&mut told, watchers).await {
            break;
        }
        run.latencies.saturating_record(changed.elapsed().as_nanos() as u64);
        run.count += 1;
    }
    run.elapsed = start.elapsed();
    drop(told);
    // The watchers end when nobody listens any more: one change wakes them.
    writer.call(&set_request(&path, &data), &[]).await?;
    while let Some(joined) = tasks.join_next().await {
        joined.expect("a watcher does not panic")?;
    }
    writer.close().await?;
    Ok(run)
}

/// Waits until every watcher has said that it is there; false when one has failed.
async fn all(told: &mut UnboundedReceiver<Said>, watchers: u32) -> bool {
    for _ in 0..watchers {
        if told.recv().await != Some(Said::There) {
            return false;
        }
    }
    true
}

/// Watches the node, says so; hears of a change, says so; and again.
async fn watch(
    mut pipe: Pipe,
    path: String,
    tell: &UnboundedSender<Said>,
) -> Result<(), BenchError> {
    loop {
        let request = ReadRequest { path: Cow::Borrowed(&path), watch: true };
        pipe.call(&Request::GetData(request), &[]).await?;
        if tell.send(Said::There).is_err() {
            break;
        }
        while pipe.arrived().await?.xid != xid::EVENT {}
        if tell.send(Said::There).is_err() {
            break;
        }
    }
    pipe.close().await
}
