use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use readlens_fault::{Fault, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// SHA-256 in lower-case hexadecimal, as `sha256sum` prints it.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Sha256Digest(#[schemars(regex(pattern = r"^[0-9a-f]{64}$"))] String);

impl Sha256Digest {
    fn from_hasher(hasher: Sha256) -> Self {
        Self(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same bytes in Base64 (RFC 4648, section 4), as web pages name a script.
    pub fn base64(&self) -> String {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let nibbles = self.0.bytes().map(|digit| char::from(digit).to_digit(16).unwrap_or(0));
        // Three hexadecimal digits are two digits of Base64; the last of 64 stands alone.
        let nibbles: Vec<u32> = nibbles.chain([0, 0]).collect();
        let digits = nibbles.chunks_exact(3).flat_map(|n| {
            let bits = n[0] << 8 | n[1] << 4 | n[2];
            [bits >> 6, bits & 63].map(|digit| char::from(DIGITS[digit as usize]))
        });
        digits.take(43).chain(['=']).collect()
    }
}

/// Digest of bytes in memory.
pub fn digest_bytes(bytes: &[u8]) -> Sha256Digest {
    Sha256Digest::from_hasher(Sha256::new_with_prefix(bytes))
}

/// Digest of pieces of bytes one after the other.
#[derive(Debug, Default)]
pub struct Digester(Sha256);

impl Digester {
    /// Adds a piece.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all pieces.
    pub fn finish(self) -> Sha256Digest {
        Sha256Digest::from_hasher(self.0)
    }
}

/// Digest and length in bytes of a file, read in constant memory.
///
/// # Errors
/// The file cannot be opened or read.
pub fn digest_file(path: &Path) -> Result<(Sha256Digest, u64)> {
    let file = File::open(path).map_err(|e| Fault::io("open", path, e))?;
    let mut reader = DigestReader::new(file);
    io::copy(&mut reader, &mut io::sink()).map_err(|e| Fault::io("read", path, e))?;
    Ok(reader.finish())
}

/// Passes bytes through and digests them, so a stream is hashed while it is parsed.
#[derive(Debug)]
pub struct DigestReader<R> {
    inner: R,
    hasher: Sha256,
    bytes: u64,
}

impl<R: Read> DigestReader<R> {
    /// Digests what is read from `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, hasher: Sha256::new(), bytes: 0 }
    }

    /// Digest and count of the bytes that have passed.
    pub fn finish(self) -> (Sha256Digest, u64) {
        (Sha256Digest::from_hasher(self.hasher), self.bytes)
    }
}

impl<R: Read> Read for DigestReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_published_test_vector() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            digest_bytes(b"abc").as_str(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn base64_is_that_of_openssl() {
        // printf abc | openssl dgst -sha256 -binary | base64
        let wanted = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
        assert_eq!(digest_bytes(b"abc").base64(), wanted);
    }
}
