//! Serves the finished book to this host only, and builds it again when a page, the code or the
//! product changes. Open pages ask whether there is a newer build, and load themselves again.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use notify_debouncer_mini::notify::RecursiveMode;
use notify_debouncer_mini::{DebounceEventResult, new_debouncer};
use serde::Deserialize;
use tokio::sync::watch;
use tower_http::services::ServeDir;

use crate::build::{Plan, build};

/// Where a page asks for the number of the newest build.
pub const NEWEST: &str = "__newest";

/// How long an answer may wait for a newer build.
const PATIENCE: Duration = Duration::from_secs(25);

/// How long files must rest before they are read.
const REST: Duration = Duration::from_millis(200);

/// What is watched, seen from the root of the course.
const WATCHED: &[&str] = &[
    "book/pages",
    "book/theme",
    "book/exercises.toml",
    "book/syllabus.toml",
    "chapters",
    "solutions",
    "src",
    "tests",
];

/// Serves until the process is ended. `ready` is told the address.
///
/// # Errors
/// The port is in use, or the files cannot be watched.
pub fn serve(plan: &Plan, port: u16, ready: impl FnOnce(SocketAddr)) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the operating system refuses threads")?;
    let (tell, newest) = watch::channel(1_u64);
    let (changed, changes) = mpsc::channel();
    let mut watcher = new_debouncer(REST, move |events: DebounceEventResult| {
        let paths = events.unwrap_or_default().into_iter().map(|event| event.path);
        changed.send(paths.collect::<Vec<PathBuf>>()).ok();
    })?;
    for name in WATCHED {
        let path = plan.place.root.join(name);
        watcher
            .watcher()
            .watch(&path, RecursiveMode::Recursive)
            .with_context(|| name.to_string())?;
    }
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)))
        .with_context(|| format!("127.0.0.1:{port}; choose another with --port"))?;
    ready(listener.local_addr()?);
    let app = Router::new()
        .route(&format!("/{NEWEST}"), get(answer))
        .with_state(newest)
        .fallback_service(ServeDir::new(&plan.out));
    runtime.spawn(async move { axum::serve(listener, app).await });
    for paths in changes {
        if paths.iter().any(|path| matters(path)) {
            again(plan, &tell);
        }
    }
    Ok(())
}

/// Builds anew, and tells what came of it.
fn again(plan: &Plan, tell: &watch::Sender<u64>) {
    let begun = Instant::now();
    match build(plan) {
        Ok(()) => {
            eprintln!("built again in {:.1} s", begun.elapsed().as_secs_f64());
            tell.send_modify(|number| *number += 1);
        }
        Err(why) => eprintln!("{why:#}\nthe book is as it was before"),
    }
}

/// Editors write files of their own beside those that are read here.
fn matters(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    !name.starts_with('.') && !name.ends_with('~')
}

#[derive(Deserialize)]
struct Known {
    /// The build from which the asking page came; 0 if it does not know.
    than: u64,
}

/// The number of the newest build: at once if it is newer than the one known, or later.
async fn answer(State(mut newest): State<watch::Receiver<u64>>, known: Query<Known>) -> String {
    let is_newer = |number: &u64| known.than == 0 || *number > known.than;
    let waited = tokio::time::timeout(PATIENCE, newest.wait_for(is_newer)).await;
    drop(waited);
    newest.borrow().to_string()
}

/// Opens an address in the reader's browser.
///
/// # Errors
/// No program opens it.
pub fn open(address: &str) -> io::Result<()> {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    std::process::Command::new(program).arg(address).spawn().map(|_| ())
}
