//! The paths of the server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::archive::Archive;

/// The entry of a path.
#[derive(Clone)]
enum Route {
    File(Arc<Vec<u8>>),
    Redirect {
        status: u16,
        target: String,
    },
    /// Redirects to a new signed address at each request.
    Sign {
        bytes: Arc<Vec<u8>>,
        uses: u32,
        lifetime: Duration,
    },
    Signed {
        bytes: Arc<Vec<u8>>,
        uses: u32,
        until: Instant,
    },
}

/// The result of a lookup.
pub enum Resource {
    File(Arc<Vec<u8>>),
    Redirect { status: u16, target: String },
    Expired,
    Nothing,
}

#[derive(Default)]
pub struct Routes {
    routes: Mutex<BTreeMap<String, Route>>,
}

impl Routes {
    pub fn file(&self, path: &str, bytes: Arc<Vec<u8>>) {
        self.add(path, Route::File(bytes));
    }

    pub fn redirect(&self, path: &str, status: u16, target: &str) {
        self.add(path, Route::Redirect { status, target: target.to_owned() });
    }

    /// Adds a static path, two redirects, and one to a new signed address each time. Returns the
    /// static path.
    pub fn publish(&self, archive: &Archive, uses: u32, lifetime: Duration) -> String {
        let code = &archive.md5[..12];
        let first = format!("/shared/static/{code}.gz");
        let second = format!("/public/static/{code}.gz");
        let third = format!("/sign/{code}.gz");
        self.redirect(&first, 301, &second);
        self.redirect(&second, 301, &third);
        self.add(&third, Route::Sign { bytes: Arc::clone(&archive.bytes), uses, lifetime });
        first
    }

    fn add(&self, path: &str, route: Route) {
        self.routes.lock().unwrap().insert(path.to_owned(), route);
    }

    /// Looks a path up. For a signed address, that counts as one use.
    pub fn find(&self, path: &str) -> Resource {
        let mut routes = self.routes.lock().unwrap();
        let number = routes.len();
        match routes.get_mut(path) {
            None => Resource::Nothing,
            Some(Route::File(bytes)) => Resource::File(Arc::clone(bytes)),
            Some(Route::Redirect { status, target }) => {
                Resource::Redirect { status: *status, target: target.clone() }
            }
            Some(Route::Signed { bytes, uses, until }) => {
                if *uses == 0 || Instant::now() > *until {
                    return Resource::Expired;
                }
                *uses -= 1;
                Resource::File(Arc::clone(bytes))
            }
            Some(Route::Sign { bytes, uses, lifetime }) => {
                let target = format!("/signed/{number}?token={number:08x}");
                let (bytes, uses) = (Arc::clone(bytes), *uses);
                let until = Instant::now() + *lifetime;
                routes.insert(target.clone(), Route::Signed { bytes, uses, until });
                Resource::Redirect { status: 302, target }
            }
        }
    }
}
