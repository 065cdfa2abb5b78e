//! The disk thread: carries out a machine's writes in order, and many of them with one force.
//!
//! Forcing a disk takes as long as thousands of steps, so it happens on a thread of its own.
//! Whatever was given meanwhile waits together: all writes are carried out, the disk is forced
//! once, and all tickets among them are answered. Only when one client talks and nobody else, a fast
//! disk is forced on the spot: there is nothing to do meanwhile, and two changes of thread take a
//! good part of the client's time.
//!
//! Always true:
//! - a ticket is answered after a force that came after every write given before it;
//! - after the first fault nothing more is carried out, and every ticket fails;
//! - when the thread ends, everything that it was given has been forced, unless it was abandoned.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use machines::{Disk, Event, Fault, Ticket};
use server::Zk;
use storage::{Fetch, Write};

/// A disk that is forced in less than this is worth waiting for.
const FAST: Duration = Duration::from_millis(1);

/// One thing to do.
pub(crate) enum Job {
    /// Change what is on disk.
    Write(Write),
    /// Force it, and say so.
    Sync(Ticket),
    /// Answer a question.
    Fetch(Fetch),
}

/// The thread, as its owner sees it.
pub(crate) struct DiskThread {
    /// Nothing once it has finished.
    running: Option<(Sender<Vec<Job>>, JoinHandle<()>)>,
    worker: Arc<Mutex<Worker>>,
    /// Lists that were given to the thread and are not carried out yet.
    waiting: Arc<AtomicUsize>,
    /// Nothing more is to be carried out.
    abandoned: Arc<AtomicBool>,
}

impl DiskThread {
    /// Starts the thread. `answer` is called there, with `Durable`, `Failed` and `Fetched`. A force
    /// that takes longer than `slow` is worth a line in the log.
    ///
    /// # Errors
    /// The operating system has no thread to give.
    pub(crate) fn start(
        disk: Box<dyn Disk<Zk> + Send>,
        slow: Duration,
        answer: impl Fn(Event<Zk>) + Send + 'static,
    ) -> io::Result<DiskThread> {
        let (jobs, queue) = mpsc::channel();
        let worker = Arc::new(Mutex::new(Worker {
            disk,
            slow,
            answer: Box::new(answer),
            fault: None,
            last: Ticket(0),
            unforced: false,
            fast: false,
        }));
        let waiting = Arc::new(AtomicUsize::new(0));
        let abandoned = Arc::new(AtomicBool::new(false));
        let (of_thread, count) = (Arc::clone(&worker), Arc::clone(&waiting));
        let dead = Arc::clone(&abandoned);
        let span = tracing::Span::current();
        let thread = thread::Builder::new()
            .name("disk".into())
            .spawn(move || span.in_scope(|| run(&of_thread, &queue, &count, &dead)))?;
        Ok(DiskThread { running: Some((jobs, thread)), worker, waiting, abandoned })
    }

    /// Adds to the queue, unless the thread has finished. With `on_the_spot` it is carried out
    /// before this returns, if nothing waits and the disk is fast.
    pub(crate) fn give(&self, list: Vec<Job>, on_the_spot: bool) {
        let Some((jobs, _)) = &self.running else { return };
        if on_the_spot
            && self.waiting.load(Ordering::Acquire) == 0
            && let Ok(mut worker) = self.worker.try_lock()
            && worker.fast
        {
            return worker.carry_out(list);
        }
        self.waiting.fetch_add(1, Ordering::AcqRel);
        // It only ends before its owner if it has panicked, which `finish` will tell.
        jobs.send(list).ok();
    }

    /// Ends the thread, as the end of the process would: what waits is not carried out. A write or
    /// a force that has begun is waited for.
    pub(crate) fn abandon(&mut self) {
        self.abandoned.store(true, Ordering::Release);
        self.finish();
    }

    /// Waits until everything given is carried out and forced.
    ///
    /// # Panics
    /// If the thread has panicked.
    pub(crate) fn finish(&mut self) {
        let Some((jobs, thread)) = self.running.take() else { return };
        drop(jobs);
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

struct Worker {
    disk: Box<dyn Disk<Zk> + Send>,
    slow: Duration,
    answer: Box<dyn Fn(Event<Zk>) + Send>,
    fault: Option<Fault>,
    /// The last ticket seen. A question has none of its own, so its failure names this one.
    last: Ticket,
    /// Whether something was written since the last force.
    unforced: bool,
    /// Whether the last force was quick.
    fast: bool,
}

/// What the thread does until nothing more can come.
fn run(
    worker: &Mutex<Worker>,
    queue: &Receiver<Vec<Job>>,
    waiting: &AtomicUsize,
    abandoned: &AtomicBool,
) {
    const UNHARMED: &str = "whoever has panicked with the disk has ended the server";
    while let Ok(mut jobs) = queue.recv() {
        if abandoned.load(Ordering::Acquire) {
            return;
        }
        let mut lists = 1;
        while let Ok(more) = queue.try_recv() {
            jobs.extend(more);
            lists += 1;
        }
        worker.lock().expect(UNHARMED).carry_out(jobs);
        waiting.fetch_sub(lists, Ordering::AcqRel);
    }
    let mut worker = worker.lock().expect(UNHARMED);
    if abandoned.load(Ordering::Acquire) {
        return;
    }
    worker.force();
    if let Some(fault) = &worker.fault {
        tracing::error!(%fault, "disk closed after a fault");
    }
}

impl Worker {
    /// Carries out what was waiting: all writes, one force, all tickets.
    fn carry_out(&mut self, jobs: Vec<Job>) {
        let mut tickets = Vec::new();
        for job in jobs {
            match job {
                Job::Write(write) if self.fault.is_none() => {
                    self.unforced = true;
                    self.fault = self.disk.write(write).err();
                }
                Job::Write(_) => {}
                Job::Sync(ticket) => {
                    self.last = ticket;
                    tickets.push(ticket);
                }
                Job::Fetch(fetch) => self.fetch(fetch),
            }
        }
        if !tickets.is_empty() {
            self.force();
        }
        for ticket in tickets {
            (self.answer)(match &self.fault {
                None => Event::Durable(ticket),
                Some(fault) => Event::Failed(ticket, fault.clone()),
            });
        }
    }

    fn fetch(&mut self, fetch: Fetch) {
        let result = match &self.fault {
            Some(fault) => Err(fault.clone()),
            None => self.disk.fetch(fetch),
        };
        (self.answer)(match result {
            Ok(fetched) => Event::Fetched(fetched),
            Err(fault) => {
                self.fault = Some(fault.clone());
                Event::Failed(self.last, fault)
            }
        });
    }

    fn force(&mut self) {
        if !self.unforced || self.fault.is_some() {
            return;
        }
        let begun = Instant::now();
        self.fault = self.disk.sync().err();
        self.unforced = false;
        let took = begun.elapsed();
        self.fast = took < FAST;
        if took > self.slow {
            tracing::warn!(ms = took.as_millis() as u64, "slow fsync");
        }
    }
}
