//! The helpers of the tests: archives, servers, sandboxes, and runs of the program.

mod archive;
mod authority;
mod daemon;
pub mod damaged_png;
mod file_damage;
mod image_archive;
mod name_resolution;
mod nginx;
mod object_store;
mod outcome;
mod png;
mod process;
mod program;
mod proxy;
mod python_server;
mod sandbox;
mod schema;
mod server;
#[cfg(debug_assertions)]
mod simulated_disk;
mod small_disk;
mod system_calls;
mod terminal;
mod tmux;
mod unanswered_port;

pub use archive::{
    Archive, FINAL_NAME, NAMES, archive, archives, gunzip, large_archive, large_compressible,
    md5_of, stored_archive,
};
pub use authority::{Authority, Certificate};
pub use daemon::Daemon;
pub use file_damage::{DAMAGES, change_silently};
pub use image_archive::{ImageArchive, TarBytes, image, inventory};
pub use name_resolution::{NameResolution, NameServer};
pub use nginx::Nginx;
pub use object_store::ObjectStore;
pub use outcome::{Line, Outcome, Report};
pub use process::Running;
pub use program::Cxr;
pub use proxy::Proxy;
pub use python_server::PythonServer;
pub use sandbox::{Sandbox, files_under};
pub use schema::{python_with, schema_error, xml_schema_error};
pub use server::{Fault, FaultRule, Hit, Refusal, Server, WrongRange};
#[cfg(debug_assertions)]
pub use simulated_disk::{DiskOperation, SimulatedDisk, Unsynced};
pub use small_disk::SmallDisk;
pub use system_calls::{SystemCall, SystemCalls};
pub use terminal::on_a_terminal;
pub use tmux::Tmux;
pub use unanswered_port::UnansweredPort;

use std::time::{Duration, Instant};

/// Waits until `is_true` returns true; after a minute, fails with `what` in the message.
pub fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < Duration::from_mins(1), "waited a minute for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A random generator with a new seed, which is printed, or with that of `CXR_TESTS_SEED`.
pub fn random() -> fastrand::Rng {
    let given = std::env::var("CXR_TESTS_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    eprintln!("CXR_TESTS_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// Returns true, and says so, if tests that need a missing program may be skipped; else fails.
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

/// Returns true if the program is on the search path or in `/usr/sbin`.
pub fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.push("/usr/sbin".into());
    folders.iter().any(|folder| folder.join(program).is_file())
}
