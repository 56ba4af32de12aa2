//! `--version`: one line, and with `--verbose` the build and the machine.

use std::ffi::OsString;

use super::environment;

/// The day of the commit from which the program was built, unless that is unknown.
pub(super) const DATE: Option<&str> = option_env!("CXR_DATE");

/// Returns true if `--verbose` is among the arguments, also as in `-vV`.
pub(super) fn is_verbose(arguments: &[OsString]) -> bool {
    let words = arguments.iter().skip(1).map(|word| word.to_string_lossy());
    words.take_while(|word| word != "--").any(|word| {
        let short = word.strip_prefix('-').filter(|letters| !letters.is_empty());
        let is_switches = |letters: &&str| letters.chars().all(|letter| "vqhV".contains(letter));
        word == "--verbose" || short.filter(is_switches).is_some_and(|all| all.contains('v'))
    })
}

/// Returns the line of the version, and what the build and this machine give the program.
pub(super) fn details() -> String {
    let platform = environment::platforms().swap_remove(0);
    format!(
        "cxr {}\ntarget: {}\ncommit date: {}\nMD5 lanes: {} × {}\nTLS: rustls with aws-lc-rs\n",
        env!("CARGO_PKG_VERSION"),
        env!("CXR_TARGET"),
        DATE.unwrap_or("unknown"),
        platform.name(),
        platform.lanes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_is_found_in_every_form() {
        let is_verbose = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            is_verbose(&words)
        };
        for line in ["cxr -vV", "cxr -Vv", "cxr -V -v", "cxr fetch --version --verbose"] {
            assert!(is_verbose(line), "{line}");
        }
        for line in ["cxr -V", "v --version", "cxr --version -- -v", "cxr -dv -V", "cxr - -V"] {
            assert!(!is_verbose(line), "{line}");
        }
    }
}
