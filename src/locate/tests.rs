//! The room as a whole.

use super::*;

fn png(size: usize) -> Vec<u8> {
    const IMAGE: &[u8] = include_bytes!("../../tests/data/png/00000032_015.png");
    IMAGE[..size.min(IMAGE.len())].to_vec()
}

#[test]
fn one_flipped_bit_is_in_the_range_and_the_walk_goes_on_once_it_is_mended() {
    use std::io::Write;
    let image = png(usize::MAX);
    for level in [0, 6] {
        let gzip = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::new(level));
        let mut tar = ::tar::Builder::new(gzip);
        for index in 0..3 {
            let mut header = ::tar::Header::new_ustar();
            header.set_size(image.len() as u64);
            tar.append_data(&mut header, format!("images/{index}.png"), &image[..]).unwrap();
        }
        let mut gzip = tar.into_inner().unwrap();
        gzip.flush().unwrap();
        let bytes = gzip.finish().unwrap();
        let mut walker = Walker::new(None);
        for chunk in bytes.chunks(70_001) {
            walker.push(chunk).unwrap();
        }
        walker.finish().unwrap();
        assert_eq!(walker.proven(), bytes.len() as u64);
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..50 {
            let at = rng.usize(..bytes.len());
            let mut wrong = bytes.clone();
            wrong[at] ^= 1 << rng.u8(..8);
            let mut walker = Walker::new(None);
            let damage = walker.push(&wrong).and_then(|()| walker.finish());
            match damage {
                Ok(()) => {}
                Err(damage) => {
                    assert!(damage.range.contains(&(at as u64)));
                    let from = usize::try_from(walker.position()).unwrap();
                    assert!(from as u64 <= damage.range.start);
                    walker.push(&bytes[from..]).unwrap();
                    walker.finish().unwrap();
                }
            }
        }
    }
}
