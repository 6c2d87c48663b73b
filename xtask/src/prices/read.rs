//! Texts from files that may be packed.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use flate2::read::GzDecoder;

/// The text of a file, unpacked when it is gzip.
pub(super) fn text(path: &Path) -> Result<String, String> {
    let bytes =
        fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return String::from_utf8(bytes)
            .map_err(|error| format!("{} is not UTF-8: {error}", path.display()));
    }
    let mut text = String::new();
    GzDecoder::new(bytes.as_slice())
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot unpack {}: {error}", path.display()))?;
    Ok(text)
}
