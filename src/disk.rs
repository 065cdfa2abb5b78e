//! The disk thread: carries out a machine's writes in order, and many of them with one force.
//!
//! Forcing a disk takes as long as thousands of steps, so it happens on a thread of its own.
//! Whatever was given meanwhile waits together: all writes are carried out, the disk is forced
//! once, and all tickets among them are answered.
//!
//! Always true:
//! - a ticket is answered after a force that came after every write given before it;
//! - after the first fault nothing more is carried out, and every ticket fails;
//! - when the thread ends, everything that it was given has been forced.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use machines::{Disk, Event, Fault, Ticket};
use server::Zk;
use storage::{Fetch, Write};

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
        let worker = Worker { disk, slow, answer, fault: None, last: Ticket(0), unforced: false };
        let thread =
            thread::Builder::new().name("disk".into()).spawn(move || worker.run(&queue))?;
        Ok(DiskThread { running: Some((jobs, thread)) })
    }

    /// Adds to the queue, unless the thread has finished.
    pub(crate) fn give(&self, list: Vec<Job>) {
        if let Some((jobs, _)) = &self.running {
            // It only ends before its owner if it has panicked, which `finish` will tell.
            jobs.send(list).ok();
        }
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

struct Worker<A> {
    disk: Box<dyn Disk<Zk> + Send>,
    slow: Duration,
    answer: A,
    fault: Option<Fault>,
    /// The last ticket seen. A question has none of its own, so its failure names this one.
    last: Ticket,
    /// Whether something was written since the last force.
    unforced: bool,
}

impl<A: Fn(Event<Zk>)> Worker<A> {
    fn run(mut self, queue: &Receiver<Vec<Job>>) {
        while let Ok(mut jobs) = queue.recv() {
            while let Ok(more) = queue.try_recv() {
                jobs.extend(more);
            }
            self.carry_out(jobs);
        }
        self.force();
        if let Some(fault) = &self.fault {
            tracing::error!(%fault, "disk closed after a fault");
        }
    }

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
        if took > self.slow {
            tracing::warn!(ms = took.as_millis() as u64, "slow fsync");
        }
    }
}
