//! The faults of the server, and the rules when each applies.

use std::sync::Mutex;
use std::time::Duration;

/// A fault of the server. Offsets count bytes of the answer's body unless stated otherwise.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The connection is reset after this many bytes.
    Reset { after: u64 },
    /// The connection is closed cleanly, but too early, after this many bytes.
    Close { after: u64 },
    /// No byte is sent after this many, and the connection stays open.
    Stall { after: u64 },
    /// Nothing is sent, not even headers.
    Silence,
    /// This many bytes are sent at a time, with a pause after each piece.
    Trickle { bytes: usize, every: Duration },
    /// This many bytes a second are sent on each connection.
    Throttle { rate: u64 },
    /// A status with a short page.
    Status(u16),
    /// A status with this page or document.
    Refusal(u16, &'static str),
    /// A status with a `Retry-After`.
    RetryAfter(u16, &'static str),
    /// 200 and a web page in place of the file.
    Page(&'static str),
    /// 200 and an empty body.
    Empty,
    /// `Range` is ignored: 200 and the whole file.
    NoRanges,
    /// Every `Range` is answered with 416 and no total size.
    RefusesRanges,
    /// 206 although no range was requested.
    Unrequested206,
    /// 206 with a wrong `Content-Range`.
    ContentRange(WrongRange),
    /// 206 with this many bytes fewer than requested, at most half of them, and a right
    /// `Content-Range`.
    ShortRange { less: u64 },
    /// 206 with at most this many bytes, and a right `Content-Range`.
    FewBytes(usize),
    /// A range is sent with status 200 and a right `Content-Range`.
    RangeAs200,
    /// A range is sent with status 200, its own length, and no `Content-Range`.
    UnlabelledRange,
    /// 206 that begins at the start of a block of this many bytes, with a right `Content-Range`.
    WholeBlocks(usize),
    /// 206 with this many bytes fewer at the end than its `Content-Range` says.
    LacksEnd(usize),
    /// This status to a range that ends behind the end of the file.
    RefusesRangeBehindEnd(u16),
    /// This status to every range.
    RefusesEveryRange(u16),
    /// HTTP/1.0: no length, no ranges, and closed at the end.
    Http10,
    /// The body is chunked.
    Chunked,
    /// The body is chunked, with an invalid chunk after this many bytes.
    InvalidChunk { after: u64 },
    /// Two `Content-Length` headers, the second one larger by one.
    TwoLengths,
    /// Headers that do not end.
    EndlessHead,
    /// A header is set to this value.
    Header(&'static str, String),
    /// No length: the end of the connection is the end of the body.
    NoLength,
    /// This many bytes are sent after the announced ones.
    ExtraBytes { bytes: u64 },
    /// One bit is flipped at this offset of the file.
    Flip { at: u64 },
    /// The bytes of another file are sent.
    OtherFile(std::sync::Arc<Vec<u8>>),
    /// `ETag` and `Last-Modified` differ with each answer.
    ChangingEtag,
    /// The stored bytes are labelled as gzip-encoded.
    GzipLabel,
    /// HEAD answers 404.
    NoHead,
    /// The connection is closed after each answer, and announced so.
    NoKeepAlive,
}

/// A kind of wrong `Content-Range`.
#[derive(Debug, Clone, Copy)]
pub enum WrongRange {
    Missing,
    Garbage,
    /// The range and its bytes start this many bytes later than requested.
    Start(u64),
    /// Another total size.
    Total(u64),
    /// The total size is `*`, and a 416 has none either.
    UnknownTotal,
}

/// A fault, and the requests to which it applies.
#[derive(Debug, Clone)]
pub struct FaultRule {
    pub fault: Fault,
    path: Option<String>,
    /// The number of requests before the first with the fault.
    passes: u32,
    /// The number of requests with the fault; `None` for all.
    times: Option<u32>,
    from: u64,
    /// Applies only to requests that a cache may answer.
    stale: bool,
}

impl From<Fault> for FaultRule {
    fn from(fault: Fault) -> Self {
        Self { fault, path: None, passes: 0, times: None, from: 0, stale: false }
    }
}

impl Fault {
    /// Applies only to this path.
    pub fn on(self, path: &str) -> FaultRule {
        FaultRule::from(self).on(path)
    }

    /// Applies only to the first `times` requests.
    pub fn first(self, times: u32) -> FaultRule {
        FaultRule::from(self).first(times)
    }

    /// Applies only after `passes` requests.
    pub fn after(self, passes: u32) -> FaultRule {
        FaultRule::from(self).after(passes)
    }

    /// Applies only to ranges that begin at this byte or later.
    pub fn from(self, from: u64) -> FaultRule {
        let mut rule = FaultRule::from(self);
        rule.from = from;
        rule
    }

    /// Applies only to requests that a cache may answer.
    pub fn if_cached(self) -> FaultRule {
        let mut rule = FaultRule::from(self);
        rule.stale = true;
        rule
    }
}

impl FaultRule {
    pub fn on(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    pub fn first(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    pub fn after(mut self, passes: u32) -> Self {
        self.passes = passes;
        self
    }

    /// Returns true if it applies to this request, and counts the request.
    fn applies(&mut self, path: &str, start: u64, fresh: bool) -> bool {
        if self.path.as_deref().is_some_and(|own| own != path) || start < self.from {
            return false;
        }
        if self.stale && fresh {
            return false;
        }
        if self.passes > 0 {
            self.passes -= 1;
            return false;
        }
        match &mut self.times {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }
}

#[derive(Default)]
pub struct FaultRules {
    rules: Mutex<Vec<FaultRule>>,
}

impl FaultRules {
    pub fn add(&self, rule: FaultRule) {
        self.rules.lock().unwrap().push(rule);
    }

    pub fn clear(&self) {
        self.rules.lock().unwrap().clear();
    }

    /// Returns the faults for a request of a path from byte `start` on; `fresh` is true if it
    /// bypasses caches.
    pub fn take(&self, path: &str, start: u64, fresh: bool) -> Vec<Fault> {
        let mut rules = self.rules.lock().unwrap();
        rules
            .iter_mut()
            .filter_map(|rule| rule.applies(path, start, fresh).then(|| rule.fault.clone()))
            .collect()
    }
}
