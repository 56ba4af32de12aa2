//! Archives of other programs, and large ones, scanned for damage.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use cxr::locate::{Damage, DamageScanner};

use crate::support::{Sandbox, archive, gunzip, is_installed, random};

/// Scans a whole archive.
fn scan(archive: &[u8]) -> Result<(), Damage> {
    let mut scanner = DamageScanner::new(Some(archive.len() as u64));
    archive.chunks(1 << 20).try_for_each(|piece| scanner.push(piece))?;
    scanner.finish()
}

/// The archive is intact. A flipped bit is in the reported range, and the scan continues after it.
fn assert_scans(what: &str, archive: &[u8], flips: usize) -> Vec<u64> {
    assert_eq!(scan(archive), Ok(()), "{what}");
    let mut random = random();
    let mut widths = Vec::new();
    let mut places: Vec<usize> = (0..flips).map(|_| random.usize(10..archive.len())).collect();
    places.sort_unstable();
    let mut good = DamageScanner::new(Some(archive.len() as u64));
    let mut pushed = 0;
    for at in places {
        good.push(&archive[pushed..at]).unwrap();
        pushed = at;
        let mut scanner = good.clone();
        let wrong = archive[at] ^ 1 << random.u8(..8);
        let result = scanner
            .push(&[wrong])
            .and_then(|()| scanner.push(&archive[at + 1..]))
            .and_then(|()| scanner.finish());
        let Err(damage) = result else {
            // A repetition of the same bytes from another place.
            assert!(gunzip(&[&archive[..at], &[wrong], &archive[at + 1..]].concat()).is_some());
            continue;
        };
        let range = &damage.range;
        assert!(range.contains(&(at as u64)), "{what}: byte {at} not in {damage:?}");
        widths.push(range.end - range.start);
        let from = usize::try_from(scanner.position()).unwrap();
        assert!(from as u64 <= range.start, "{what}: {from} for {range:?}");
        let end = usize::try_from(range.end).unwrap().min(archive.len());
        scanner.push(&archive[from..end]).unwrap();
    }
    widths.sort_unstable();
    widths
}

/// A folder `images` with images, a deep and long name, and a text.
fn images(sandbox: &Sandbox) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/png");
    for (number, image) in fs::read_dir(data).unwrap().enumerate() {
        let image = fs::read(image.unwrap().path()).unwrap();
        sandbox.put(format!("images/{number:08}_000.png"), &image);
        if number == 0 {
            let long = format!("images/{}/{}.png", "d".repeat(90), "n".repeat(200));
            sandbox.put(long, image);
        }
    }
    sandbox.put("images/empty.txt", b"");
    sandbox.put("images/notes.txt", b"one and another\n");
}

/// The standard output of a program.
fn output(sandbox: &Sandbox, words: &[&str]) -> Vec<u8> {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(sandbox.root()).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    output.stdout
}

#[test]
fn damage_is_located_in_archives_of_tar_and_gzip() {
    let sandbox = Sandbox::new();
    images(&sandbox);
    for (format, level) in
        [("gnu", "1"), ("oldgnu", "6"), ("ustar", "9"), ("posix", "6"), ("gnu", "9")]
    {
        let tar = format!("tar --format={format} --exclude='*nnn*' -c images | gzip -n{level}");
        let archive = output(&sandbox, &["sh", "-c", &tar]);
        assert_scans(&tar, &archive, 40);
        if format != "ustar" {
            let tar = format!("tar --format={format} -c images | gzip -{level}");
            assert_eq!(scan(&output(&sandbox, &["sh", "-c", &tar])), Ok(()), "{tar}");
        }
    }
    let sparse = "truncate -s 3M images/hole && printf x >> images/hole && \
                  tar -S --format=gnu -c images | gzip -1";
    assert_eq!(scan(&output(&sandbox, &["sh", "-c", sparse])), Ok(()), "sparse");
    let sparse = "tar -S --format=posix -c images | gzip -1";
    assert_eq!(scan(&output(&sandbox, &["sh", "-c", sparse])), Ok(()), "sparse, pax");
    if is_installed("pigz") {
        let pigz = "tar --format=ustar --exclude='*nnn*' -c images | pigz -6 -b 128";
        assert_scans(pigz, &output(&sandbox, &["sh", "-c", pigz]), 40);
    }
}

/// All strategies of zlib, and the least memory, which makes small blocks.
const PYTHON: &str = r#"
import io, sys, tarfile, zlib
form, level, memory, strategy = sys.argv[1], *map(int, sys.argv[2:])
tar = io.BytesIO()
with tarfile.open(fileobj=tar, mode="w", format=getattr(tarfile, form)) as archive:
    archive.add("images")
gzip = zlib.compressobj(level, zlib.DEFLATED, 31, memory, strategy)
sys.stdout.buffer.write(gzip.compress(tar.getvalue()) + gzip.flush())
"#;

#[test]
fn damage_is_located_in_archives_of_python() {
    if !is_installed("python3") {
        eprintln!("skipped: python3 is not installed");
        return;
    }
    let sandbox = Sandbox::new();
    images(&sandbox);
    for (form, level, memory, strategy) in [
        ("GNU_FORMAT", "6", "8", "0"),
        ("PAX_FORMAT", "6", "1", "0"),
        ("PAX_FORMAT", "9", "9", "1"),
        ("GNU_FORMAT", "6", "8", "2"),
        ("GNU_FORMAT", "1", "8", "3"),
        ("GNU_FORMAT", "6", "8", "4"),
        ("GNU_FORMAT", "0", "8", "0"),
    ] {
        let words = ["python3", "-c", PYTHON, form, level, memory, strategy];
        let archive = output(&sandbox, &words);
        assert_scans(&words[3..].join(" "), &archive, 40);
    }
}

#[test]
fn located_ranges_are_narrow() {
    let widths = assert_scans("images", &archive(1, 5).bytes, 40);
    let at = |share: usize| widths[(widths.len() - 1) * share / 100];
    assert!(at(50) < 10_000 && at(95) < 20_000, "{widths:?}");
}
