//! What the tests stand on.

mod archive;
mod authority;
mod damage;
mod hole;
mod mount;
mod names;
mod nginx;
mod outcome;
mod png;
#[cfg(debug_assertions)]
mod power;
mod process;
mod program;
mod proxy;
mod python;
mod sandbox;
mod schema;
mod server;
mod terminal;
mod trace;

pub use archive::{Archive, NAMES, archive, archives, large, large_of_noise, stored};
pub use authority::{Authority, Certificate};
pub use damage::DAMAGES;
pub use hole::Hole;
pub use mount::SmallDisk;
pub use names::{NameServer, Names};
pub use nginx::Nginx;
pub use outcome::{Outcome, Report};
#[cfg(debug_assertions)]
pub use power::{Disk, Fate, Step};
pub use process::Running;
pub use program::Cxr;
pub use proxy::Proxy;
pub use python::Python;
pub use sandbox::{Sandbox, files_under};
pub use schema::{invalid, invalid_xml, python_with};
pub use server::{Fault, Hit, Lie, Refusal, Rule, Server};
pub use terminal::on_a_terminal;
pub use trace::{Call, Trace};

use std::time::{Duration, Instant};

/// Waits until something is true; fails after a minute, saying what it waited for.
pub fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < Duration::from_mins(1), "waited a minute for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Numbers that differ from run to run; with `CXR_TESTS_SEED` those of an earlier run, which
/// printed its seed.
pub fn random() -> fastrand::Rng {
    let given = std::env::var("CXR_TESTS_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    eprintln!("CXR_TESTS_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// Whether tests that need a program which is not installed may be left out.
pub fn may_skip(program: &str, package: &str) -> bool {
    let allowed = std::env::var_os("CXR_TESTS_WITHOUT_SERVERS").is_some_and(|value| value == "1");
    assert!(
        allowed,
        "`{program}` is not installed: `apt-get install {package}`, \
         or set CXR_TESTS_WITHOUT_SERVERS=1 to leave these tests out"
    );
    eprintln!("skipped: `{program}` is not installed");
    true
}

/// Whether a program can be started.
pub fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.push("/usr/sbin".into());
    folders.iter().any(|folder| folder.join(program).is_file())
}
