//! The profiles that the command line of AWS writes: `~/.aws/credentials` and `~/.aws/config`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{SourceError, Variables};
use crate::disk;
use crate::text::{escape, shell};

/// The most bytes of a file that are read.
const LIMIT: usize = 1 << 20;

/// The settings of a key and of its session.
const KEY_ID: &str = "aws_access_key_id";
pub(super) const TOKEN: &str = "aws_session_token";

/// The settings of one profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Profile {
    name: String,
    /// The user chose the profile.
    is_named: bool,
    settings: Settings,
}

/// Debug output has no values.
#[derive(Clone, Default, PartialEq, Eq)]
struct Settings(BTreeMap<String, String>);

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Profile {
    /// Reads the profile that `AWS_PROFILE` names, or the default one. Fails if a file cannot be read.
    pub(super) fn read(variables: &Variables) -> Result<Self, String> {
        let name = variables.get("AWS_PROFILE").or(variables.get("AWS_DEFAULT_PROFILE"));
        let home = variables.home().map(PathBuf::from);
        let mut profile = Self {
            name: name.unwrap_or("default").to_owned(),
            is_named: name.is_some(),
            settings: Settings::default(),
        };
        for (variable, file) in
            [("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config")]
        {
            let path = variables.get(variable).map(PathBuf::from);
            let path = path.or_else(|| Some(home.as_ref()?.join(".aws").join(file)));
            if let Some(path) = path {
                profile.add(&text(&path)?);
            }
        }
        Ok(profile)
    }

    /// Adds the settings of the profile in a file. Those of an earlier file count, and a token belongs to
    /// the keys of the same file.
    fn add(&mut self, text: &str) {
        let has_keys = self.settings.0.contains_key(KEY_ID);
        let mut is_inside = false;
        // The indentation of the last setting.
        let mut outer = None;
        for line in text.lines().flat_map(|line| line.split('\r')) {
            let line = line.trim_end();
            if let Some((section, _)) = line.strip_prefix('[').and_then(|it| it.split_once(']')) {
                (is_inside, outer) = (section_name(section) == self.name, None);
                continue;
            }
            // A line that is indented further belongs to the setting above it, and a comment to none.
            let indent = line.len() - line.trim_start().len();
            let is_continued = outer.is_some_and(|outer| indent > outer);
            if let Some((key, value)) = line.split_once(['=', ':'])
                && is_inside
                && !is_continued
                && !line.trim_start().starts_with(['#', ';'])
            {
                outer = Some(indent);
                let key = key.trim().to_ascii_lowercase();
                if !(has_keys && key == TOKEN) {
                    self.settings.0.entry(key).or_insert_with(|| value.trim().to_owned());
                }
            }
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.settings.0.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn keys(&self) -> Option<(&str, &str)> {
        Some((self.get(KEY_ID)?, self.get("aws_secret_access_key")?))
    }

    /// Refuses a profile without keys that the user chose. It may be one that needs a login.
    pub(super) fn check_named(&self) -> Result<(), SourceError> {
        if !self.is_named {
            return Ok(());
        }
        let name = shell::quote(OsStr::new(&self.name));
        Err(SourceError::Setting(format!(
            "the profile {name} of AWS_PROFILE has no keys that cxr can read; run eval \"$(aws \
             configure export-credentials --profile {name} --format env)\" before cxr, which sets \
             AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )))
    }
}

/// Returns the name in a section: `default`, or in one of the files `profile NAME`, also in quotes.
fn section_name(section: &str) -> &str {
    let section = section.trim();
    let name = section.strip_prefix("profile").filter(|rest| rest.starts_with([' ', '\t']));
    name.unwrap_or(section).trim().trim_matches(['"', '\''])
}

/// Returns the text of a file, and nothing if it does not exist.
fn text(path: &Path) -> Result<String, String> {
    match disk::read_through(path, LIMIT) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(String::new())
        }
        Err(error) => Err(format!("{}: {error}", escape::path(path))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(name: &str) -> Profile {
        let mut profile = Profile { name: name.to_owned(), ..Profile::default() };
        profile.add("[default]\naws_access_key_id = A\n# x = y\n[other]\naws_access_key_id=B\n");
        profile.add("[default]\nregion = r1\ns3 =\n  aws_access_key_id = no\n[profile other]\nREGION=r2\naws_access_key_id=C\naws_secret_access_key= S=\r\n");
        profile
    }

    #[test]
    fn a_profile_has_the_settings_of_both_files() {
        let default = profile("default");
        assert_eq!(
            (default.get("aws_access_key_id"), default.get("region")),
            (Some("A"), Some("r1"))
        );
        assert_eq!(default.keys(), None);
        let other = profile("other");
        assert_eq!((other.keys(), other.get("region")), (Some(("B", "S=")), Some("r2")));
        assert_eq!(profile("none").get("region"), None);
    }

    #[test]
    fn files_are_read_as_the_tools_of_aws_read_them() {
        for (text, name) in [
            ("[default] # mine\n  aws_access_key_id : A\n  aws_secret_access_key : B", "default"),
            ("[profile \"my lab\"]\raws_access_key_id=A\raws_secret_access_key=B", "my lab"),
            ("[profile\tlab]\naws_access_key_id=A\n#x=y\naws_secret_access_key=B", "lab"),
        ] {
            let mut profile = Profile { name: name.to_owned(), ..Profile::default() };
            profile.add(text);
            // The token of another session.
            profile.add(&format!("[profile {name}]\naws_session_token = T\nregion=http://r"));
            profile.add("[default]\naws_session_token = T");
            assert_eq!((profile.keys(), profile.get(TOKEN)), (Some(("A", "B")), None), "{text}");
        }
    }

    #[test]
    fn a_chosen_profile_must_have_keys() {
        let named = Profile { is_named: true, ..profile("none") };
        assert!(named.check_named().is_err());
        assert!(profile("none").check_named().is_ok());
        assert!(!format!("{:?}", profile("other")).contains("S="));
    }
}
