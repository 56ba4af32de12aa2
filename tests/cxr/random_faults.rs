//! Random mixes of faults: failing servers, kills at crash points, between operations and at any
//! moment, disk errors, reboots, damaged partial downloads and journals. A wrong file never gets a
//! final name or the verdict `ok`, and in the end every archive is right.
//!
//! `CXR_TESTS_SECONDS` sets the duration, and `CXR_TESTS_ROUND` repeats one round.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rustix::process::Signal;

use crate::crash::crash_points;
use crate::support::{
    Archive, Cxr, DAMAGES, Fault, FaultRule, Outcome, Sandbox, Server, WrongRange,
};
use crate::support::{archive, random};

/// The default duration. At least one round is run.
const SECONDS: u64 = 8;

/// The names of the host. Another name stands for a reboot.
const HOSTS: [&str; 3] = ["", "after-a-restart", "elsewhere"];

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("no number: {variable}={value}")))
}

/// One round: some archives, and the faults that they meet.
struct Round {
    random: Rng,
    sandbox: Sandbox,
    server: Server,
    archives: Vec<Archive>,
    /// For each archive, the content of a file of the user under its name.
    user_files: Vec<Option<Vec<u8>>>,
    table: PathBuf,
    points: Vec<String>,
    /// A working file was damaged: a restored file of the user may be wrong.
    damaged: bool,
}

impl Round {
    fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let count = random.usize(1..=2);
        let archives: Vec<_> =
            (1..=count).map(|number| archive(number, random.usize(1..=3))).collect();
        let (sandbox, server) = (Sandbox::new(), Server::with(&archives));
        let user_files: Vec<_> =
            archives.iter().map(|archive| random_user_file(archive, &mut random)).collect();
        for (archive, user_file) in archives.iter().zip(&user_files) {
            if let Some(user_file) = user_file {
                sandbox.put(Path::new("data").join(&archive.name), user_file);
            }
        }
        let with_sizes: Vec<_> = archives.iter().map(|archive| (archive, "")).collect();
        let table = if random.bool() {
            sandbox.table(&archives)
        } else {
            sandbox.table_with_sizes(&with_sizes)
        };
        let points = crash_points().into_iter().collect();
        Self { random, sandbox, server, archives, user_files, table, points, damaged: false }
    }

    fn run_all(&mut self) {
        for number in 0..self.random.usize(1..=6) {
            self.server.clear_faults();
            for _ in 0..self.random.usize(0..=2) {
                let fault = self.random_fault();
                // Shortened, since a fault may hold the bytes of another archive.
                let shown: String = format!("{fault:?}").chars().take(100).collect();
                eprintln!("{number}: the server: {shown}");
                self.server.inject(fault);
            }
            let outcome = self.run(number);
            // A signal may arrive before the program handles any.
            let was_early = outcome.signal == Some(2) && outcome.stderr.is_empty();
            let signal_or_status = outcome.was_killed()
                || was_early
                || matches!(outcome.status, Some(0 | 1 | 3 | 130 | 143));
            outcome.expect(signal_or_status, "a documented exit status or signal");
            self.assert_safe(&outcome);
            if self.random.u32(..3) == 0 {
                self.damage(number);
            }
        }
        self.server.clear_faults();
        let outcome = self.fetch().run();
        outcome.exits(0).report().all_ok();
        self.archives.iter().for_each(|archive| self.sandbox.assert_archive(archive));
        let left = self.sandbox.files("data/.cxr");
        let unfinished = |file: &&PathBuf| {
            let ending = file.extension().and_then(|ending| ending.to_str());
            matches!(ending, Some("part" | "journal" | "undo"))
        };
        let unfinished: Vec<_> = left.iter().filter(unfinished).collect();
        outcome.expect(unfinished.is_empty(), format_args!("no leftovers: {unfinished:?}"));
    }

    fn fetch(&mut self) -> Cxr {
        let random = &mut self.random;
        let mut cxr = self.sandbox.fetch_with(&self.table).args(["--from", &self.server.base()]);
        cxr = cxr.args(["-c", &random.usize(1..=4).to_string()]).chunk(random.u64(20_000..500_000));
        for option in ["--keep-corrupt", "--recheck"] {
            if random.u32(..4) == 0 {
                cxr = cxr.arg(option);
            }
        }
        cxr.env("CXR_FAULT_SYNC_MS", random.u64(3..100).to_string())
            .env("CXR_FAULT_OWNER_TIMEOUT_MS", "1")
            .env("CXR_FAULT_HOST", HOSTS[random.usize(..HOSTS.len())])
    }

    /// Runs the program with a random fault.
    fn run(&mut self, number: usize) -> Outcome {
        let mut cxr = self.fetch();
        let random = &mut self.random;
        let count = random.u64(..60);
        let rule = match random.u32(..6) {
            0 => {
                let point = self.points[random.usize(..self.points.len())].clone();
                eprintln!("{number}: dies at {point}");
                cxr = cxr.dies_at(&point, random.u32(1..4));
                String::new()
            }
            1 => format!("change * die after={count}"),
            2 => format!("write .part torn after={}", count / 3),
            3 => {
                let operation =
                    ["write", "append", "sync", "rename", "sync-folder", "close", "read"];
                let error = ["EIO", "ENOSPC", "EDQUOT"][random.usize(..3)];
                format!("{} * {error} after={count}", operation[random.usize(..7)])
            }
            _ => String::new(),
        };
        if !rule.is_empty() {
            eprintln!("{number}: {rule}");
            cxr = cxr.disk_faults(&rule);
        }
        let mut running = cxr.spawn();
        if random.bool() {
            let signal = if random.bool() { Signal::KILL } else { Signal::INT };
            let wait = Duration::from_millis(random.u64(..200));
            eprintln!("{number}: {signal:?} after {wait:?}");
            thread::sleep(wait);
            if running.is_running() {
                running.signal(signal);
            }
        }
        running.wait()
    }

    /// A random fault of the server for some requests.
    fn random_fault(&mut self) -> FaultRule {
        let random = &mut self.random;
        let after = random.u64(..300_000);
        let fault = match random.u32(..14) {
            0 => Fault::Reset { after },
            1 => Fault::Close { after },
            2 => Fault::Status(503),
            3 => Fault::Status(404),
            4 => Fault::Page("<html><title>Sign in</title></html>"),
            5 => Fault::Empty,
            6 => Fault::NoRanges,
            7 => Fault::ShortRange { less: after },
            8 => Fault::ExtraBytes { bytes: after },
            9 => Fault::Flip { at: after },
            10 => Fault::NoLength,
            11 => Fault::ContentRange(WrongRange::Start(3)),
            12 => Fault::OtherFile(archive(9, 1).bytes),
            _ => Fault::Throttle { rate: random.u64(1..8) << 20 },
        };
        fault.after(random.u32(..4)).first(random.u32(1..5))
    }

    /// Asserts that only the archive or the user's file is under a final name, and that an archive
    /// with the verdict `ok` is right.
    #[track_caller]
    fn assert_safe(&self, outcome: &Outcome) {
        for (archive, user_file) in self.archives.iter().zip(&self.user_files) {
            let found = fs::read(self.sandbox.data().join(&archive.name)).ok();
            let is_archive = found.as_ref() == Some(&*archive.bytes);
            let is_theirs =
                found.is_none() || found == *user_file || user_file.is_some() && self.damaged;
            let name = &archive.name;
            outcome.expect(is_archive || is_theirs, format_args!("nothing bad under {name}"));
            if !outcome.stdout.is_empty() {
                let report = outcome.report();
                // A run that could not start reports no archive.
                let lines = report.lines();
                let line = lines.iter().find(|line| line.value["name"] == *name);
                let called_ok = line.is_some_and(|line| line.verdict() == "ok");
                outcome.expect(is_archive || !called_ok, format_args!("{name} not to be ok"));
            }
        }
    }

    /// Damages a random working file.
    fn damage(&mut self, number: usize) {
        let files = self.sandbox.files("data/.cxr");
        let Some(file) = self.random.choice(&files) else { return };
        // Not by a folder in its place: the user has to move that away.
        let (name, damage) = DAMAGES[self.random.usize(..DAMAGES.len() - 1)];
        eprintln!("{number}: {}: {name}", file.display());
        damage(&self.sandbox.path("data/.cxr").join(file), &mut self.random);
        self.damaged = true;
    }
}

/// The content of a file of the user under an archive's name: mostly none.
fn random_user_file(archive: &Archive, random: &mut Rng) -> Option<Vec<u8>> {
    let at = random.usize(1..archive.bytes.len());
    match random.u32(..8) {
        0 => Some(archive.bytes[..at].to_vec()),
        1 => Some(archive.flipped(at)),
        2 => Some([&archive.flipped(at)[..], b"and more"].concat()),
        3 => Some(archive.flipped(at / 2)[..at].to_vec()),
        4 => Some(b"something else".to_vec()),
        _ => None,
    }
}

#[test]
fn random_faults_never_give_a_wrong_archive() {
    if let Some(seed) = number("CXR_TESTS_ROUND") {
        return Round::new(seed).run_all();
    }
    let mut random = random();
    let lasts = Duration::from_secs(number("CXR_TESTS_SECONDS").unwrap_or(SECONDS));
    let (begun, mut rounds) = (Instant::now(), 0);
    while rounds == 0 || begun.elapsed() < lasts {
        let seed = random.u64(..);
        eprintln!("round {rounds}: CXR_TESTS_ROUND={seed}");
        Round::new(seed).run_all();
        rounds += 1;
    }
    eprintln!("{rounds} rounds");
}
