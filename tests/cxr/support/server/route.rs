//! What lies under which path.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::archive::Archive;

/// What a path leads to.
#[derive(Clone)]
enum Route {
    File(Arc<Vec<u8>>),
    Redirect {
        status: u16,
        target: String,
    },
    /// Redirects to a new signed address each time.
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

/// What is found under a path.
pub enum Found {
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

    /// A static path, two steps, and a signer. Returns the static path.
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

    /// Looks a path up. A signed address is one use older afterwards.
    pub fn find(&self, path: &str) -> Found {
        let mut routes = self.routes.lock().unwrap();
        let number = routes.len();
        match routes.get_mut(path) {
            None => Found::Nothing,
            Some(Route::File(bytes)) => Found::File(Arc::clone(bytes)),
            Some(Route::Redirect { status, target }) => {
                Found::Redirect { status: *status, target: target.clone() }
            }
            Some(Route::Signed { bytes, uses, until }) => {
                if *uses == 0 || Instant::now() > *until {
                    return Found::Expired;
                }
                *uses -= 1;
                Found::File(Arc::clone(bytes))
            }
            Some(Route::Sign { bytes, uses, lifetime }) => {
                let target = format!("/signed/{number}?token={number:08x}");
                let (bytes, uses) = (Arc::clone(bytes), *uses);
                let until = Instant::now() + *lifetime;
                routes.insert(target.clone(), Route::Signed { bytes, uses, until });
                Found::Redirect { status: 302, target }
            }
        }
    }
}
