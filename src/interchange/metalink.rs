//! Metalink 4: all mirrors of each file, its size and its digests.

use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{AddressedArchive, InterchangeError, Table};

/// RFC 5854, section 1.2.
const NAMESPACE: &str = "urn:ietf:params:xml:ns:metalink";

pub(super) fn check(entry: &AddressedArchive<'_>) -> Result<(), InterchangeError> {
    entry.needed_addresses()?;
    if entry.archive.name.chars().all(is_kept) { Ok(()) } else { Err(entry.unfit_name()) }
}

pub(super) fn write(table: &Table<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut xml = Writer::new_with_indent(&mut *out, b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let root = xml.create_element("metalink").with_attribute(("xmlns", NAMESPACE));
    root.write_inner_content(|xml| {
        element(xml, "generator", None, concat!("cxr/", env!("CARGO_PKG_VERSION")))?;
        table.archives().try_for_each(|entry| file(xml, &entry))
    })?;
    writeln!(out)
}

fn file(
    xml: &mut Writer<impl Write>,
    AddressedArchive { archive, addresses }: &AddressedArchive<'_>,
) -> io::Result<()> {
    let file = xml.create_element("file").with_attribute(("name", archive.name.as_str()));
    file.write_inner_content(|xml| {
        if let Some(size) = archive.size {
            element(xml, "size", None, &size.to_string())?;
        }
        // The names are from IANA's registry of hash functions (RFC 5854, section 4.2.4).
        if let Some(sha256) = archive.sha256() {
            element(xml, "hash", Some(("type", "sha-256")), &sha256.to_string())?;
        }
        if let Some(md5) = archive.md5() {
            element(xml, "hash", Some(("type", "md5")), &md5.to_string())?;
        }
        (1..).zip(addresses).try_for_each(|(priority, address)| {
            // The lowest number is preferred, and 999999 is the highest (section 4.2.16.1).
            let priority = u32::min(priority, 999_999).to_string();
            element(xml, "url", Some(("priority", &priority)), address)
        })
    })?;
    Ok(())
}

fn element(
    xml: &mut Writer<impl Write>,
    name: &str,
    attribute: Option<(&str, &str)>,
    text: &str,
) -> io::Result<()> {
    let element = xml.create_element(name).with_attributes(attribute);
    element.write_text_content(BytesText::new(text)).map(|_| ())
}

/// Returns true if a reader gets a character in an attribute unchanged: XML must have it (XML 1.0,
/// production 2), and readers must not turn it into a space.
fn is_kept(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')
}
