//! The misbehaviours, by name, and the rules that say when each applies.

use std::sync::Mutex;
use std::time::Duration;

/// One way to misbehave. Offsets count bytes of the answer's body unless they say otherwise.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The connection is reset after so many bytes.
    Reset { after: u64 },
    /// The connection is closed in good order after so many bytes, too early.
    Close { after: u64 },
    /// No byte comes after so many, and the connection stays open.
    Stall { after: u64 },
    /// Not even a header comes.
    Silence,
    /// So many bytes at a time, with a pause after each.
    Drip { bytes: usize, every: Duration },
    /// So many bytes a second on each connection.
    Throttle { rate: u64 },
    /// A status with a short page.
    Status(u16),
    /// A status with a `Retry-After`.
    RetryAfter(u16, &'static str),
    /// 200 and a web page in place of the file.
    Page(&'static str),
    /// 200 and nothing.
    Empty,
    /// `Range` is not heard: 200 and the whole.
    NoRanges,
    /// Every `Range` is answered with 416, and no total.
    RefusesRanges,
    /// 206 although nobody asked for a part.
    Unasked206,
    /// 206 with a `Content-Range` that is wrong.
    ContentRange(Lie),
    /// 206 with so many bytes fewer than asked, at most half, and it says so.
    ShortPart { less: u64 },
    /// HTTP/1.0: no length, no ranges, closed at the end.
    Http10,
    /// The body comes in HTTP's chunks.
    Chunked,
    /// The body comes in HTTP's chunks, and after so many bytes no chunk can be read.
    BadChunk { after: u64 },
    /// Two lengths, of which the second is one more.
    TwoLengths,
    /// Headers without an end.
    EndlessHead,
    /// A header with this value, whatever it was before.
    Header(&'static str, String),
    /// No length: the end of the connection is the end of the body.
    NoLength,
    /// So many bytes after the last that was promised.
    Extra { bytes: u64 },
    /// One bit of the file is wrong, at this offset in the file.
    Flip { at: u64 },
    /// The bytes of another file.
    Other(std::sync::Arc<Vec<u8>>),
    /// `ETag` and `Last-Modified` differ with each answer.
    ChangingTag,
    /// The bytes as they are, called gzip-encoded.
    GzipLabel,
    /// HEAD answers 404.
    NoHead,
    /// The connection is closed after each answer, as announced.
    NoKeepAlive,
}

/// What is wrong with a `Content-Range`.
#[derive(Debug, Clone, Copy)]
pub enum Lie {
    Missing,
    Garbage,
    /// Starts so many bytes later than asked, and so do the bytes.
    Start(u64),
    /// Another size of the whole.
    Total(u64),
    /// The size of the whole is `*`; a 416 tells none either.
    UnknownTotal,
}

/// A fault and when it applies.
#[derive(Debug, Clone)]
pub struct Rule {
    pub fault: Fault,
    path: Option<String>,
    /// Requests that pass before the fault begins.
    passes: u32,
    /// Requests that get it; `None` for all.
    times: Option<u32>,
    from: u64,
    /// Only answers that a cache may give.
    stale: bool,
}

impl From<Fault> for Rule {
    fn from(fault: Fault) -> Self {
        Self { fault, path: None, passes: 0, times: None, from: 0, stale: false }
    }
}

impl Fault {
    /// Only for this path.
    pub fn on(self, path: &str) -> Rule {
        Rule::from(self).on(path)
    }

    /// Only for the first so many requests.
    pub fn first(self, times: u32) -> Rule {
        Rule::from(self).first(times)
    }

    /// Only after so many requests.
    pub fn after(self, passes: u32) -> Rule {
        Rule::from(self).after(passes)
    }

    /// Only for requests of parts that begin at this byte or later.
    pub fn from(self, from: u64) -> Rule {
        let mut rule = Rule::from(self);
        rule.from = from;
        rule
    }

    /// Only for requests that do not ask caches to stand aside.
    pub fn stale(self) -> Rule {
        let mut rule = Rule::from(self);
        rule.stale = true;
        rule
    }
}

impl Rule {
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

    /// Whether it applies to this request, which counts against its budgets.
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
pub struct Rules {
    rules: Mutex<Vec<Rule>>,
}

impl Rules {
    pub fn add(&self, rule: Rule) {
        self.rules.lock().unwrap().push(rule);
    }

    pub fn clear(&self) {
        self.rules.lock().unwrap().clear();
    }

    /// The faults that apply to a request for the path from a byte on, be it past all caches.
    pub fn take(&self, path: &str, start: u64, fresh: bool) -> Vec<Fault> {
        let mut rules = self.rules.lock().unwrap();
        rules
            .iter_mut()
            .filter_map(|rule| rule.applies(path, start, fresh).then(|| rule.fault.clone()))
            .collect()
    }
}
