//! A mount that lacks what mounts of object stores lack, made with FUSE.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::schema::python_with;

/// The tries to see the mount, 0.1 s apart.
const TRIES: u32 = 100;

pub struct ObjectStore {
    child: Child,
    at: PathBuf,
}

impl ObjectStore {
    /// Mounts an empty store on a folder that exists; `object_store.py` explains the modes. Returns
    /// `None`, and says so, if this machine does not allow it.
    pub fn mount(mode: &str, at: &Path) -> Option<Self> {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cxr/support/object_store.py");
        let store = at.with_added_extension("store");
        fs::create_dir(&store).unwrap();
        let device = at.metadata().unwrap().dev();
        let mut child = Command::new(python_with("fuse")?)
            .args([source, mode])
            .args([&store, at])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..TRIES {
            if at.metadata().is_ok_and(|metadata| metadata.dev() != device) {
                return Some(Self { child, at: at.to_owned() });
            }
            if child.try_wait().unwrap().is_some() {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
        eprintln!("skipped: this machine does not allow a FUSE mount");
        let _ = child.kill();
        let _ = child.wait();
        None
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        let _ = Command::new("fusermount").args(["-u", "-z"]).arg(&self.at).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
