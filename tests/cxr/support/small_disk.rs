//! A small file system, if the kernel allows one.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::program::Cxr;

/// A tmpfs in a mount name space, visible only to processes that enter the name space.
pub struct SmallDisk {
    /// The process that keeps the name space alive.
    holder: Child,
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts a disk of `kibibytes` KiB on a folder. Returns `None`, and says so, if that is not
    /// allowed.
    pub fn mount(at: &Path, kibibytes: u32) -> Option<Self> {
        Self::mount_with(at, &format!("-t tmpfs -o size={kibibytes}k"))
    }

    /// Mounts a disk that reports no size, and no free space.
    pub fn without_size(at: &Path) -> Option<Self> {
        Self::mount_with(at, "-t ramfs")
    }

    fn mount_with(at: &Path, options: &str) -> Option<Self> {
        let script = format!("mount {options} none \"$0\" && echo ready && exec sleep 600");
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
            .arg(at)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut line = String::new();
        let _ = BufReader::new(holder.stdout.take()?).read_line(&mut line);
        if line.trim() != "ready" {
            eprintln!("skipped: this machine does not allow a mount");
            let _ = holder.wait();
            return None;
        }
        Some(Self { holder, at: at.to_owned() })
    }

    /// Makes the disk visible to a run.
    pub fn visible_to(&self, cxr: Cxr) -> Cxr {
        cxr.started_by(self.enter())
    }

    /// Remounts the disk with other options, such as `ro` or `size=8m`.
    pub fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        // With both names given, `mount` adds none of the old options, which it may not set.
        let mut mount = self.command("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "none"]).arg(&self.at);
        assert!(mount.status().unwrap().success(), "mount -o {options}");
    }

    /// A command that sees the disk.
    pub fn command(&self, program: &str) -> Command {
        let words = self.enter();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg(program);
        command
    }

    /// The content of a file on the disk.
    pub fn read(&self, path: &Path) -> Vec<u8> {
        self.command("cat").arg(path).output().unwrap().stdout
    }

    fn enter(&self) -> Vec<String> {
        let target = self.holder.id().to_string();
        let mut words =
            ["nsenter", "--preserve-credentials", "--user", "--mount", "--target", &target]
                .map(str::to_owned)
                .to_vec();
        // Entering the name space changes the current folder; outside it the disk is invisible.
        let folder = self.at.parent().unwrap_or(&self.at).display().to_string();
        words.extend(["sh", "-c", "cd \"$0\" && exec \"$@\"", &folder].map(str::to_owned));
        words
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
