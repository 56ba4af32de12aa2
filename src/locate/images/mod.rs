//! Decodes the images of an archive, to say what is true of them. A CRC-32 for each chunk does not
//! notice a chunk that is missing or in another place.

mod image_header;
mod image_stream;
pub(crate) mod png_file;
mod survey;
mod whole_pixels;

pub(crate) use self::image_header::ImageHeader;
pub(super) use self::survey::ImageSurvey;
pub(crate) use self::survey::{ExpectedImages, ImageCounts};
