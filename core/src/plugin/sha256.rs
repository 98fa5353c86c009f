//! netaio's key derivation, and SHA-256 by the block.

use digest::CtOutput;
use sha2::block_api::compress256;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Length of every digest and derived key, in bytes.
pub(crate) const LEN: usize = 32;

/// Length of the block of SHA-256, and of the pads of the standard's HMAC, in bytes.
pub(crate) const BLOCK_LEN: usize = 64;

/// Length of the nonces and initialization vectors that netaio draws, in bytes.
pub(super) const IV_LEN: usize = 16;

/// SHA-256 of `data`, which is no secret.
pub(super) fn digest(data: &[u8]) -> [u8; LEN] {
    Sha256::digest(data).into()
}

/// Writes the SHA-256 of the parts, one behind the other, where the caller wants it: a
/// secret that is moved leaves a copy behind.
pub(super) fn digest_into(parts: &[&[u8]], out: &mut [u8; LEN]) {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    Digest::finalize_into_reset(&mut hash, out.into());
}

/// netaio's `derive_key` of three parts whose digests are given:
/// `SHA256(SHA256(p1) || SHA256(p2) || SHA256(p3))`. The first and the last are
/// the same for every message, so plugins keep their digests.
pub(super) fn derive_key(
    first: &[u8; LEN],
    second: &[u8; LEN],
    third: &[u8; LEN],
    key: &mut [u8; LEN],
) {
    digest_into(&[first, second, third], key);
}

/// HMAC (RFC 2104) over SHA-256 with pads of `BLOCK` bytes, of what `feed` writes. The
/// standard says 64; netaio's pads are 136 bytes long.
pub(crate) fn hmac<const BLOCK: usize>(
    key: &[u8; LEN],
    feed: impl FnOnce(&mut Sha256),
    out: &mut [u8; LEN],
) {
    const INNER: u8 = 0x36;
    const OUTER: u8 = 0x5c;
    let mut pad = Zeroizing::new([INNER; BLOCK]);
    for (byte, key) in pad.iter_mut().zip(key) {
        *byte ^= key;
    }
    let mut hash = Sha256::new();
    hash.update(pad.as_slice());
    feed(&mut hash);
    Digest::finalize_into_reset(&mut hash, (&mut *out).into());
    for byte in pad.iter_mut() {
        *byte ^= INNER ^ OUTER;
    }
    hash.update(pad.as_slice());
    hash.update(out.as_slice());
    Digest::finalize_into_reset(&mut hash, out.into());
}

/// Compares in constant time.
pub(crate) fn equal(one: &[u8; LEN], other: &[u8; LEN]) -> bool {
    let of = |bytes: &[u8; LEN]| CtOutput::<Sha256>::new((*bytes).into());
    of(one) == of(other)
}

/// The initial hash value of FIPS 180-4, section 5.3.3.
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// SHA-256 of a key and successive counters: 36 bytes fit one block with their
/// padding, so each digest is one compression of a block of which only the
/// counter changes.
pub(super) struct CounterDigest {
    block: [u8; 64],
}

impl CounterDigest {
    /// Makes a block to be filled with a key: a key that is moved leaves a copy behind.
    pub(super) fn new() -> Self {
        let mut block = [0; 64];
        let (_, rest) = block.split_at_mut(LEN);
        if let [_, _, _, _, end_of_message, .., len_high, len_low] = rest {
            *end_of_message = 0x80;
            [*len_high, *len_low] = (36u16 * 8).to_be_bytes();
        }
        Self { block }
    }

    /// Sets the key.
    pub(super) fn key(&mut self, key: &[u8; LEN]) {
        let (start, _) = self.block.split_at_mut(LEN);
        start.copy_from_slice(key);
    }

    /// `SHA256(key || counter)`.
    pub(super) fn at(&mut self, counter: u32) -> [u8; LEN] {
        if let Some(place) = self.block.get_mut(LEN..LEN + 4) {
            place.copy_from_slice(&counter.to_be_bytes());
        }
        let mut state = INITIAL;
        compress256(&mut state, core::slice::from_ref(&self.block));
        let mut digest = [0; LEN];
        for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        digest
    }
}

impl Drop for CounterDigest {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counter_digests_are_plain_sha256() {
        let key = digest(b"key");
        let mut counted = CounterDigest::new();
        counted.key(&key);
        for counter in [0u32, 1, 255, 65_536, u32::MAX] {
            let plain = [&key[..], &counter.to_be_bytes()].concat();
            assert_eq!(counted.at(counter), digest(&plain));
        }
    }

    #[test]
    fn keys_derive_as_in_netaio() {
        let joined = [digest(b"a"), digest(b"b"), digest(b"c")].concat();
        let mut key = [0; LEN];
        derive_key(&digest(b"a"), &digest(b"b"), &digest(b"c"), &mut key);
        assert_eq!(key, digest(&joined));
    }

    #[test]
    fn with_pads_of_64_bytes_it_is_the_standards_hmac() {
        // hmac.new(bytes(range(32)), b"message", "sha256") of Python's standard library.
        let key = core::array::from_fn(|at| at as u8);
        let mut mac = [0; LEN];
        hmac::<64>(&key, |hash| hash.update(b"message"), &mut mac);
        let hex: alloc::string::String = mac
            .iter()
            .map(|byte| alloc::format!("{byte:02x}"))
            .collect();
        assert_eq!(
            hex,
            "6297b77508a1a30ea4dfadd8f847c31b49aba45de10a79daf721d3f7ec112a24"
        );
        let mut other = mac;
        assert!(equal(&mac, &other));
        other[31] ^= 1;
        assert!(!equal(&mac, &other));
    }
}
