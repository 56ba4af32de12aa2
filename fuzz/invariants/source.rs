//! Properties of all typed addresses and all headers of servers.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, SystemTime};

use percent_encoding::percent_decode_str;
use reqwest::{StatusCode, Url};

use super::headers::{self, ContentRange};
use super::redirects::check_redirect;
use super::refusal_reason;
use super::{Location, SourceSpec, Variables};
use crate::catalog::Catalog;
use crate::fuzzing::{assert_message, assert_visible};

/// A password that no message may contain.
const SECRET: &str = "s3cr3t";

/// The first line is a value of `--from`, and the others are a table: the location of every archive
/// follows from the value and its own name, and no message contains the password of the address.
pub(crate) fn addresses(bytes: &[u8]) {
    let (typed, table) = bytes.split_at(bytes.iter().position(|b| *b == b'\n').unwrap_or(0));
    let spec = SourceSpec::parse(OsStr::from_bytes(typed));
    let shown = spec.as_ref().map_or_else(ToString::to_string, ToString::to_string);
    assert_visible(&shown);
    let is_address = !matches!(spec, Ok(SourceSpec::Folder(_)));
    assert!(!is_address || !has_secret(&String::from_utf8_lossy(typed)) || !shown.contains(SECRET));
    let Ok(spec) = spec.and_then(|spec| spec.with_variables(variables)) else { return };
    let catalog = Catalog::from_checksums(table);
    for archive in catalog.iter().flat_map(Catalog::archives) {
        let location = spec.location(archive);
        if let SourceSpec::Bucket(_) = spec {
            assert_key(&String::from_utf8_lossy(typed), location.as_ref(), &archive.name);
            // The name of the source can be typed.
            let again = SourceSpec::parse(OsStr::new(&shown));
            let again = again.and_then(|again| again.with_variables(variables));
            let is_plain = !shown.contains(r"\u{");
            assert!(!is_plain || again.is_ok_and(|again| again.location(archive) == location));
        } else {
            assert_location(&spec, location.as_ref(), &archive.name);
        }
    }
}

/// The variables of a bucket.
fn variables() -> Variables {
    Variables::new([("AZURE_STORAGE_ACCOUNT_NAME".to_owned(), "me".to_owned())])
}

/// The key of an archive in a bucket is the typed prefix and the name, byte for byte.
fn assert_key(typed: &str, location: Option<&Location>, name: &str) {
    let Some(Location::Address(address)) = location else { panic!("{typed:?} has no {name:?}") };
    let place = typed.split_once("://").map_or("", |(_, place)| place);
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let key = match prefix {
        template if template.contains("{name}") => template.replace("{name}", name),
        whole if whole.is_empty() || whole.ends_with('/') => format!("{whole}{name}"),
        folder => format!("{folder}/{name}"),
    };
    let path = percent_decode_str(address.path()).decode_utf8();
    assert_eq!(path.as_deref(), Ok(&*format!("/{bucket}/{key}")), "{typed:?}");
}

/// Returns true if an address has the password, and the same word is nowhere else. In `http:/a://b`
/// the first `://` is not part of an address: the colon is that of a port.
fn has_secret(typed: &str) -> bool {
    let (scheme, rest) = typed.split_once("://").unwrap_or_default();
    if scheme.contains([':', '/']) {
        return false;
    }
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    authority.contains(&format!(":{SECRET}@")) && typed.matches(SECRET).count() == 1
}

fn assert_location(spec: &SourceSpec, location: Option<&Location>, name: &str) {
    match (spec, location) {
        (SourceSpec::Folder(folder), Some(Location::File(path))) => {
            assert_eq!(path.strip_prefix(folder).ok(), Some(name.as_ref()));
        }
        (SourceSpec::Base(base), Some(Location::Address(address))) => {
            assert_eq!(address.origin(), base.origin());
            let path = address.path().strip_prefix(base.path().trim_end_matches('/'));
            let path = path
                .and_then(|path| path.strip_prefix('/'))
                .expect("the path should be under the base");
            assert_eq!(percent_decode_str(path).decode_utf8().as_deref(), Ok(name));
        }
        (SourceSpec::Template(_), Some(Location::Address(address))) => {
            assert!(matches!(address.scheme(), "http" | "https"), "{address}");
        }
        (SourceSpec::Template(_), None) => {}
        _ => panic!("{spec:?} has {name:?} at {location:?}"),
    }
}

/// A parsed `Content-Range` is possible, and survives a round trip.
pub(crate) fn content_range(bytes: &[u8]) {
    let Some(range) = ContentRange::parse(&String::from_utf8_lossy(bytes)) else { return };
    let total = range.total.map_or_else(|| "*".to_owned(), |total| total.to_string());
    let span = match range.span {
        Some((first, last)) => {
            assert!(first <= last && last < range.total.unwrap_or(u64::MAX), "{range:?}");
            format!("{first}-{last}")
        }
        None => "*".to_owned(),
    };
    assert_eq!(ContentRange::parse(&format!("bytes {span}/{total}")), Some(range));
}

/// The first four bytes are the time, and the others a `Retry-After`: a wait ends at the given date
/// or lasts the given number of seconds.
pub(crate) fn retry_after(bytes: &[u8]) {
    let Some((now, value)) = bytes.split_first_chunk() else { return };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(u32::from_le_bytes(*now).into());
    let value = String::from_utf8_lossy(value);
    let Some(wait) = headers::retry_after(&value, now) else { return };
    let value = value.trim();
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        assert_eq!(wait, Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    } else {
        let date = httpdate::parse_http_date(value).expect("neither a number nor a date");
        assert_eq!(now + wait, date.max(now));
    }
}

/// A `RateLimit` contains the number of seconds of its wait and the parameters that ask for it, and
/// a quota before it that is not used up changes nothing, whatever its name.
pub(crate) fn rate_limit(bytes: &[u8]) {
    let value = String::from_utf8_lossy(bytes);
    let Some(wait) = headers::rate_limit(&value) else { return };
    let digits = value.split(|c: char| !c.is_ascii_digit());
    let mut seconds = digits.filter_map(|digits| digits.parse().ok());
    assert!(seconds.any(|seconds| wait == Duration::from_secs(seconds)), "{wait:?}");
    assert!(value.contains('r') && value.contains('t') && value.contains('0'));
    let behind = format!("\"a;r=0;t=9,\\\"\";r=1;t=18446744073709551615, {value}");
    assert_eq!(headers::rate_limit(&behind), Some(wait));
}

/// The first line is an address, and every other one a `Location` relative to the one before: cxr
/// never leaves `https`, does not follow without end, and refuses with a short message.
pub(crate) fn redirects(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split('\n');
    let Some(Ok(start)) = lines.next().map(Url::parse) else { return };
    let mut trail = vec![start];
    for location in lines {
        let Some(Ok(next)) = trail.last().map(|here| here.join(location)) else { continue };
        if let Err(refused) = check_redirect(&trail, &next) {
            return assert_message(&refused.to_string());
        }
        trail.push(next);
        let schemes: Vec<&str> = trail.iter().map(Url::scheme).collect();
        assert!(schemes.windows(2).all(|pair| pair[0] != "https" || pair[1] == "https"));
        assert!(trail.len() <= 11, "{} addresses", trail.len());
    }
}

/// The first byte chooses a status, and the others are the body of a refusal: the reason is short and
/// safe to show.
pub(crate) fn refusal(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    let status = StatusCode::from_u16(400 + u16::from(first % 200)).expect("a status");
    if let Some(reason) = refusal_reason::reason(body, status) {
        assert_message(&reason);
        assert!(!reason.is_empty());
    }
}
