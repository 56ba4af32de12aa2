//! The environment of the program: a variable for each long option, and those that others define.
//! The library takes values and reads no variable.
#![expect(
    clippy::disallowed_methods,
    reason = "this module reads the environment for the rest of the program"
)]

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use cxr::hash::{LaneSet, Platform};
use cxr::progress::HEARTBEAT;
use cxr::source::Variables;
use cxr::text::{When, escape};

use clap::ArgAction;

/// `--from` has a variable for `fetch` only: `CXR_FROM` must not keep `verify` from checking local
/// files, nor `checksums` from printing the publisher's addresses. The options that select images have
/// none for `verify`, which may check archives in the same job.
const WITHOUT_VARIABLE: [(&str, &[&str]); 2] =
    [("verify", &["from", "split", "label", "view", "patient", "names"]), ("checksums", &["from"])];

/// Gives each long option of the command and its subcommands its variable: `--limit-rate` has
/// `CXR_LIMIT_RATE`. A variable that is set but empty counts as unset, because CI systems pass on
/// missing values this way.
pub(super) fn attach(command: clap::Command) -> clap::Command {
    let of_command = WITHOUT_VARIABLE.into_iter().find(|(name, _)| *name == command.get_name());
    let options = of_command.map_or(&[][..], |(_, options)| options);
    let is_typed =
        |argument: &clap::Arg| argument.get_long().is_some_and(|option| options.contains(&option));
    command
        .mut_args(|argument| if is_typed(&argument) { argument } else { with_variable(argument) })
        .mut_subcommands(attach)
}

fn with_variable(argument: clap::Arg) -> clap::Arg {
    let is_answer = matches!(argument.get_action(), ArgAction::Help | ArgAction::Version);
    let Some(name) = argument.get_long().filter(|_| !is_answer).map(variable) else {
        return argument;
    };
    if env::var_os(&name).is_some_and(|value| value.is_empty()) {
        return argument;
    }
    argument.env(name).hide_env(true)
}

/// Returns the program's folder for one user's notes, by the XDG Base Directory Specification: a
/// relative path counts as none. On Windows, it is in the user's local folder for data.
pub(super) fn state() -> Option<PathBuf> {
    let absolute = |path: PathBuf| Some(path).filter(|path| path.is_absolute());
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".local/state"));
    let local = || cfg!(windows).then(|| env::var_os("LOCALAPPDATA")).flatten().map(PathBuf::from);
    let base = env::var_os("XDG_STATE_HOME").map(PathBuf::from).and_then(absolute);
    base.or_else(|| local().or_else(home).and_then(absolute)).map(|base| base.join("cxr"))
}

/// The instruction sets that the hash may use, the best first: all that this processor has, except
/// those that `CXR_HIDE_SIMD` names.
pub(super) fn platforms() -> Vec<Platform> {
    Platform::without(&env::var("CXR_HIDE_SIMD").unwrap_or_default())
}

/// The lanes of the best of them.
pub(super) fn lanes() -> LaneSet {
    LaneSet::on(platforms().swap_remove(0))
}

/// The time between two lines on the state of a run: `CXR_HEARTBEAT`, in seconds. Fails if the
/// variable holds no such time.
pub(super) fn heartbeat() -> Result<Duration, String> {
    let Some(value) = env::var_os("CXR_HEARTBEAT").filter(|value| !value.is_empty()) else {
        return Ok(HEARTBEAT);
    };
    let seconds = value.to_str().and_then(|text| text.trim().parse::<f64>().ok());
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    // A shorter one would fill the log.
    time.filter(|time| (0.01..=86_400.0).contains(&time.as_secs_f64())).ok_or_else(|| {
        format!(
            "invalid value '{}' in the variable CXR_HEARTBEAT: it must be seconds, from 0.01 to 86400",
            escape::text(&value.to_string_lossy())
        )
    })
}

/// True if a variable is set.
#[cfg(unix)]
pub(crate) fn is_set(name: &str) -> bool {
    env::var_os(name).is_some()
}

/// The environment of a `cxr` that this one starts: the options of the user are for the user's own
/// runs.
pub(super) fn of_child() -> Vec<(OsString, OsString)> {
    env::vars_os().filter(|(name, _)| !name.to_string_lossy().starts_with("CXR_")).collect()
}

/// The variables that say where a bucket is and who asks.
pub(super) fn of_buckets() -> Variables {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    Variables::new(env::vars_os().filter_map(text).filter(|(name, _)| Variables::is_needed(name)))
}

/// The folder for temporary files: `TMPDIR`.
pub(super) fn temporary() -> PathBuf {
    env::temp_dir()
}

/// True if bars are wanted on standard error.
pub(super) fn wants_bars(progress: When) -> bool {
    progress.wants_bars(io::stderr().is_terminal(), env::var_os("TERM"))
}

/// True if the terminal probably wraps long lines again when it becomes narrower, as most do. It is
/// known of xterm, GNU screen and the Linux console that they do not.
pub(super) fn rewraps() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_linux = env::var_os("TERM").is_some_and(|term| term == "linux");
    is_set("TMUX") || !(is_linux || is_set("STY") || is_set("XTERM_VERSION"))
}

/// True if colours are wanted on standard output.
pub(super) fn wants_color(color: When) -> bool {
    color.wants_color(io::stdout().is_terminal(), |name| env::var_os(name))
}

/// The value of a variable that injects faults.
#[cfg(any(debug_assertions, feature = "benchmarks"))]
pub(crate) fn fault(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// Returns the variable of a long option.
fn variable(option: &str) -> String {
    format!("CXR_{}", option.replace('-', "_").to_ascii_uppercase())
}

/// Returns the variable that holds this value, if the value of the option came from it. `option` is
/// written as clap writes it: `--jobs <N>`.
pub(super) fn variable_with(option: &str, value: &str) -> Option<String> {
    let long = option.strip_prefix("--")?.split([' ', '=']).next()?;
    let name = variable(long);
    let is_origin = env::var_os(&name).is_some_and(|found| found.to_string_lossy() == value);
    is_origin.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_arguments(command: &clap::Command) -> Vec<&clap::Arg> {
        let inner = command.get_subcommands().flat_map(all_arguments);
        command.get_arguments().chain(inner).collect()
    }

    fn is_option(argument: &clap::Arg) -> bool {
        let is_answer = matches!(argument.get_action(), ArgAction::Help | ArgAction::Version);
        argument.get_long().is_some() && !is_answer
    }

    #[test]
    fn every_long_option_has_its_variable() {
        let command = super::super::command();
        let options: Vec<_> =
            all_arguments(&command).into_iter().filter(|a| is_option(a)).collect();
        assert!(options.len() >= 19, "{}", options.len());
        let (with, without): (Vec<_>, Vec<_>) =
            options.into_iter().partition(|option| option.get_env().is_some());
        for option in with {
            let expected = option.get_long().map(variable);
            let found = option.get_env().and_then(|name| name.to_str()).map(str::to_owned);
            assert_eq!(found, expected);
            assert!(option.is_hide_env_set(), "{found:?} is listed in docs/environment.md");
        }
        let expected: usize = WITHOUT_VARIABLE.iter().map(|(_, options)| options.len()).sum();
        assert_eq!(without.len(), expected, "{without:?}");
    }

    #[test]
    fn a_variable_is_named_after_its_option() {
        assert_eq!(variable("limit-rate"), "CXR_LIMIT_RATE");
    }
}
