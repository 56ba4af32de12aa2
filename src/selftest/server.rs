//! A small HTTP server on the loopback interface, which misbehaves where it is told to.
//!
//! One request a connection, a thread for each, no more than [`MOST`] at a time and nothing kept of
//! what a client says but the first kilobytes: whoever else finds the port can do no harm.

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

/// Connections that are answered at a time; further ones are closed.
const MOST: usize = 16;

/// The longest head of a request that is read.
const HEAD: usize = 8 << 10;

/// How long a client may take for its request, and for taking some bytes.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest silence on purpose.
const SILENCE: Duration = Duration::from_secs(8);

/// How often a thread looks whether the server has ended.
const LOOK: Duration = Duration::from_millis(2);

/// What goes wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    /// The connection is reset.
    Reset,
    /// Nothing more comes, and the connection stays.
    Stall,
    /// One bit is wrong.
    Flip,
}

/// The mishaps of one archive.
#[derive(Debug, Default)]
struct Script {
    /// Each happens once, to the first answer that has the byte at the offset.
    once: VecDeque<(u64, Mishap)>,
    /// Happens to every answer, at its first byte.
    always: Option<Mishap>,
}

/// Serves until it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    files: Vec<(String, Arc<[u8]>)>,
    scripts: Mutex<Vec<Script>>,
    active: AtomicUsize,
    ended: AtomicBool,
}

impl Server {
    /// Begins to serve the samples under their names, at a port that is free.
    ///
    /// # Errors
    ///
    /// A machine without a loopback interface, or without a free port or thread.
    pub(super) fn start(samples: &[Sample]) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let files = samples.iter().map(|s| (s.archive.name.clone(), Arc::clone(&s.bytes)));
        let shared = Arc::new(Shared {
            files: files.collect(),
            scripts: Mutex::new(samples.iter().map(|_| Script::default()).collect()),
            active: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let worker = Arc::clone(&shared);
        let thread = thread::Builder::new().name("selftest server".to_owned());
        let thread = Some(thread.spawn(move || worker.listen(&listener))?);
        Ok(Self { port, shared, thread })
    }

    /// Connects to itself and waits for an answer.
    ///
    /// # Errors
    ///
    /// A loopback interface that is down, or a filter that lets nobody through.
    pub(super) fn greet(&self) -> io::Result<()> {
        let mut client =
            TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, self.port).into(), PATIENCE)?;
        client.set_read_timeout(Some(PATIENCE))?;
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        client.read_exact(&mut [0; 12])
    }

    /// The address to which `/NAME` is added.
    pub(super) fn base(&self) -> String {
        format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// From now on these mishaps happen to a sample, and no others.
    pub(super) fn script(&self, sample: usize, once: &[(u64, Mishap)], always: Option<Mishap>) {
        if let Some(script) = self.shared.scripts().get_mut(sample) {
            *script = Script { once: once.iter().copied().collect(), always };
        }
    }

    /// How many of a sample's mishaps have not happened.
    pub(super) fn outstanding(&self, sample: usize) -> usize {
        self.shared.scripts().get(sample).map_or(0, |script| script.once.len())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // One that has failed has ended as well.
            let _ = thread.join();
        }
    }
}

impl Script {
    /// What happens to an answer with these bytes, and before which of them.
    fn next(&mut self, range: &Range<u64>) -> Option<(u64, Mishap)> {
        let due = self.once.iter().position(|(at, _)| range.contains(at));
        let once = due.and_then(|index| self.once.remove(index));
        once.or(self.always.map(|mishap| (range.start, mishap)))
    }
}

impl Shared {
    fn scripts(&self) -> MutexGuard<'_, Vec<Script>> {
        self.scripts.lock()
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    fn listen(&self, listener: &TcpListener) {
        thread::scope(|scope| {
            while !self.has_ended() {
                match listener.accept() {
                    Ok((client, _)) if self.active.fetch_add(1, Ordering::SeqCst) < MOST => {
                        let answer = move || {
                            // A client that goes away is none of the server's business.
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
                    Err(_) => thread::sleep(LOOK),
                }
            }
        });
    }

    fn answer(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_nonblocking(false)?;
        client.set_read_timeout(Some(PATIENCE))?;
        client.set_write_timeout(Some(PATIENCE))?;
        let head = self.peek_head(&client)?;
        let Some((sample, range)) = self.asked_for(&head) else {
            client.read_exact(&mut vec![0; head.len()])?;
            return client.write_all(
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        };
        let mishap = self.scripts().get_mut(sample).and_then(|script| script.next(&range));
        let Some((_, file)) = self.files.get(sample) else { return Ok(()) };
        if mishap.is_none_or(|(_, mishap)| mishap != Mishap::Reset) {
            // What is left unread makes the system reset the connection when it is closed.
            client.read_exact(&mut vec![0; head.len()])?;
        }
        let (first, last, total) = (range.start, range.end - 1, file.len());
        write!(
            client,
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{last}/{total}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            range.end - range.start
        )?;
        self.send(&mut client, file, &range, mishap)
    }

    /// Reads up to the blank line, and leaves everything where it is.
    fn peek_head(&self, client: &TcpStream) -> io::Result<Vec<u8>> {
        let begun = Instant::now();
        let mut head = vec![0; HEAD];
        while begun.elapsed() < PATIENCE && !self.has_ended() {
            let length = client.peek(&mut head)?;
            let blank = head[..length].windows(4).position(|bytes| bytes == b"\r\n\r\n");
            match blank {
                Some(end) => {
                    head.truncate(end + 4);
                    return Ok(head);
                }
                None if length == 0 || length == HEAD => break,
                None => thread::sleep(LOOK),
            }
        }
        Err(ErrorKind::InvalidData.into())
    }

    /// Which file, and which of its bytes.
    fn asked_for(&self, head: &[u8]) -> Option<(usize, Range<u64>)> {
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

    /// Sends the bytes of the range, with what goes wrong at one of them.
    fn send(
        &self,
        client: &mut TcpStream,
        file: &[u8],
        range: &Range<u64>,
        mishap: Option<(u64, Mishap)>,
    ) -> io::Result<()> {
        let slice = |range: Range<u64>| {
            let bounds = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
            file.get(bounds(range.start)..bounds(range.end)).unwrap_or_default()
        };
        let Some((at, mishap)) = mishap else { return client.write_all(slice(range.clone())) };
        client.write_all(slice(range.start..at))?;
        match mishap {
            Mishap::Reset => Ok(()),
            Mishap::Stall => self.keep_silent(client),
            Mishap::Flip => {
                let wrong: Vec<u8> = slice(at..at + 1).iter().map(|byte| byte ^ 0x10).collect();
                client.write_all(&wrong)?;
                client.write_all(slice(at + 1..range.end))
            }
        }
    }

    /// Says nothing until the client goes away.
    fn keep_silent(&self, client: &mut TcpStream) -> io::Result<()> {
        let begun = Instant::now();
        client.set_read_timeout(Some(LOOK))?;
        while begun.elapsed() < SILENCE && !self.has_ended() {
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
    fn what_is_asked_for_is_sent_and_nothing_else() {
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
    fn a_mishap_happens_once_and_where_it_was_told_to() {
        let sample = Sample::make(1);
        let server = Server::start(std::slice::from_ref(&sample)).unwrap();
        server.script(0, &[(7, Mishap::Flip), (1000, Mishap::Reset)], None);
        let mut wrong = sample.bytes[5..10].to_vec();
        wrong[2] ^= 0x10;
        assert_eq!(range(&server, 5, 9).unwrap(), wrong);
        assert_eq!(range(&server, 5, 9).unwrap(), sample.bytes[5..10]);
        assert_eq!(server.outstanding(0), 1);
        let error = range(&server, 0, 100_000).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(server.outstanding(0), 0);
    }

    #[test]
    fn a_silent_server_ends_at_once() {
        let sample = Sample::make(1);
        let server = Server::start(std::slice::from_ref(&sample)).unwrap();
        server.script(0, &[(7, Mishap::Stall)], None);
        let port = server.port;
        let client = thread::spawn(move || {
            let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
            client.write_all(b"GET /sample_1.tar.gz HTTP/1.1\r\nRange: bytes=0-9\r\n\r\n").unwrap();
            let mut answer = Vec::new();
            let _ = client.read_to_end(&mut answer);
            answer
        });
        while server.outstanding(0) > 0 {
            thread::sleep(LOOK);
        }
        let begun = Instant::now();
        drop(server);
        assert!(begun.elapsed() < SILENCE / 2, "{:?}", begun.elapsed());
        assert!(client.join().unwrap().ends_with(&sample.bytes[..7]));
    }
}
