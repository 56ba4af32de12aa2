//! The HTTP client of one connection.

use std::cell::{Cell, RefCell};

use tokio::runtime::Runtime;

use crate::schedule::Lease;
use crate::source::{Client, ClientError, ClientOptions};

/// Turns of the runtime after a lease: in the first, the client notices that nobody reads the
/// response any more; in the second, it drops the connection. The rest is a margin.
const TURNS: usize = 8;

/// Makes the client when it is first needed, which takes some milliseconds. The client lives in the
/// runtime of one thread.
#[derive(Debug)]
pub(crate) struct Clients<'a> {
    options: &'a ClientOptions,
    client: RefCell<Option<Client>>,
    /// True if the last lease bypassed caches.
    fresh: Cell<bool>,
}

impl<'a> Clients<'a> {
    pub(crate) fn new(options: &'a ClientOptions) -> Self {
        Self { options, client: RefCell::default(), fresh: Cell::default() }
    }

    pub(crate) fn get(&self) -> Result<Client, ClientError> {
        if let Some(client) = &*self.client.borrow() {
            return Ok(client.clone());
        }
        let client = Client::new(self.options)?;
        self.client.replace(Some(client.clone()));
        Ok(client)
    }

    /// Closes the idle connections of the client. Returns false if there is no client.
    pub(crate) fn close_idle(&self, runtime: &Runtime) -> bool {
        let client = self.client.take();
        let had_one = client.is_some();
        runtime.block_on(closing_response(async { drop(client) }));
        had_one
    }

    /// The client for a lease. For one that bypasses caches, it uses none of the connections that
    /// were open before.
    pub(crate) fn for_lease(&self, lease: &Lease) -> Result<Client, ClientError> {
        if lease.fresh && !self.fresh.replace(lease.fresh) {
            self.client.take();
        }
        self.fresh.set(lease.fresh);
        self.get()
    }
}

/// Does the work, then lets the client close a response that was left before its end. It can do so
/// only while its runtime runs, and the runtime stands still while this thread waits for the next
/// lease: until then the server would keep sending into system buffers that nobody reads.
pub(crate) async fn closing_response<T>(work: impl Future<Output = T>) -> T {
    let result = work.await;
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
    result
}
