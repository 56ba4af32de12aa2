//! Sending an answer, and ending it as told.

use std::io::{ErrorKind, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Shared;
use super::answer::{Answer, Ending, Framing, Head};

/// Bytes handed over at a time where nothing else is said.
const PIECE: usize = 64 << 10;

/// Sends an answer; whether the connection goes on.
pub fn answer(stream: &TcpStream, answer: &Answer, shared: &Shared, place: usize) -> bool {
    match answer.head {
        Head::Whole => {}
        Head::None => {
            hold(stream, shared);
            return false;
        }
        Head::Endless => {
            let _ = endless(stream, shared);
            return false;
        }
    }
    let keeps = answer.keep_alive && answer.framing != Framing::Close;
    let sent = head(stream, answer, keeps).and_then(|()| body(stream, answer, shared, place));
    let goes_on = keeps && sent.is_ok() && answer.ending == Ending::Whole && answer.extra == 0;
    if !goes_on {
        end(stream, answer, shared);
    }
    goes_on
}

/// What a connection too many is told.
pub fn refusal(mut stream: &TcpStream) {
    let _ = stream.write_all(
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
}

/// Headers until the client has had enough.
fn endless(mut stream: &TcpStream, shared: &Shared) -> Result<()> {
    stream.write_all(b"HTTP/1.1 206 Partial Content\r\n")?;
    let more = b"X-More: and more and more and more\r\n".repeat(1000);
    while !shared.is_closing() {
        stream.write_all(&more)?;
        shared.note_head(more.len() as u64);
    }
    Ok(())
}

fn head(mut stream: &TcpStream, answer: &Answer, keeps: bool) -> Result<()> {
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
    if !keeps {
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
    let until = match answer.ending {
        Ending::Whole => bytes.len(),
        Ending::Reset { after }
        | Ending::Close { after }
        | Ending::Stall { after }
        | Ending::Garble { after } => usize::try_from(after).unwrap().min(bytes.len()),
    };
    paced(stream, answer, &bytes[..until], shared, place)?;
    if answer.framing == Framing::Chunked && answer.ending == Ending::Whole {
        (&*stream).write_all(b"0\r\n\r\n")?;
    }
    if matches!(answer.ending, Ending::Garble { .. }) {
        (&*stream).write_all(b"no length\r\n")?;
    }
    Ok(())
}

/// The body with a wrong bit and with what nobody asked for.
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
    match answer.ending {
        Ending::Reset { .. } => {
            // What is still on its way would be lost with the reset.
            sleep(Duration::from_millis(20));
            let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
        }
        Ending::Stall { .. } => hold(stream, shared),
        Ending::Whole | Ending::Close { .. } | Ending::Garble { .. } => {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Keeps a connection open and silent until the client or the server leaves.
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
        302 => "Found",
        403 => "Forbidden",
        404 => "Not Found",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Whatever",
    }
}
