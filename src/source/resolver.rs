//! Looks up the names of hosts, with the system's name service.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::link_local::is_link_local;
use crate::text::escape;

/// The lookup that began last, and its host, while it has no answer.
type Pending = Arc<Mutex<Option<String>>>;

/// The name service of one client.
#[derive(Debug, Clone, Default)]
pub(super) struct Resolver {
    /// Refuses the names of link-local addresses.
    pub(super) refuses_link_local: bool,
    pending: Pending,
}

/// The name service has no address for a host.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", escape::text(host))]
pub(super) struct LookupError {
    pub(super) host: String,
    pub(super) error: io::Error,
}

/// All addresses of a host are link-local.
#[derive(Debug, thiserror::Error)]
#[error("{} has the address {address}", escape::text(host))]
pub(super) struct LinkLocalName {
    pub(super) host: String,
    pub(super) address: SocketAddr,
}

impl Resolver {
    /// Returns a resolver that shares the pending lookup, and refuses link-local addresses.
    pub(super) fn refusing_link_local(&self) -> Self {
        Self { refuses_link_local: true, ..self.clone() }
    }

    /// Returns the host of the last lookup if it has no answer.
    pub(super) fn pending(&self) -> Option<String> {
        self.pending.lock().clone()
    }

    async fn look_up(
        self,
        host: String,
    ) -> Result<Addrs, Box<dyn std::error::Error + Send + Sync>> {
        self.pending.lock().replace(host.clone());
        let found = tokio::net::lookup_host((host.as_str(), 0)).await;
        let found = found.map(Iterator::collect::<Vec<_>>);
        self.pending.lock().take();
        let found = match found {
            Ok(found) => found,
            Err(error) => return Err(LookupError { host, error }.into()),
        };
        let is_refused = |found: &SocketAddr| self.refuses_link_local && is_link_local(found.ip());
        let allowed: Vec<_> = found.iter().copied().filter(|found| !is_refused(found)).collect();
        match found.first() {
            Some(&address) if allowed.is_empty() => Err(LinkLocalName { host, address }.into()),
            _ => Ok(Box::new(allowed.into_iter())),
        }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(self.clone().look_up(name.as_str().to_owned()))
    }
}
