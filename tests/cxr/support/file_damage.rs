//! Damage as disks, people and other programs do to files.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A way to damage a file.
pub type Damage = fn(&Path, &mut fastrand::Rng);

/// Changes bytes in place. Name, size, modification time and inode stay the same.
pub fn change_silently(path: &Path) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(b"rotten", 200_000).unwrap();
    file.set_modified(modified).unwrap();
}

/// The kinds of damage to a file in `.cxr`, each with its name.
pub const DAMAGES: [(&str, Damage); 8] = [
    ("deleted", |path, _| fs::remove_file(path).unwrap()),
    ("emptied", |path, _| fs::write(path, "").unwrap()),
    ("cut", |path, random| {
        let length = fs::metadata(path).unwrap().len();
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_len(random.u64(0..=length)).unwrap();
    }),
    ("zeroed", |path, _| {
        let length = fs::metadata(path).unwrap().len();
        fs::write(path, vec![0; usize::try_from(length).unwrap()]).unwrap();
    }),
    ("a bit flipped", |path, random| {
        let mut bytes = fs::read(path).unwrap();
        if let Some(at) = (!bytes.is_empty()).then(|| random.usize(0..bytes.len())) {
            bytes[at] ^= 1 << random.u32(0..8);
        }
        fs::write(path, bytes).unwrap();
    }),
    ("garbage", |path, random| {
        let mut bytes = vec![0; 5000];
        random.fill(&mut bytes);
        fs::write(path, bytes).unwrap();
    }),
    ("longer", |path, random| {
        let mut bytes = fs::read(path).unwrap();
        bytes.extend(std::iter::repeat_with(|| random.u8(..)).take(3_000_000));
        fs::write(path, bytes).unwrap();
    }),
    ("a folder in its place", |path, _| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    }),
];
