//! A small HTTP/1.1 server on the loopback, with faults on request.
//!
//! It serves bytes from memory with single ranges and keep-alive, counts every byte and logs every
//! request. A fault can apply to one path or all, to every request or the first few, and several
//! can apply to one answer.

mod answer;
mod fault;
mod request;
mod route;
mod send;

use std::io::BufReader;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::archive::Archive;
use answer::Answer;
use fault::FaultRules;
use route::Routes;

pub use fault::{Fault, FaultRule, WrongRange};
pub use request::Request;

/// A request in the log, with the start of its answer.
#[derive(Debug, Clone)]
pub struct Hit {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub status: u16,
    /// The number of its connection.
    pub connection: u32,
    /// The time of its arrival.
    pub at: Instant,
    /// Bytes of the body passed to the socket so far.
    pub sent: u64,
}

impl Hit {
    /// The value of a header. `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first and last byte of the `Range` header.
    pub fn range(&self) -> Option<(u64, Option<u64>)> {
        request::range(self.header("range")?)
    }
}

/// The treatment of connections over the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Closed at once.
    Close,
    /// This status, then closed.
    Status(u16),
}

/// A running server. It closes its connections when it is dropped.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
}

#[derive(Default)]
struct Shared {
    routes: Routes,
    rules: FaultRules,
    hits: Mutex<Vec<Hit>>,
    sent: AtomicU64,
    /// Bytes of endless headers.
    heads: AtomicU64,
    connections: AtomicU32,
    open: Mutex<Vec<Weak<TcpStream>>>,
    limit: Mutex<Option<(usize, Refusal)>>,
    answering: AtomicUsize,
    most_answering: AtomicUsize,
    closing: AtomicBool,
}

impl Server {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &own));
        Self { shared, address }
    }

    /// A server with these archives, each under its name.
    pub fn with<'a>(archives: impl IntoIterator<Item = &'a Archive>) -> Self {
        let server = Self::new();
        for archive in archives {
            server.serve(&archive.path(), &archive.bytes);
        }
        server
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port of the server.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Serves bytes at a path, and replaces earlier ones.
    pub fn serve(&self, path: &str, bytes: &Arc<Vec<u8>>) {
        self.shared.routes.file(path, Arc::clone(bytes));
    }

    /// Redirects a path; the target may be relative.
    pub fn redirect(&self, path: &str, status: u16, target: &str) {
        self.shared.routes.redirect(path, status, target);
    }

    /// Serves an archive as the publisher does: a static address, three redirects, and a signed
    /// address that is valid for `uses` requests within `lifetime`. Returns the static address.
    pub fn publish(&self, archive: &Archive, uses: u32, lifetime: Duration) -> String {
        let path = self.shared.routes.publish(archive, uses, lifetime);
        format!("{}{path}", self.base())
    }

    /// Adds a fault to the answers from now on.
    pub fn inject(&self, rule: impl Into<FaultRule>) -> &Self {
        self.shared.rules.add(rule.into());
        self
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.shared.rules.clear();
    }

    /// Limits the number of connections at a time.
    pub fn limit_connections(&self, connections: usize, refusal: Refusal) -> &Self {
        *self.shared.limit.lock().unwrap() = Some((connections, refusal));
        self
    }

    /// All requests so far.
    pub fn hits(&self) -> Vec<Hit> {
        self.shared.hits.lock().unwrap().clone()
    }

    /// All requests for a path so far.
    pub fn hits_on(&self, path: &str) -> Vec<Hit> {
        self.hits().into_iter().filter(|hit| hit.path == path).collect()
    }

    /// Bytes of bodies passed to sockets so far. Clients may not have read all of them.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// Bytes of endless headers passed to sockets so far.
    pub fn endless_header_bytes(&self) -> u64 {
        self.shared.heads.load(Ordering::SeqCst)
    }

    /// The number of connections so far.
    pub fn connections(&self) -> u32 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The largest number of requests answered at one time.
    pub fn most_concurrent(&self) -> usize {
        self.shared.most_answering.load(Ordering::SeqCst)
    }

    /// Clears the log and the counts of bytes.
    pub fn clear_log(&self) {
        self.shared.hits.lock().unwrap().clear();
        self.shared.sent.store(0, Ordering::SeqCst);
        self.shared.most_answering.store(0, Ordering::SeqCst);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        for stream in self.shared.open.lock().unwrap().drain(..) {
            if let Some(stream) = stream.upgrade() {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        // Wakes the accepting thread, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Registers a connection. Returns the treatment if it is over the limit.
    fn admit(&self, stream: &Arc<TcpStream>) -> Option<Refusal> {
        let limit = *self.limit.lock().unwrap();
        let mut open = self.open.lock().unwrap();
        open.retain(|stream| stream.strong_count() > 0);
        open.push(Arc::downgrade(stream));
        limit.filter(|(most, _)| open.len() > *most).map(|(_, refusal)| refusal)
    }

    /// Logs a request and returns its place in the log.
    fn note(&self, hit: Hit) -> usize {
        let mut hits = self.hits.lock().unwrap();
        hits.push(hit);
        hits.len() - 1
    }

    fn note_head(&self, bytes: u64) {
        self.heads.fetch_add(bytes, Ordering::SeqCst);
    }

    /// Counts bytes of a body that were sent.
    fn note_sent(&self, place: usize, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::SeqCst);
        if let Some(hit) = self.hits.lock().unwrap().get_mut(place) {
            hit.sent += bytes;
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.is_closing() {
            return;
        }
        let Ok(stream) = stream else { continue };
        let number = shared.connections.fetch_add(1, Ordering::SeqCst);
        let stream = Arc::new(stream);
        let refusal = shared.admit(&stream);
        let shared = Arc::clone(shared);
        thread::spawn(move || match refusal {
            None => serve_connection(&stream, number, &shared),
            Some(refusal) => refuse(&stream, refusal),
        });
    }
}

fn refuse(stream: &TcpStream, refusal: Refusal) {
    if let Refusal::Status(status) = refusal {
        // The request is read first: closing on unread bytes would reset the connection.
        let _ = Request::read(&mut BufReader::new(stream));
        send::refusal(stream, status);
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// Answers the requests of one connection until either side closes it.
fn serve_connection(stream: &Arc<TcpStream>, number: u32, shared: &Shared) {
    let mut reader = BufReader::new(&**stream);
    while let Some(request) = Request::read(&mut reader) {
        let answer = Answer::to(&request, shared);
        let place = shared.note(Hit {
            method: request.method,
            path: request.path,
            headers: request.headers,
            status: answer.status,
            connection: number,
            at: Instant::now(),
            sent: 0,
        });
        let now = shared.answering.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most_answering.fetch_max(now, Ordering::SeqCst);
        let stays_open = send::answer(stream, &answer, shared, place);
        shared.answering.fetch_sub(1, Ordering::SeqCst);
        if !stays_open {
            break;
        }
    }
}
