//! A small file system of its own, where the kernel lets us have one.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::program::Cxr;

/// A tmpfs in a name space of its own, seen only by those that enter it.
pub struct SmallDisk {
    /// Keeps the name space alive.
    keeper: Child,
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts a disk of so many KiB on a folder; `None`, with a word, where that is not allowed.
    pub fn mount(at: &Path, kibibytes: u32) -> Option<Self> {
        let script = format!(
            "mount -t tmpfs -o size={kibibytes}k none \"$0\" && echo ready && exec sleep 600"
        );
        let mut keeper = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
            .arg(at)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut line = String::new();
        let _ = BufReader::new(keeper.stdout.take()?).read_line(&mut line);
        if line.trim() != "ready" {
            eprintln!("skipped: a file system of our own is not allowed here");
            let _ = keeper.wait();
            return None;
        }
        Some(Self { keeper, at: at.to_owned() })
    }

    /// Runs the program where the disk is to be seen.
    pub fn see(&self, cxr: Cxr) -> Cxr {
        cxr.under(self.enter())
    }

    /// Mounts it anew with other options, such as `ro` or `size=8m`.
    pub fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        // With both names given, `mount` adds none of the old options, which it may not set.
        let mut mount = self.command("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "none"]).arg(&self.at);
        assert!(mount.status().unwrap().success(), "mount -o {options}");
    }

    /// A program where the disk is to be seen.
    pub fn command(&self, program: &str) -> Command {
        let words = self.enter();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg(program);
        command
    }

    /// What a file there holds.
    pub fn read(&self, path: &Path) -> Vec<u8> {
        self.command("cat").arg(path).output().unwrap().stdout
    }

    fn enter(&self) -> Vec<String> {
        let target = self.keeper.id().to_string();
        let mut words =
            ["nsenter", "--preserve-credentials", "--user", "--mount", "--target", &target]
                .map(str::to_owned)
                .to_vec();
        // Entering forgets the folder we are in, and from outside the disk is not to be seen.
        let folder = self.at.parent().unwrap_or(&self.at).display().to_string();
        words.extend(["sh", "-c", "cd \"$0\" && exec \"$@\"", &folder].map(str::to_owned));
        words
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
