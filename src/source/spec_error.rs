//! The reasons why a value of `--from` is invalid, and the characters that are escaped in addresses.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

/// The characters of a name that are escaped in an address: all but the unreserved ones of RFC 3986,
/// section 2.3, and the `/` between folders.
pub(super) const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// An invalid value of `--from`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The value is empty.
    #[error("it is empty, and should be an http:// or https:// address or a local folder")]
    Empty,
    /// The value contains `://` and is not a valid address.
    #[error("`{0}` is not a valid address: {1}")]
    Address(String, String),
    /// The address has another scheme. The second text says what works instead.
    #[error("`{0}` is neither an http:// or https:// address nor a local folder; {1}")]
    Scheme(String, String),
    /// The name of the bucket is missing or invalid. The text is the scheme.
    #[error(
        "the address of a bucket is {0}://BUCKET/PREFIX, without a user, a password or a port; \
         credentials are taken from the environment"
    )]
    Bucket(String),
    /// An address in the settings is invalid. The text is their variable.
    #[error("{0} must be an address such as https://host:9000, without a user and a password")]
    Endpoint(&'static str),
    /// The settings for a bucket cannot be read.
    #[error("{0}")]
    Setting(String),
    /// A `file:` address that is not a folder of this machine.
    #[error(
        "`{0}` is not a folder of this machine; write file:///FOLDER, or the folder itself, such as \
         /mnt/nih"
    )]
    File(String),
    /// There is no such folder, and it looks like an address. The second text says what works instead.
    #[error("`{0}` is not a folder here; {1}")]
    NoFolder(String, String),
}
