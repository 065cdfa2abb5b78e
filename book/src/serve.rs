//! Serves the finished book to this host only, and builds it again when a page, the code or the
//! product changes. mdBook's pages keep a WebSocket open, on which they are told to load themselves again.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use notify_debouncer_mini::notify::RecursiveMode;
use notify_debouncer_mini::{DebounceEventResult, new_debouncer};
use tokio::sync::watch;
use tower_http::services::ServeDir;

use crate::build::{Plan, build};

/// Where a page waits for a newer build.
pub const RELOAD: &str = "__reload";

/// How long files must rest before they are read.
const REST: Duration = Duration::from_millis(200);

/// What is watched, seen from the root of the course.
const WATCHED: &[&str] = &[
    "book/pages",
    "book/theme",
    "exercises",
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
    let (tell, newest) = watch::channel(());
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
        .route(&format!("/{RELOAD}"), get(reload))
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
fn again(plan: &Plan, tell: &watch::Sender<()>) {
    let begun = Instant::now();
    match build(plan) {
        Ok(()) => {
            eprintln!("built again in {:.1} s", begun.elapsed().as_secs_f64());
            tell.send_replace(());
        }
        Err(why) => eprintln!("{why:#}\nthe book is as it was before"),
    }
}

/// Editors write files of their own beside those that are read here.
fn matters(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    !name.starts_with('.') && !name.ends_with('~')
}

async fn reload(State(newest): State<watch::Receiver<()>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|page| wait(page, newest))
}

/// Tells a page when there is a newer build than the one it came from, unless it is left before.
async fn wait(mut page: WebSocket, mut newest: watch::Receiver<()>) {
    newest.mark_unchanged();
    tokio::select! {
        Ok(()) = newest.changed() => drop(page.send(Message::text("reload")).await),
        _ = page.recv() => {}
    }
}

/// Opens an address in the reader's browser.
///
/// # Errors
/// No program opens it.
pub fn open(address: &str) -> io::Result<()> {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    std::process::Command::new(program).arg(address).spawn().map(|_| ())
}
