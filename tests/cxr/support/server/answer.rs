//! The answer to a request: first a correct one, then changed by the faults.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::Shared;
use super::fault::{Fault, WrongRange};
use super::request::{self, Request};
use super::route::Resource;

/// The way in which an answer announces the length of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Length,
    /// Two lengths, the second one larger by one.
    TwoLengths,
    Chunked,
    /// By closing the connection.
    Close,
}

/// The kind of status line and headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    Complete,
    /// Neither headers nor a body.
    None,
    /// Headers that do not end.
    Endless,
}

/// The end of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    Complete,
    Reset {
        after: u64,
    },
    Close {
        after: u64,
    },
    Stall {
        after: u64,
    },
    /// An invalid chunk.
    InvalidChunk {
        after: u64,
    },
}

/// The speed of an answer: `bytes` bytes in every interval `every`.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub bytes: usize,
    pub every: Duration,
}

/// An answer, ready to be sent.
pub struct Answer {
    pub version: &'static str,
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub bytes: Arc<Vec<u8>>,
    pub part: Range<usize>,
    /// The number of bytes after the announced ones.
    pub extra: u64,
    /// The byte of the file in which a bit is flipped.
    pub flip: Option<u64>,
    pub framing: Framing,
    pub end: BodyEnd,
    pub pace: Option<Pace>,
    pub head: Head,
    pub head_only: bool,
    pub keep_alive: bool,
}

impl Answer {
    /// Returns the answer to a request, with the faults that apply to it.
    pub fn to(request: &Request, shared: &Shared) -> Self {
        let asked = request.header("range").and_then(request::range);
        let start = asked.map_or(0, |(first, _)| first);
        let fresh = request.header("cache-control").is_some_and(|value| value.contains("no-cache"));
        let faults = shared.rules.take(&request.path, start, fresh);
        let ignores_range =
            faults.iter().any(|fault| matches!(fault, Fault::NoRanges | Fault::Http10));
        let other = faults.iter().find_map(|fault| match fault {
            Fault::OtherFile(bytes) => Some(Arc::clone(bytes)),
            _ => None,
        });
        let found = match (shared.routes.find(&request.path), other) {
            (Resource::File(_), Some(other)) => Resource::File(other),
            (found, _) => found,
        };
        let mut answer = Self::correct(found, asked.filter(|_| !ignores_range));
        if !ignores_range && answer.status < 300 {
            answer.headers.push(("Accept-Ranges", "bytes".to_owned()));
        }
        answer.head_only = request.method == "HEAD";
        answer.keep_alive = request.header("connection") != Some("close");
        for fault in &faults {
            answer.refuse_range(fault, asked);
            answer.apply(fault);
        }
        answer
    }

    fn correct(found: Resource, asked: Option<(u64, Option<u64>)>) -> Self {
        match found {
            Resource::File(bytes) => Self::of_file(bytes, asked),
            Resource::Nothing => Self::page(404, "<html>Not Found</html>\n"),
            Resource::Expired => Self::page(403, "<html>The link has expired</html>\n"),
            Resource::Redirect { status, target } => {
                let mut answer = Self::page(status, "<html>Over there</html>\n");
                answer.headers.push(("Location", target));
                answer
            }
        }
    }

    fn of_file(bytes: Arc<Vec<u8>>, asked: Option<(u64, Option<u64>)>) -> Self {
        let size = bytes.len() as u64;
        let mut answer = Self::plain(200, bytes);
        answer.headers.push(("Content-Type", "application/gzip".to_owned()));
        answer.headers.push(("ETag", format!("\"{size:x}\"")));
        let Some((first, last)) = asked else { return answer };
        if first >= size {
            let mut answer = Self::page(416, "<html>Range Not Satisfiable</html>\n");
            answer.headers.push(("Content-Range", format!("bytes */{size}")));
            return answer;
        }
        let last = last.unwrap_or(u64::MAX).min(size - 1);
        answer.status = 206;
        answer.part = position(first)..position(last + 1);
        answer.headers.push(("Content-Range", format!("bytes {first}-{last}/{size}")));
        answer
    }

    fn page(status: u16, text: &str) -> Self {
        let mut answer = Self::plain(status, Arc::new(text.as_bytes().to_vec()));
        answer.headers.push(("Content-Type", "text/html; charset=utf-8".to_owned()));
        answer
    }

    fn plain(status: u16, bytes: Arc<Vec<u8>>) -> Self {
        let part = 0..bytes.len();
        Self {
            version: "HTTP/1.1",
            status,
            headers: Vec::new(),
            bytes,
            part,
            extra: 0,
            flip: None,
            framing: Framing::Length,
            end: BodyEnd::Complete,
            pace: None,
            head: Head::Complete,
            head_only: false,
            keep_alive: true,
        }
    }

    /// Replaces the answer by another one on the same connection.
    fn replace_with(&mut self, other: Self) {
        let (head_only, keep_alive) = (self.head_only, self.keep_alive);
        *self = Self { head_only, keep_alive, ..other };
    }

    fn set(&mut self, name: &'static str, value: String) {
        self.headers.retain(|(own, _)| *own != name);
        self.headers.push((name, value));
    }

    /// The offset of the body in the file.
    pub fn start(&self) -> u64 {
        self.part.start as u64
    }

    fn apply(&mut self, fault: &Fault) {
        match *fault {
            Fault::Reset { after } => self.end = BodyEnd::Reset { after },
            Fault::Close { after } => self.end = BodyEnd::Close { after },
            Fault::Stall { after } => self.end = BodyEnd::Stall { after },
            Fault::Silence => self.head = Head::None,
            Fault::Trickle { bytes, every } => self.pace = Some(Pace { bytes, every }),
            Fault::Throttle { rate } => self.throttle(rate),
            Fault::Status(status) => self.replace_with(Self::page(status, "<html>No</html>\n")),
            Fault::Refusal(status, text) => self.replace_with(Self::page(status, text)),
            Fault::RetryAfter(status, when) => {
                self.replace_with(Self::page(status, "<html>Later</html>\n"));
                self.set("Retry-After", when.to_owned());
            }
            Fault::Page(text) => self.replace_with(Self::page(200, text)),
            Fault::Empty => self.replace_with(Self::plain(200, Arc::default())),
            Fault::RefusesRanges if self.status == 206 => {
                self.replace_with(Self::page(416, "<html>Range Not Satisfiable</html>\n"));
            }
            Fault::Unrequested206 => self.claim_part(),
            Fault::ContentRange(wrong) => self.set_wrong_range(wrong),
            Fault::ShortRange { less } => self.shorten(less),
            Fault::RangeAs200 if self.status == 206 => self.status = 200,
            Fault::UnlabelledRange if self.status == 206 => {
                self.status = 200;
                self.headers.retain(|(name, _)| *name != "Content-Range");
            }
            Fault::WholeBlocks(block) if self.status == 206 => {
                self.part.start -= self.part.start % block;
                self.describe_part(self.bytes.len() as u64);
            }
            Fault::FewBytes(most) if self.status == 206 => {
                self.part.end = self.part.end.min(self.part.start + most);
                self.describe_part(self.bytes.len() as u64);
            }
            Fault::LacksEnd(less) if self.status == 206 => {
                self.part.end -= less.min(self.part.len());
            }
            Fault::Http10 => {
                self.version = "HTTP/1.0";
                self.framing = Framing::Close;
            }
            Fault::Chunked => self.framing = Framing::Chunked,
            Fault::InvalidChunk { after } => {
                self.framing = Framing::Chunked;
                self.end = BodyEnd::InvalidChunk { after };
            }
            Fault::TwoLengths => self.framing = Framing::TwoLengths,
            Fault::EndlessHead => self.head = Head::Endless,
            Fault::Header(name, ref value) => self.set(name, value.clone()),
            Fault::NoLength => self.framing = Framing::Close,
            Fault::ExtraBytes { bytes } => self.extra = bytes,
            Fault::Flip { at } => self.flip = Some(at),
            Fault::ChangingEtag => self.change_tag(),
            Fault::GzipLabel => self.set("Content-Encoding", "gzip".to_owned()),
            Fault::NoHead if self.head_only => {
                self.replace_with(Self::page(404, "<html>Not Found</html>\n"));
            }
            Fault::NoKeepAlive => self.keep_alive = false,
            Fault::RangeAs200
            | Fault::UnlabelledRange
            | Fault::WholeBlocks(_)
            | Fault::LacksEnd(_)
            | Fault::FewBytes(_)
            | Fault::RefusesRangeBehindEnd(_)
            | Fault::RefusesEveryRange(_)
            | Fault::RefusesRanges
            | Fault::NoRanges
            | Fault::OtherFile(_)
            | Fault::NoHead => {}
        }
    }

    fn refuse_range(&mut self, fault: &Fault, asked: Option<(u64, Option<u64>)>) {
        let Some((_, last)) = asked else { return };
        let ends_behind = last.is_some_and(|last| last >= self.bytes.len() as u64);
        match *fault {
            Fault::RefusesRangeBehindEnd(status) if ends_behind && self.status == 206 => {
                self.replace_with(Self::page(status, "<html>No</html>\n"));
            }
            Fault::RefusesEveryRange(status) => {
                self.replace_with(Self::page(status, "<html>No</html>\n"));
            }
            _ => {}
        }
    }

    fn throttle(&mut self, rate: u64) {
        // Fifty pieces a second make an even rate.
        let bytes = position(rate / 50).max(1);
        self.pace = Some(Pace { bytes, every: Duration::from_millis(20) });
    }

    fn change_tag(&mut self) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        self.set("ETag", format!("\"edge-{number}\""));
        let date = format!("Mon, 01 Jan 2024 00:{:02}:{:02} GMT", number / 60 % 60, number % 60);
        self.set("Last-Modified", date);
    }

    fn claim_part(&mut self) {
        if self.status == 200 {
            self.status = 206;
            let size = self.bytes.len();
            self.set("Content-Range", format!("bytes 0-{}/{size}", size.saturating_sub(1)));
        }
    }

    fn shorten(&mut self, less: u64) {
        if self.status == 206 {
            // At least half: one byte at a time would take for ever.
            let less = position(less).min(self.part.len() / 2);
            self.part.end -= less;
            self.describe_part(self.bytes.len() as u64);
        }
    }

    fn describe_part(&mut self, total: u64) {
        let (first, last) = (self.part.start, self.part.end.saturating_sub(1));
        self.set("Content-Range", format!("bytes {first}-{last}/{total}"));
    }

    fn set_wrong_range(&mut self, wrong: WrongRange) {
        if self.status == 416 && matches!(wrong, WrongRange::UnknownTotal) {
            self.headers.retain(|(name, _)| *name != "Content-Range");
        }
        if self.status != 206 {
            return;
        }
        match wrong {
            WrongRange::Missing => self.headers.retain(|(name, _)| *name != "Content-Range"),
            WrongRange::Garbage => self.set("Content-Range", "bytes some-of/it".to_owned()),
            WrongRange::Total(total) => self.describe_part(total),
            WrongRange::UnknownTotal => {
                let (first, last) = (self.part.start, self.part.end - 1);
                self.set("Content-Range", format!("bytes {first}-{last}/*"));
            }
            WrongRange::Start(later) => {
                let start = self.part.start + position(later);
                self.part.start = start.min(self.part.end - 1);
                self.describe_part(self.bytes.len() as u64);
            }
        }
    }
}

fn position(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}
