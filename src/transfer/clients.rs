//! The client of one connection.

use std::cell::{Cell, RefCell};

use super::schedule::Lease;
use crate::source::{Client, ClientError, ClientOptions};

/// Makes the client when it is first needed, which takes some milliseconds; it lives in this
/// thread's runtime.
#[derive(Debug)]
pub(super) struct Clients<'a> {
    options: &'a ClientOptions,
    client: RefCell<Option<Client>>,
    /// The last lease passed by what may have mixed answers up.
    fresh: Cell<bool>,
}

impl<'a> Clients<'a> {
    pub(super) fn new(options: &'a ClientOptions) -> Self {
        Self { options, client: RefCell::default(), fresh: Cell::default() }
    }

    /// The client.
    ///
    /// # Errors
    ///
    /// If this machine can make none.
    pub(super) fn get(&self) -> Result<Client, ClientError> {
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
    pub(super) fn for_lease(&self, lease: &Lease) -> Result<Client, ClientError> {
        if lease.fresh && !self.fresh.replace(lease.fresh) {
            self.client.take();
        }
        self.fresh.set(lease.fresh);
        self.get()
    }
}
