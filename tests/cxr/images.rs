//! `cxr verify` says of the images in a wrong archive only what it has counted and decoded.

use std::borrow::Cow;
use std::io::Write;

use flate2::write::ZlibEncoder;
use flate2::{Compression, GzBuilder};

use crate::support::damaged_png::{Chunks, IDAT, chunks, data_of, original, png};
use crate::support::{Archive, NAMES, Report, Sandbox, archive};

fn header(width: u32, height: u32, depth: u8, color: u8, interlace: u8) -> Vec<u8> {
    [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, color, 0, 0, interlace]].concat()
}

fn zlib(rows: &[u8]) -> Vec<u8> {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(rows).unwrap();
    zlib.finish().unwrap()
}

/// A PNG with this header and these rows.
fn small(header: Vec<u8>, rows: &[u8]) -> Chunks {
    vec![(*b"IHDR", header), (IDAT, zlib(rows)), (*b"IEND", vec![])]
}

fn packed(members: &[(&str, Cow<'_, [u8]>)]) -> Vec<u8> {
    let gzip = GzBuilder::new().write(Vec::new(), Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    for (name, content) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, &**content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// The report on a file under the name of an archive, without its size.
fn verified(bytes: &[u8]) -> Report {
    let sandbox = Sandbox::new();
    sandbox.put(format!("data/{}", NAMES[0]), bytes);
    sandbox.verify(&[archive(1, 2)]).arg("data").report(1)
}

/// The report on an archive of an original image and this one.
fn verified_image(image: &[u8]) -> Report {
    let members =
        [("images/good.png", original().into()), ("images/other.png", Cow::Borrowed(image))];
    verified(&packed(&members))
}

#[track_caller]
fn is_broken(image: &[u8], why: &str) {
    let report = verified_image(image);
    let line = report.only();
    let detail = line.is("corrupt").because("it contains 2 images").detail();
    assert!(detail.contains("1 of them is broken (images/other.png at bytes "), "{detail}");
    assert!(detail.contains(why), "{detail}");
    assert!(!detail.contains("each of them"), "{detail}");
    assert_eq!(line.value["damage"][0]["member"], "images/other.png");
}

#[track_caller]
fn is_whole(image: &Chunks) {
    let report = verified_image(&png(image));
    report.only().is("corrupt").because("each of them decodes without an error");
    assert!(report.only().value["damage"].as_array().unwrap().is_empty());
}

#[test]
fn a_chunk_that_is_missing_or_moved_breaks_its_image() {
    let good = chunks(&original());
    is_whole(&good);
    let data = data_of(&good);
    let (first, last) = (data[0], *data.last().unwrap());
    for index in [first, data[3], last] {
        let mut dropped = good.clone();
        dropped.remove(index);
        is_broken(&png(&dropped), "of a PNG");
    }
    let mut swapped = good.clone();
    swapped.swap(data[3], data[4]);
    is_broken(&png(&swapped), "of a PNG");
    let mut doubled = good.clone();
    doubled.insert(data[3], good[data[3]].clone());
    is_broken(&png(&doubled), "of a PNG");

    let without_data: Chunks = good.iter().filter(|chunk| chunk.0 != IDAT).cloned().collect();
    is_broken(&png(&without_data), "a chunk of a PNG is missing or in the wrong place");
    let mut apart = good.clone();
    apart.insert(data[4], (*b"tEXt", b"a\0b".to_vec()));
    is_broken(&png(&apart), "of a PNG");
    let mut unknown = good.clone();
    unknown.insert(first, (*b"ABCD", vec![]));
    is_broken(&png(&unknown), "a chunk of a PNG is missing or in the wrong place");
    let mut text = good.clone();
    text.insert(first, (*b"tEXt", b"a\0b".to_vec()));
    text.insert(last + 2, (*b"tEXt", b"a\0b".to_vec()));
    is_whole(&text);
}

#[test]
fn image_data_of_a_wrong_length_or_digest_breaks_its_image() {
    let rows: Vec<u8> = (0..64).flat_map(|row: u8| [0, row, 1, 2, 3]).collect();
    let grey = || header(4, 64, 8, 0, 0);
    is_whole(&small(grey(), &rows));
    is_broken(&png(&small(grey(), &rows[..rows.len() - 1])), "is too short or too long");
    is_broken(&png(&small(grey(), &[&rows[..], &[0]].concat())), "is too short or too long");
    is_broken(&png(&small(header(5, 64, 8, 0, 0), &rows)), "of a PNG");
    is_broken(&png(&small(header(4, 65, 8, 0, 0), &rows)), "is too short or too long");
    let mut filter = rows.clone();
    filter[10] = 5;
    is_broken(&png(&small(grey(), &filter)), "a filter that does not exist");
    let mut adler = small(grey(), &rows);
    *adler[1].1.last_mut().unwrap() ^= 1;
    is_broken(&png(&adler), "fails its Adler-32");
    let mut longer = small(grey(), &rows);
    longer[1].1.push(0);
    is_broken(&png(&longer), "is too short or too long");
    let mut cut = small(grey(), &rows);
    cut[1].1.pop();
    is_broken(&png(&cut), "is too short or too long");
    let mut no_zlib = small(grey(), &rows);
    no_zlib[1].1[0] = 0x79;
    is_broken(&png(&no_zlib), "cannot be decompressed");
    // In any number of chunks, even empty ones.
    let whole = zlib(&rows);
    let mut pieces = vec![(*b"IHDR", grey()), (IDAT, vec![])];
    pieces.extend(whole.chunks(1).map(|byte| (IDAT, byte.to_vec())));
    pieces.push((*b"IEND", vec![]));
    is_whole(&pieces);
}

#[test]
fn a_file_that_is_no_complete_png_is_broken() {
    let good = original();
    is_broken(&[&good[..], b"more"].concat(), "bytes follow the end of a PNG");
    is_broken(&[&good[..], &good].concat(), "bytes follow the end of a PNG");
    is_broken(b"", "a PNG ends too early");
    is_broken(b"\x89PNG", "a PNG ends too early");
    is_broken(&[&b"\xff\xd8\xff\xe0"[..], &[9; 600]].concat(), "does not begin as one");
    let rows = [0; 9];
    for (wrong, why) in [
        (header(0, 1, 8, 0, 0), "an impossible header"),
        (header(1, 1, 3, 0, 0), "an impossible header"),
        (header(1, 1, 8, 5, 0), "an impossible header"),
        (header(1, 1, 8, 0, 2), "an impossible header"),
        // A palette is missing.
        (header(8, 1, 8, 3, 0), "a chunk of a PNG is missing"),
    ] {
        is_broken(&png(&small(wrong, &rows)), why);
    }
}

#[test]
fn images_of_every_form_are_decoded() {
    for (depth, color, bytes) in [(1, 0, 2), (16, 0, 19), (8, 2, 28), (8, 4, 19), (8, 6, 37)] {
        is_whole(&small(
            header(9, 3, depth, color, 0),
            &vec![0; bytes + usize::from(depth == 1)].repeat(3),
        ));
    }
    let palette = |length| {
        let mut image = small(header(9, 1, 8, 3, 0), &[0; 10]);
        image.insert(1, (*b"PLTE", vec![7; length]));
        image
    };
    is_whole(&palette(9));
    is_broken(&png(&palette(10)), "a chunk of a PNG is missing or in the wrong place");
    // Seven passes (PNG, section 8.1): 1 + 1 + 1 + 2 + 2 + 4 + 4 rows of 1, 1, 2, 2, 4, 4 and 8
    // pixels, each with its filter.
    let interlaced = vec![0; 2 + 2 + 3 + 2 * 3 + 2 * 5 + 4 * 5 + 4 * 9];
    is_whole(&small(header(8, 8, 8, 0, 1), &interlaced));
    is_broken(&png(&small(header(8, 8, 8, 0, 1), &interlaced[1..])), "is too short or too long");
    is_whole(&small(header(1, 1, 8, 0, 1), &[0, 0]));
}

/// An image may claim to be so large that it would take hours to decompress.
#[test]
fn images_that_are_too_large_are_not_called_good() {
    let bomb = small(header(40_000, 40_000, 8, 0, 0), &[0; 1000]);
    let detail = verified_image(&png(&bomb)).only().is("corrupt").detail();
    assert!(
        detail.contains("1 decodes without an error, 1 was not checked: it is too large"),
        "{detail}"
    );
}

#[test]
fn images_that_are_missing_are_never_called_harmless() {
    let image = original();
    let member = |name| (name, Cow::Borrowed(&image[..]));
    let some = [member("images/a.png"), member("images/b.png"), ("notes.txt", b"n"[..].into())];
    let report = verified(&packed(&some));
    let line = report.only();
    line.is("corrupt").because("no check of its gzip stream and of its tar fails");
    line.because("it contains 2 images, and the table does not say which ones it should contain");
    line.because("it contains 1 other file");

    verified(&packed(&some[2..])).only().is("corrupt").because("it contains no image");
    let nothing = verified(&packed(&[]));
    nothing.only().is("corrupt").because("contains no tar with files");
    let gzip = GzBuilder::new().write(Vec::new(), Compression::fast());
    verified(&gzip.finish().unwrap()).only().is("corrupt").because("contains nothing");
    let mut text = GzBuilder::new().write(Vec::new(), Compression::fast());
    text.write_all(b"short").unwrap();
    let text = verified(&text.finish().unwrap());
    text.only().is("corrupt").because("contains no tar with files");

    // Programs stop at the first end of the tar.
    let two = [packed(&some[..1]), packed(&some[1..])].concat();
    let report = verified(&two);
    report.only().is("corrupt").because("it contains 1 image,");
    report.only().because("2 files after the end of the tar, which programs do not unpack");
}

/// The built-in table knows which images belong into each archive.
#[test]
fn images_of_nih_that_are_missing_are_counted() {
    let image = original();
    let member = |name| (name, Cow::Borrowed(&image[..]));
    let sandbox = Sandbox::new();
    let verified = |members: &[(&str, Cow<'_, [u8]>)]| {
        sandbox.put("data/images_001.tar.gz", packed(members));
        let report =
            sandbox.cxr(["verify", "data/images_001.tar.gz", "--format", "json"]).report(1);
        report.only().is("foreign").detail()
    };
    let names = ["images/00000001_000.png", "images/00000001_002.png", "images/00001336_000.png"];
    let detail = verified(&names.map(member));
    for words in [
        "it contains 2 of the 4999 images of this archive",
        "(the first that it lacks is 00000001_001.png)",
        "and 1 other or repeated image",
    ] {
        assert!(detail.contains(words), "{words}: {detail}");
    }
    // Those of NIH have all the same form.
    let small = png(&small(header(1, 1, 8, 0, 0), &[0, 0]));
    let detail = verified(&[("images/00000001_000.png", small.into())]);
    assert!(detail.contains("another form than NIH's images"), "{detail}");
    // The MD5 tells which archive it is, and not the table.
    let nih = Archive { md5: "fe8ed0a6961412fddcbb3603c11b3698".to_owned(), ..archive(1, 1) };
    sandbox.put("data/images_001.tar.gz", packed(&names.map(member)));
    let report = sandbox.verify(&[nih]).arg("data").report(1);
    report.only().is("corrupt").because("it contains 2 of the 4999 images of this archive");
}

#[test]
fn a_file_of_another_kind_under_the_name_of_an_archive_is_foreign() {
    let mut noise = vec![0; 50_000];
    fastrand::Rng::with_seed(5).fill(&mut noise);
    let of = |magic: &[u8]| [magic, &noise[..]].concat();
    for (bytes, words) in [
        (original(), "a PNG image"),
        (of(b"BZh91AY&SY"), "a bzip2 file"),
        (of(b"PK\x03\x04\x14\0"), "a zip file"),
        (of(b"\xfd7zXZ\0"), "an xz file"),
        (of(b"\x28\xb5\x2f\xfd"), "a Zstandard file"),
        (of(b"7z\xbc\xaf\x27\x1c"), "a 7-Zip archive"),
        (noise.clone(), "of an unknown kind, and not like a gzip file"),
    ] {
        verified(&bytes).only().is("foreign").because(words).next("cxr fetch -d data");
        let sandbox = Sandbox::new();
        sandbox.put("data/images_001.tar.gz", &bytes);
        let report =
            sandbox.cxr(["verify", "data/images_001.tar.gz", "--format", "json"]).report(1);
        report.only().is("foreign").because(words);
    }
    // Wrong bits at its beginning make an archive no different file.
    let whole = archive(1, 2);
    for at in [0, 1, 2, 3] {
        verified(&whole.flipped(at)).only().is("corrupt");
    }
}
