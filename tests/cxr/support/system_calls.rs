//! The system calls of a run, recorded by strace.

use std::collections::HashMap;
use std::fs;

use super::{Cxr, Sandbox};

/// The system calls of a run in the order in which they began, with the path of every file.
#[derive(Debug)]
pub struct SystemCalls(Vec<SystemCall>);

/// A system call, and the lines of the trace in which it begins and ends.
#[derive(Debug)]
pub struct SystemCall {
    pub text: String,
    pub begins: usize,
    pub ends: usize,
}

impl SystemCalls {
    /// Records the named calls of a run, which must succeed. Returns `None` to skip the test.
    pub fn of(sandbox: &Sandbox, cxr: Cxr, calls: &[&str]) -> Option<Self> {
        let (trace, calls) = (sandbox.path("trace"), format!("trace={}", calls.join(",")));
        let strace = ["strace", "-f", "-y", "-qq", "-e", &calls, "-o", trace.to_str().unwrap()];
        cxr.started_by_installed(&strace, "strace")?.run().exits(0);
        Some(Self::parse(&fs::read_to_string(trace).unwrap()))
    }

    /// Parses a trace. A call that another thread interrupted has two lines.
    fn parse(text: &str) -> Self {
        let mut calls: Vec<SystemCall> = Vec::new();
        let mut unfinished = HashMap::new();
        for (at, line) in text.lines().enumerate() {
            let (thread, rest) = line.split_once(' ').unwrap();
            if let Some((_, end)) = rest.split_once(" resumed>") {
                let call: usize = unfinished.remove(thread).expect("a resumed call has begun");
                calls[call].text.push_str(end);
                calls[call].ends = at;
                continue;
            }
            let begun = rest.strip_suffix(" <unfinished ...>");
            if begun.is_some() {
                unfinished.insert(thread, calls.len());
            }
            let text = begun.unwrap_or(rest).trim_start().to_owned();
            calls.push(SystemCall { text, begins: at, ends: at });
        }
        Self(calls)
    }

    pub fn calls(&self) -> &[SystemCall] {
        &self.0
    }

    /// Returns the first call of this name that contains all of `words`.
    #[track_caller]
    pub fn first(&self, call: &str, words: &[&str]) -> &SystemCall {
        let found = self.0.iter().find(|made| made.is(call, words));
        found.unwrap_or_else(|| panic!("no {call} {words:?} in {:#?}", self.0))
    }

    /// Returns the last call of this name that contains all of `words`.
    #[track_caller]
    pub fn last(&self, call: &str, words: &[&str]) -> &SystemCall {
        self.last_before(usize::MAX, call, words)
    }

    /// As [`SystemCalls::last`], of the calls that begin before this line.
    #[track_caller]
    pub fn last_before(&self, line: usize, call: &str, words: &[&str]) -> &SystemCall {
        let found = self.0.iter().rfind(|made| made.begins < line && made.is(call, words));
        found.unwrap_or_else(|| panic!("no {call} {words:?} before {line} in {:#?}", self.0))
    }
}

impl SystemCall {
    fn is(&self, call: &str, words: &[&str]) -> bool {
        self.text.starts_with(call) && words.iter().all(|word| self.text.contains(word))
    }
}

#[test]
fn a_call_in_two_lines_is_parsed_as_one() {
    let trace = SystemCalls::parse(
        "7 fsync(3</d> <unfinished ...>\n\
         8 write(4</e>, \"x\", 1) = 1\n\
         7 <... fsync resumed>)                    = 0\n\
         8 unlink(\"f\")                           = 0\n",
    );
    let (sync, write) = (trace.first("fsync(", &["</d>)", "= 0"]), trace.last("write(", &["</e>"]));
    assert_eq!((sync.begins, sync.ends, write.begins), (0, 2, 1));
    assert_eq!(trace.last("unlink", &["\"f\""]).begins, 3);
}
