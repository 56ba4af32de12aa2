//! A connection: a thread that takes a lease, flies it, and takes the next.

use std::time::Instant;

use tokio::runtime::Runtime;

use super::download::{Flight, Trouble};
use super::{Job, Transfer};
use crate::event::Event;
use crate::schedule::AfterFailure;
use crate::schedule::{Lease, Next};
use crate::session::{Clients, letting_go};
use crate::source::{Client, ClientError, SourceError};
use crate::text::escape;

/// One of the connections.
pub(super) struct Connection<'a> {
    transfer: &'a Transfer<'a>,
    runtime: Runtime,
    clients: Clients<'a>,
}

impl<'a> Connection<'a> {
    pub(super) fn new(transfer: &'a Transfer<'a>, runtime: Runtime) -> Self {
        Self { transfer, runtime, clients: Clients::new(&transfer.options.client) }
    }

    /// This connection's client.
    ///
    /// # Errors
    ///
    /// If this machine can make none.
    pub(super) fn client(&self) -> Result<Client, ClientError> {
        self.clients.get()
    }

    /// Works until nothing is left to do or the run is being ended.
    pub(super) fn run(&self) {
        while let Some(lease) = self.next_lease() {
            let Some(job) = self.transfer.job(lease.archive) else { continue };
            let mut flight = Flight::new(self.transfer, &job, &lease);
            let result = match self.clients.for_lease(&lease) {
                Ok(client) => self.runtime.block_on(letting_go(flight.fly(&client))),
                Err(error) => Err(SourceError::File(error.to_string()).into()),
            };
            let (result, delivered) = flight.land(result);
            self.conclude(&job, &lease, delivered, result);
            self.transfer.changed.notify_all();
        }
    }

    /// Waits for something to do; `None` at the end.
    fn next_lease(&self) -> Option<Lease> {
        let mut schedule = self.transfer.schedule.lock();
        loop {
            if self.transfer.is_over() {
                return None;
            }
            let now = Instant::now();
            let until = match schedule.next(now) {
                Next::Work(lease) => {
                    // Those who wait may now halve it.
                    self.transfer.changed.notify_all();
                    return Some(lease);
                }
                Next::Done => return None,
                Next::Stranded(archive) => {
                    if let Some(job) = self.transfer.job(archive) {
                        job.front.stop(super::hash_cursor::End::Stranded);
                    }
                    continue;
                }
                Next::Wait(until) => until,
            };
            self.transfer.wait(&mut schedule, until.map(|until| until - now));
        }
    }

    fn conclude(&self, job: &Job, lease: &Lease, delivered: bool, result: Result<(), Trouble>) {
        let mut schedule = self.transfer.schedule.lock();
        match result {
            Ok(()) | Err(Trouble::Moot) => schedule.finish(lease, delivered, Instant::now()),
            Err(Trouble::Disk(error)) => {
                schedule.finish(lease, delivered, Instant::now());
                drop(schedule);
                self.transfer.disk_failed(lease.archive, job, error);
            }
            Err(Trouble::Source(fault)) => {
                let now = Instant::now();
                let reaction = schedule.fail(lease, delivered, &fault, now, fastrand::f64());
                drop(schedule);
                self.tell(job, lease, &fault, &reaction);
            }
        }
    }

    fn tell(&self, job: &Job, lease: &Lease, fault: &SourceError, reaction: &AfterFailure) {
        let source = self.transfer.sources[lease.source].name();
        let archive = &job.archive.name;
        match reaction {
            AfterFailure::Moot => {}
            AfterFailure::Again(wait) if wait.is_zero() => {}
            AfterFailure::Again(wait) => {
                let reason = format!("{source}: {fault}");
                self.transfer.listener.on(Event::Retrying {
                    archive,
                    source: None,
                    reason: &reason,
                    wait: *wait,
                });
            }
            AfterFailure::GivenUp(why) => {
                let name = escape::text(archive);
                let message = format!("{name}: {source}: {why}; given up for this archive");
                self.transfer.listener.on(Event::Notice { message: &message });
            }
        }
    }
}
