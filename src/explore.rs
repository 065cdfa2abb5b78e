//! Exploring with threads: the chapter hands out pieces of its frontier, here they are shared out.
//!
//! Always true: the result is the same for any number of threads. Pieces are expanded by whoever is
//! free, and absorbed in their order; how many there are at once does not depend on the threads.

use std::sync::{Mutex, PoisonError};
use std::thread;

use assurance::explore::{Expansion, Piece, Search, Subject};

/// How many pieces are shared out at once.
const BATCH: usize = 64;

/// Searches to the end, and tells of each batch.
pub fn run<S>(search: &mut Search<S>, threads: usize, mut progress: impl FnMut(&Search<S>))
where
    S: Subject + Sync,
    S::State: Send + Sync,
{
    loop {
        let pieces = search.pieces(BATCH);
        if pieces.is_empty() {
            return;
        }
        for found in expand(search, pieces, threads) {
            search.absorb(found);
        }
        progress(search);
    }
}

/// What comes of some pieces, in their order.
fn expand<S>(
    search: &Search<S>,
    pieces: Vec<Piece<S::State>>,
    threads: usize,
) -> Vec<Expansion<S::State>>
where
    S: Subject + Sync,
    S::State: Send + Sync,
{
    let threads = threads.min(pieces.len());
    let queue = Mutex::new(pieces.into_iter().enumerate());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let numbered = std::iter::from_fn(next);
        numbered.map(|(number, piece)| (number, search.expand(piece))).collect::<Vec<_>>()
    };
    let mut found = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut found = work();
        for other in others {
            found.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        found
    });
    found.sort_by_key(|(number, _)| *number);
    found.into_iter().map(|(_, found)| found).collect()
}
