//! Sending of answers with their faults.

use std::io::{ErrorKind, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Shared;
use super::answer::{Answer, BodyEnd, Framing, Head};

/// The bytes sent at a time without a pace.
const PIECE: usize = 64 << 10;

/// Sends an answer. Returns true if the connection stays open.
pub fn answer(stream: &TcpStream, answer: &Answer, shared: &Shared, place: usize) -> bool {
    match answer.head {
        Head::Complete => {}
        Head::None => {
            hold(stream, shared);
            return false;
        }
        Head::Endless => {
            let _ = endless(stream, shared);
            return false;
        }
    }
    let keeps_alive = answer.keep_alive && answer.framing != Framing::Close;
    let sent = head(stream, answer, keeps_alive).and_then(|()| body(stream, answer, shared, place));
    let stays_open =
        keeps_alive && sent.is_ok() && answer.end == BodyEnd::Complete && answer.extra == 0;
    if !stays_open {
        end(stream, answer, shared);
    }
    stays_open
}

/// Answers a connection over the limit.
pub fn refusal(mut stream: &TcpStream, status: u16) {
    let reason = reason(status);
    let _ = write!(
        stream,
        "HTTP/1.1 {status} {reason}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
}

/// Sends headers until the client closes the connection.
fn endless(mut stream: &TcpStream, shared: &Shared) -> Result<()> {
    stream.write_all(b"HTTP/1.1 206 Partial Content\r\n")?;
    let more = b"X-More: and more and more and more\r\n".repeat(1000);
    while !shared.is_closing() {
        stream.write_all(&more)?;
        shared.note_head(more.len() as u64);
    }
    Ok(())
}

fn head(mut stream: &TcpStream, answer: &Answer, keeps_alive: bool) -> Result<()> {
    let mut head = format!("{} {} {}\r\n", answer.version, answer.status, reason(answer.status));
    let mut add = |name: &str, value: &str| {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    };
    for (name, value) in &answer.headers {
        add(name, value);
    }
    match answer.framing {
        Framing::Length => add("Content-Length", &answer.part.len().to_string()),
        Framing::TwoLengths => {
            add("Content-Length", &answer.part.len().to_string());
            add("Content-Length", &(answer.part.len() + 1).to_string());
        }
        Framing::Chunked => add("Transfer-Encoding", "chunked"),
        Framing::Close => {}
    }
    if !keeps_alive {
        add("Connection", "close");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())
}

fn body(stream: &TcpStream, answer: &Answer, shared: &Shared, place: usize) -> Result<()> {
    if answer.head_only {
        return Ok(());
    }
    let bytes = content(answer);
    let until = match answer.end {
        BodyEnd::Complete => bytes.len(),
        BodyEnd::Reset { after }
        | BodyEnd::Close { after }
        | BodyEnd::Stall { after }
        | BodyEnd::InvalidChunk { after } => usize::try_from(after).unwrap().min(bytes.len()),
    };
    paced(stream, answer, &bytes[..until], shared, place)?;
    if answer.framing == Framing::Chunked && answer.end == BodyEnd::Complete {
        (&*stream).write_all(b"0\r\n\r\n")?;
    }
    if matches!(answer.end, BodyEnd::InvalidChunk { .. }) {
        (&*stream).write_all(b"no length\r\n")?;
    }
    Ok(())
}

/// The body with its flipped bit and its extra bytes.
fn content(answer: &Answer) -> Vec<u8> {
    let mut bytes = answer.bytes[answer.part.clone()].to_vec();
    if let Some(at) = answer.flip.and_then(|at| at.checked_sub(answer.start()))
        && let Some(byte) = bytes.get_mut(usize::try_from(at).unwrap())
    {
        *byte ^= 0x10;
    }
    let length = bytes.len() + usize::try_from(answer.extra).unwrap();
    bytes.resize(length, 0xee);
    bytes
}

fn paced(
    stream: &TcpStream,
    answer: &Answer,
    bytes: &[u8],
    shared: &Shared,
    place: usize,
) -> Result<()> {
    let piece = answer.pace.map_or(PIECE, |pace| pace.bytes);
    let begun = Instant::now();
    for (index, piece) in (0_u32..).zip(bytes.chunks(piece)) {
        if let Some(pace) = answer.pace {
            sleep((begun + pace.every * index).saturating_duration_since(Instant::now()));
        }
        if shared.is_closing() {
            return Err(ErrorKind::Interrupted.into());
        }
        write_piece(stream, answer.framing, piece)?;
        shared.note_sent(place, piece.len() as u64);
    }
    Ok(())
}

fn write_piece(mut stream: &TcpStream, framing: Framing, piece: &[u8]) -> Result<()> {
    if framing != Framing::Chunked {
        return stream.write_all(piece);
    }
    write!(stream, "{:x}\r\n", piece.len())?;
    stream.write_all(piece)?;
    stream.write_all(b"\r\n")
}

fn end(stream: &TcpStream, answer: &Answer, shared: &Shared) {
    match answer.end {
        BodyEnd::Reset { .. } => {
            // The reset would discard bytes that are still in transit.
            sleep(Duration::from_millis(20));
            let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
        }
        BodyEnd::Stall { .. } => hold(stream, shared),
        BodyEnd::Complete | BodyEnd::Close { .. } | BodyEnd::InvalidChunk { .. } => {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Keeps a connection open and silent until the client closes it or the server ends.
fn hold(stream: &TcpStream, shared: &Shared) {
    let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
    while !shared.is_closing() {
        match stream.peek(&mut [0]) {
            Ok(0) => return,
            Ok(_) => sleep(Duration::from_millis(20)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return,
        }
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Resource",
        403 => "Forbidden",
        404 => "Not Resource",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Other",
    }
}
