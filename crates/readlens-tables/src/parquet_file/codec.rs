//! How pages are packed.

use super::unreadable::{Result, Unreadable};

/// How pages are packed.
pub(super) enum Codec {
    None,
    Snappy,
    Zstd(zstd::bulk::Decompressor<'static>),
}

impl Codec {
    /// The compression with this number in a footer.
    pub(super) fn numbered(number: i32) -> Result<Self> {
        let name = match number {
            0 => return Ok(Self::None),
            1 => return Ok(Self::Snappy),
            6 => return Ok(Self::Zstd(zstd::bulk::Decompressor::new()?)),
            2 => "GZIP",
            3 => "LZO",
            4 => "BROTLI",
            5 => "LZ4",
            7 => "LZ4_RAW",
            _ => return Err(Unreadable::damaged(format!("a compression numbered {number}"))),
        };
        Err(Unreadable::Refused {
            expected: "pages compressed with zstd or snappy, or not at all".to_owned(),
            found: name.to_owned(),
            remedy: "write the table with zstd",
        })
    }

    /// Unpacks `packed`, which must become `size` bytes, behind the bytes that are in `out`.
    pub(super) fn unpack(&mut self, packed: &[u8], size: usize, out: &mut Vec<u8>) -> Result<()> {
        let before = out.len();
        match self {
            Self::None => out.extend_from_slice(packed),
            // A page without values may have been left empty.
            _ if size == 0 => {}
            Self::Snappy => {
                let found = snap::raw::decompress_len(packed).map_err(Unreadable::damaged)?;
                if found == size {
                    out.resize(before + size, 0);
                    let unpacked = snap::raw::Decoder::new().decompress(packed, &mut out[before..]);
                    unpacked.map_err(Unreadable::damaged)?;
                }
            }
            Self::Zstd(zstd) => {
                out.resize(before + size, 0);
                let written = zstd.decompress_to_buffer(packed, &mut out[before..]);
                let written = written.map_err(Unreadable::damaged)?;
                out.truncate(before + written);
            }
        }
        if out.len() - before == size {
            return Ok(());
        }
        Err(Unreadable::damaged(format!(
            "a page that does not unpack to the {size} bytes that it says"
        )))
    }
}
