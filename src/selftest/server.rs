//! A small HTTP server on the loopback interface, with faults on request.
//!
//! It answers one request per connection, each in its own thread, at most [`MAX_CONNECTIONS`] at a
//! time, and reads only the first kilobytes of a request: other clients of the port can do no harm.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::sample::Sample;

/// Connections to answer at a time; further ones are closed.
const MAX_CONNECTIONS: usize = 16;

/// The most bytes to read from a request.
const MAX_HEAD: usize = 8 << 10;

/// The time limit for a read from a client or a write to it.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The longest stall.
const MAX_SILENCE: Duration = Duration::from_secs(8);

/// The time between two checks whether the server has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// A fault in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection is reset.
    Reset,
    /// The server sends nothing more and keeps the connection open.
    Stall,
    /// One bit is wrong.
    Flip,
}

/// The faults in answers for one archive.
#[derive(Debug, Default)]
struct FaultPlan {
    /// Each happens once, at its offset, in the first answer that contains the offset.
    once: VecDeque<(u64, Fault)>,
    /// Happens in every answer, at its first byte.
    always: Option<Fault>,
}

/// A running server; dropping it stops it.
#[derive(Debug)]
pub(super) struct Server {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    files: Vec<(String, Arc<[u8]>)>,
    plans: Mutex<Vec<FaultPlan>>,
    active: AtomicUsize,
    ended: AtomicBool,
}

impl Server {
    /// Serves the samples under their names, on a free port.
    ///
    /// # Errors
    ///
    /// No loopback interface, no free port, or no thread.
    pub(super) fn start(samples: &[Sample]) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let files = samples.iter().map(|s| (s.archive.name.clone(), Arc::clone(&s.bytes)));
        let shared = Arc::new(Shared {
            files: files.collect(),
            plans: Mutex::new(samples.iter().map(|_| FaultPlan::default()).collect()),
            active: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let worker = Arc::clone(&shared);
        let thread = thread::Builder::new().name("selftest server".to_owned());
        let thread = Some(thread.spawn(move || worker.listen(&listener))?);
        Ok(Self { port, shared, thread })
    }

    /// Sends a request to the server and waits for the answer.
    ///
    /// # Errors
    ///
    /// The loopback interface is down, or a firewall rejects the connection.
    pub(super) fn check_connection(&self) -> io::Result<()> {
        let mut client =
            TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, self.port).into(), TIMEOUT)?;
        client.set_read_timeout(Some(TIMEOUT))?;
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        client.read_exact(&mut [0; 12])
    }

    /// The base address; an archive is at `/NAME` below it.
    pub(super) fn base(&self) -> String {
        format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// Replaces the faults of a sample.
    pub(super) fn set_faults(&self, sample: usize, once: &[(u64, Fault)], always: Option<Fault>) {
        if let Some(plan) = self.shared.plans().get_mut(sample) {
            *plan = FaultPlan { once: once.iter().copied().collect(), always };
        }
    }

    /// The number of one-time faults of a sample that have not happened yet.
    pub(super) fn pending_faults(&self, sample: usize) -> usize {
        self.shared.plans().get(sample).map_or(0, |plan| plan.once.len())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended too.
            let _ = thread.join();
        }
    }
}

impl FaultPlan {
    /// Returns the fault of an answer with these bytes, and the offset at which it happens.
    fn next(&mut self, range: &Range<u64>) -> Option<(u64, Fault)> {
        let due = self.once.iter().position(|(at, _)| range.contains(at));
        let once = due.and_then(|index| self.once.remove(index));
        once.or(self.always.map(|fault| (range.start, fault)))
    }
}

impl Shared {
    fn plans(&self) -> MutexGuard<'_, Vec<FaultPlan>> {
        self.plans.lock()
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    fn listen(&self, listener: &TcpListener) {
        thread::scope(|scope| {
            while !self.has_ended() {
                match listener.accept() {
                    Ok((client, _))
                        if self.active.fetch_add(1, Ordering::SeqCst) < MAX_CONNECTIONS =>
                    {
                        let answer = move || {
                            // A client may close its connection at any time.
                            let _ = self.answer(client);
                            self.active.fetch_sub(1, Ordering::SeqCst);
                        };
                        if thread::Builder::new().spawn_scoped(scope, answer).is_err() {
                            self.active.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                    Ok(_) => {
                        self.active.fetch_sub(1, Ordering::SeqCst);
                    }
                    Err(_) => thread::sleep(POLL_INTERVAL),
                }
            }
        });
    }

    fn answer(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_nonblocking(false)?;
        client.set_read_timeout(Some(TIMEOUT))?;
        client.set_write_timeout(Some(TIMEOUT))?;
        let head = self.peek_head(&client)?;
        let Some((sample, range)) = self.requested(&head) else {
            client.read_exact(&mut vec![0; head.len()])?;
            return client.write_all(
                b"HTTP/1.1 404 Not CheckResult\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        };
        let fault = self.plans().get_mut(sample).and_then(|plan| plan.next(&range));
        let Some((_, file)) = self.files.get(sample) else { return Ok(()) };
        if fault.is_none_or(|(_, fault)| fault != Fault::Reset) {
            // Otherwise the request stays unread, and the system resets the connection on close.
            client.read_exact(&mut vec![0; head.len()])?;
        }
        let (first, last, total) = (range.start, range.end - 1, file.len());
        write!(
            client,
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{last}/{total}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            range.end - range.start
        )?;
        self.send(&mut client, file, &range, fault)
    }

    /// Returns the head of the request, without removing it from the socket.
    fn peek_head(&self, client: &TcpStream) -> io::Result<Vec<u8>> {
        let begun = Instant::now();
        let mut head = vec![0; MAX_HEAD];
        while begun.elapsed() < TIMEOUT && !self.has_ended() {
            let length = client.peek(&mut head)?;
            let blank = head[..length].windows(4).position(|bytes| bytes == b"\r\n\r\n");
            match blank {
                Some(end) => {
                    head.truncate(end + 4);
                    return Ok(head);
                }
                None if length == 0 || length == MAX_HEAD => break,
                None => thread::sleep(POLL_INTERVAL),
            }
        }
        Err(ErrorKind::InvalidData.into())
    }

    /// Returns the index of the requested sample, and the range.
    fn requested(&self, head: &[u8]) -> Option<(usize, Range<u64>)> {
        let head = std::str::from_utf8(head).ok()?;
        let path = head.strip_prefix("GET /")?.split(' ').next()?;
        let sample = self.files.iter().position(|(name, _)| name == path)?;
        let size = self.files.get(sample)?.1.len() as u64;
        let value = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("range").then(|| value.trim())
        })?;
        let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
        let range = first.parse().ok()?..last.parse::<u64>().ok()?.saturating_add(1).min(size);
        (range.start < range.end).then_some((sample, range))
    }

    /// Sends the bytes of the range, with the fault.
    fn send(
        &self,
        client: &mut TcpStream,
        file: &[u8],
        range: &Range<u64>,
        fault: Option<(u64, Fault)>,
    ) -> io::Result<()> {
        let slice = |range: Range<u64>| {
            let bounds = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
            file.get(bounds(range.start)..bounds(range.end)).unwrap_or_default()
        };
        let Some((at, fault)) = fault else { return client.write_all(slice(range.clone())) };
        client.write_all(slice(range.start..at))?;
        match fault {
            Fault::Reset => Ok(()),
            Fault::Stall => self.stay_silent(client),
            Fault::Flip => {
                let wrong: Vec<u8> = slice(at..at + 1).iter().map(|byte| byte ^ 0x10).collect();
                client.write_all(&wrong)?;
                client.write_all(slice(at + 1..range.end))
            }
        }
    }

    /// Sends nothing until the client closes the connection.
    fn stay_silent(&self, client: &mut TcpStream) -> io::Result<()> {
        let begun = Instant::now();
        client.set_read_timeout(Some(POLL_INTERVAL))?;
        while begun.elapsed() < MAX_SILENCE && !self.has_ended() {
            match client.read(&mut [0]) {
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                _ => break,
            }
        }
        client.shutdown(Shutdown::Both)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(server: &Server, request: &str) -> io::Result<Vec<u8>> {
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port))?;
        client.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        client.read_to_end(&mut answer)?;
        Ok(answer)
    }

    fn range(server: &Server, first: u64, last: u64) -> io::Result<Vec<u8>> {
        let request = format!(
            "GET /sample_1.tar.gz HTTP/1.1\r\nHost: x\r\nrange: bytes={first}-{last}\r\n\r\n"
        );
        let answer = ask(server, &request)?;
        let body = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
        Ok(answer[body..].to_vec())
    }

    #[test]
    fn only_valid_range_requests_are_answered_with_their_bytes() {
        let sample = Sample::make(1);
        let server = Server::start(std::slice::from_ref(&sample)).unwrap();
        assert_eq!(range(&server, 5, 9).unwrap(), sample.bytes[5..10]);
        let end = sample.bytes.len() - 1;
        assert_eq!(range(&server, end as u64, u64::MAX).unwrap(), sample.bytes[end..]);
        for request in [
            "GET /../sample_1.tar.gz HTTP/1.1\r\nRange: bytes=0-1\r\n\r\n",
            "GET /sample_1.tar.gz HTTP/1.1\r\n\r\n",
            "GET /sample_1.tar.gz HTTP/1.1\r\nRange: bytes=9-5\r\n\r\n",
            "POST /sample_1.tar.gz HTTP/1.1\r\nRange: bytes=0-1\r\n\r\n",
        ] {
            assert!(ask(&server, request).unwrap().starts_with(b"HTTP/1.1 404 "), "{request}");
        }
    }

    #[test]
    fn a_fault_happens_once_at_its_offset() {
        let sample = Sample::make(1);
        let server = Server::start(std::slice::from_ref(&sample)).unwrap();
        server.set_faults(0, &[(7, Fault::Flip), (1000, Fault::Reset)], None);
        let mut wrong = sample.bytes[5..10].to_vec();
        wrong[2] ^= 0x10;
        assert_eq!(range(&server, 5, 9).unwrap(), wrong);
        assert_eq!(range(&server, 5, 9).unwrap(), sample.bytes[5..10]);
        assert_eq!(server.pending_faults(0), 1);
        let error = range(&server, 0, 100_000).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(server.pending_faults(0), 0);
    }

    #[test]
    fn a_stalled_server_stops_at_once() {
        let sample = Sample::make(1);
        let server = Server::start(std::slice::from_ref(&sample)).unwrap();
        server.set_faults(0, &[(7, Fault::Stall)], None);
        let port = server.port;
        let client = thread::spawn(move || {
            let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
            client.write_all(b"GET /sample_1.tar.gz HTTP/1.1\r\nRange: bytes=0-9\r\n\r\n").unwrap();
            let mut answer = Vec::new();
            let _ = client.read_to_end(&mut answer);
            answer
        });
        while server.pending_faults(0) > 0 {
            thread::sleep(POLL_INTERVAL);
        }
        let begun = Instant::now();
        drop(server);
        assert!(begun.elapsed() < MAX_SILENCE / 2, "{:?}", begun.elapsed());
        assert!(client.join().unwrap().ends_with(&sample.bytes[..7]));
    }
}
