//! netaio's key derivation, and SHA-256 by the block.

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

/// Length of every digest and derived key, in bytes.
pub(super) const LEN: usize = 32;

/// Length of the nonces and initialization vectors that netaio draws, in bytes.
pub(super) const IV_LEN: usize = 16;

/// SHA-256 of `data`.
pub(super) fn digest(data: &[u8]) -> [u8; LEN] {
    Sha256::digest(data).into()
}

/// netaio's `derive_key` of three parts whose digests are given:
/// `SHA256(SHA256(p1) || SHA256(p2) || SHA256(p3))`. The first and the last are
/// the same for every message, so plugins keep their digests.
pub(super) fn derive_key(first: &[u8; LEN], second: &[u8; LEN], third: &[u8; LEN]) -> [u8; LEN] {
    let mut hash = Sha256::new();
    hash.update(first);
    hash.update(second);
    hash.update(third);
    hash.finalize().into()
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
    pub(super) fn new(key: &[u8; LEN]) -> Self {
        let mut block = [0; 64];
        let (start, rest) = block.split_at_mut(LEN);
        start.copy_from_slice(key);
        if let [_, _, _, _, end_of_message, .., len_high, len_low] = rest {
            *end_of_message = 0x80;
            [*len_high, *len_low] = (36u16 * 8).to_be_bytes();
        }
        Self { block }
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
        let mut counted = CounterDigest::new(&key);
        for counter in [0u32, 1, 255, 65_536, u32::MAX] {
            let plain = [&key[..], &counter.to_be_bytes()].concat();
            assert_eq!(counted.at(counter), digest(&plain));
        }
    }

    #[test]
    fn keys_derive_as_in_netaio() {
        let joined = [digest(b"a"), digest(b"b"), digest(b"c")].concat();
        assert_eq!(
            derive_key(&digest(b"a"), &digest(b"b"), &digest(b"c")),
            digest(&joined)
        );
    }
}
