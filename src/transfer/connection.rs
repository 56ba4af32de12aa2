//! A connection: a thread that takes a lease, downloads it, and takes the next.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::runtime::Runtime;

use super::download::{LeaseDownload, LeaseError};
use super::hash_cursor::End;
use super::part_writer::PartWriter;
use super::{Job, Transfer};
use crate::event::Event;
use crate::schedule::{AfterFailure, Lease};
use crate::session::Clients;
use crate::source::{Client, ClientError, SourceError};
use crate::text::escape;

pub(super) struct Connection<'a> {
    transfer: &'a Transfer<'a>,
    runtime: Runtime,
    clients: Clients<'a>,
}

impl<'a> Connection<'a> {
    pub(super) fn new(transfer: &'a Transfer<'a>, runtime: Runtime) -> Self {
        let clients = Clients::new(&transfer.context.options.client);
        Self { transfer, runtime, clients }
    }

    /// This connection's client. Fails if the system cannot make one.
    pub(super) fn client(&self) -> Result<Client, ClientError> {
        self.clients.get()
    }

    /// Works until nothing is left to do or the run is cancelled.
    pub(super) fn run(&self) {
        let transfer = self.transfer;
        while let Some(lease) = self.next_lease() {
            let Some(job) = transfer.job(lease.archive) else { continue };
            job.count_attempt();
            let download = LeaseDownload::new(
                transfer.reader(lease.source),
                &transfer.schedule,
                &job.archive,
                &lease,
                &transfer.pool,
                PartWriter::new(transfer, &job, &lease),
            );
            let (result, delivered) = download.run(&self.runtime, &self.clients);
            self.conclude(&job, &lease, delivered, result);
            transfer.schedule.notify_all();
        }
    }

    /// Waits for the next lease. `None` at the end.
    fn next_lease(&self) -> Option<Lease> {
        let transfer = self.transfer;
        let stranded = |archive| {
            if let Some(job) = transfer.job(archive) {
                job.cursor.stop(End::Stranded);
            }
        };
        let close_idle = || self.clients.close_idle(&self.runtime);
        transfer.schedule.next_lease(|| transfer.is_over(), stranded, close_idle)
    }

    fn conclude(
        &self,
        job: &Job,
        lease: &Lease,
        delivered: bool,
        result: Result<ControlFlow<()>, LeaseError>,
    ) {
        // In this order: leases that begin while this one waits for the lock began before its end.
        let mut schedule = self.transfer.schedule.lock();
        let now = Instant::now();
        match result {
            Ok(_) | Err(LeaseError::Superseded) => schedule.finish(lease, delivered, now),
            Err(LeaseError::Disk(error)) => {
                schedule.finish(lease, delivered, now);
                drop(schedule);
                self.transfer.disk_failed(lease.archive, job, error);
            }
            Err(LeaseError::Source(error)) => {
                let next = schedule.fail(lease, delivered, &error, now, fastrand::f64());
                drop(schedule);
                if matches!(error.kind(), SourceError::Endless { .. }) {
                    // None of its bytes is worth keeping, also for another source.
                    job.endless.store(true, Ordering::Relaxed);
                    job.cursor.stop(End::Stranded);
                }
                self.report(job, lease, &error, &next);
            }
        }
    }

    fn report(&self, job: &Job, lease: &Lease, error: &SourceError, next: &AfterFailure) {
        let context = &self.transfer.context;
        let source = context.sources[lease.source].name();
        let archive = &job.archive.name;
        match next {
            AfterFailure::Retry(wait) if !wait.is_zero() => {
                let (reason, wait) = (format!("{source}: {error}"), *wait);
                let retrying = Event::Retrying { archive, source: None, reason: &reason, wait };
                context.listener.on(retrying);
            }
            AfterFailure::Retry(_) | AfterFailure::Superseded => {}
            AfterFailure::Skip(why) => {
                let name = escape::text(archive);
                let message =
                    format!("{name}: {source}: {why}; skipping this source for this archive");
                context.listener.on(Event::Notice { message: &message });
            }
        }
    }
}
