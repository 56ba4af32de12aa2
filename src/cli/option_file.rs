//! Files that options name, such as that of `--checksums`.

use std::io::{self, Read};
use std::path::Path;

use cxr::disk::{self, InputError};
use cxr::text::escape;

use super::environment;

/// Returns the option with its file, and the variable from which the name comes, if it does.
pub(crate) fn option_file(option: &str, path: &Path) -> String {
    let option = format!("--{option}");
    let origin = environment::variable_with(&option, &path.to_string_lossy());
    let origin = origin.map_or_else(String::new, |variable| format!(" (from {variable})"));
    let shown = if is_standard_input(path) { "standard input".into() } else { escape::path(path) };
    format!("{option} {shown}{origin}")
}

/// Reads the file, or standard input for `-`, up to one byte more than `limit`, which shows that it is
/// too long.
pub(crate) fn read_option_file(path: &Path, limit: usize) -> Result<Vec<u8>, InputError> {
    if !is_standard_input(path) {
        return disk::read_through(path, limit);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().take(limit as u64 + 1).read_to_end(&mut bytes).map_err(InputError)?;
    Ok(bytes)
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}
