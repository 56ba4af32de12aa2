//! The client of one connection.

use std::cell::{Cell, RefCell};

use crate::schedule::Lease;
use crate::source::{Client, ClientError, ClientOptions};

/// Turns of the runtime after a lease: in the first, the client sees that nobody reads the answer
/// any more, and in the second its connection is dropped. The rest is for luck.
const TURNS: usize = 8;

/// Makes the client when it is first needed, which takes some milliseconds; it lives in this
/// thread's runtime.
#[derive(Debug)]
pub(crate) struct Clients<'a> {
    options: &'a ClientOptions,
    client: RefCell<Option<Client>>,
    /// The last lease passed by what may have mixed answers up.
    fresh: Cell<bool>,
}

impl<'a> Clients<'a> {
    pub(crate) fn new(options: &'a ClientOptions) -> Self {
        Self { options, client: RefCell::default(), fresh: Cell::default() }
    }

    /// The client.
    ///
    /// # Errors
    ///
    /// If this machine can make none.
    pub(crate) fn get(&self) -> Result<Client, ClientError> {
        if let Some(client) = &*self.client.borrow() {
            return Ok(client.clone());
        }
        let client = Client::new(self.options)?;
        self.client.replace(Some(client.clone()));
        Ok(client)
    }

    /// The client for a lease. One that is fresh goes over none of the lines that were open
    /// before.
    ///
    /// # Errors
    ///
    /// If this machine can make none.
    pub(crate) fn for_lease(&self, lease: &Lease) -> Result<Client, ClientError> {
        if lease.fresh && !self.fresh.replace(lease.fresh) {
            self.client.take();
        }
        self.fresh.set(lease.fresh);
        self.get()
    }
}

/// Does the work, then lets the client close an answer that was left before its end. It can do so
/// only while its runtime runs, which is not while this thread waits for the next lease: until then
/// the server would go on sending into buffers of the system that nobody reads.
pub(crate) async fn letting_go<T>(work: impl Future<Output = T>) -> T {
    let result = work.await;
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
    result
}
