//! SHA-256, and netaio's key derivation.

use core::hint::black_box;
use core::slice;

use sha2::block_api::compress256;
use zeroize::Zeroize;

/// Length of every digest and derived key, in bytes.
pub(crate) const LEN: usize = 32;

/// Length of SHA-256's block, in bytes.
pub(super) const BLOCK_LEN: usize = 64;

/// Length of the nonces and initialization vectors that netaio draws, in bytes.
pub(super) const IV_LEN: usize = 16;

/// The state behind some whole blocks.
pub(super) type State = [u32; 8];

/// The initial hash value of FIPS 180-4, section 5.3.3.
pub(super) const INITIAL: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// SHA-256 of what comes in pieces. Unlike [`Sha256`] it may begin behind blocks whose state
/// was kept; and it is wiped as a whole, as [`Wiped`](super::secret::Wiped) is.
pub(crate) struct Hash {
    state: State,
    /// The first `len % 64` bytes are of a block that is not full.
    block: [u8; BLOCK_LEN],
    /// In bytes.
    len: u64,
}

impl Hash {
    pub(crate) const fn new() -> Self {
        Self {
            state: INITIAL,
            block: [0; BLOCK_LEN],
            len: 0,
        }
    }

    /// Begins anew, behind so many blocks that have led to this state.
    pub(super) fn resume(&mut self, state: &State, blocks: usize) {
        self.state = *state;
        self.len = (blocks as u64).wrapping_mul(BLOCK_LEN as u64);
    }

    /// How much of the block is filled: less than all of it.
    fn filled(&self) -> usize {
        /// Of the bits of a place within a block.
        const MASK: u64 = BLOCK_LEN as u64 - 1;
        (self.len & MASK) as usize
    }

    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        let filled = self.filled();
        self.len = self.len.wrapping_add(bytes.len() as u64);
        if filled > 0 {
            let room = self.block.get_mut(filled..).unwrap_or_default();
            let Some((first, rest)) = bytes.split_at_checked(room.len()) else {
                if let Some(room) = room.get_mut(..bytes.len()) {
                    room.copy_from_slice(bytes);
                }
                return;
            };
            room.copy_from_slice(first);
            compress256(&mut self.state, slice::from_ref(&self.block));
            bytes = rest;
        }
        let (blocks, rest) = bytes.as_chunks();
        if !blocks.is_empty() {
            compress256(&mut self.state, blocks);
        }
        if let Some(start) = self.block.get_mut(..rest.len()) {
            start.copy_from_slice(rest);
        }
    }

    /// Writes the digest where the caller wants it: a secret that is moved leaves a copy
    /// behind. What comes after this has to be begun anew.
    pub(crate) fn finish(&mut self, out: &mut [u8; LEN]) {
        let filled = self.filled();
        let rest = self.block.get_mut(filled..).unwrap_or_default();
        rest.fill(0);
        if let Some(first) = rest.first_mut() {
            *first = 0x80;
        }
        if rest.len() <= size_of::<u64>() {
            compress256(&mut self.state, slice::from_ref(&self.block));
            self.block.fill(0);
        }
        if let Some(bits) = self.block.last_chunk_mut() {
            *bits = self.len.wrapping_mul(8).to_be_bytes();
        }
        compress256(&mut self.state, slice::from_ref(&self.block));
        write_state(&self.state, out);
    }
}

/// The digest that a state is, behind the last block.
// By itself it is a few wide operations. Inlined, the compiler joins it to what reads the digest,
// and reads other widths than those that were written, for which processors wait.
#[inline(never)]
pub(super) fn write_state(state: &State, out: &mut [u8; LEN]) {
    let (words, _) = out.as_chunks_mut();
    for (bytes, word) in words.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
}

/// The last block of a message of so many bytes, which leave room for its end, with zeros in
/// their place. It is for constants: a block that has its end from the outset is put together
/// with few writes, and without small ones, for which the processor's compression would wait.
pub(super) const fn ending(len: usize) -> [u8; BLOCK_LEN] {
    let mut block = [0; BLOCK_LEN];
    let (_, end) = block.split_at_mut(len % BLOCK_LEN);
    if let Some(end) = end.first_mut() {
        *end = 0x80;
    }
    if let Some(bits) = block.last_chunk_mut() {
        *bits = (len as u64).wrapping_mul(8).to_be_bytes();
    }
    block
}

impl Drop for Hash {
    fn drop(&mut self) {
        self.state.as_mut_slice().zeroize();
        self.block.as_mut_slice().zeroize();
    }
}

/// SHA-256 of `data`, which is no secret.
pub(super) fn digest(data: &[u8]) -> [u8; LEN] {
    let mut out = [0; LEN];
    digest_into(&[data], &mut out);
    out
}

/// Writes the SHA-256 of the parts, one behind the other, where the caller wants it.
pub(super) fn digest_into(parts: &[&[u8]], out: &mut [u8; LEN]) {
    let mut hash = Hash::new();
    for part in parts {
        hash.update(part);
    }
    hash.finish(out);
}

/// netaio's `derive_key` of three parts whose digests are given:
/// `SHA256(SHA256(p1) || SHA256(p2) || SHA256(p3))`. The first and the last are
/// the same for every message, so plugins keep their digests. The second one is the message's
/// own and stands in the first block, so no state can be kept.
pub(super) fn derive_key(
    first: &[u8; LEN],
    second: &[u8; LEN],
    third: &[u8; LEN],
    key: &mut [u8; LEN],
) {
    derive_keys(first, &[*second], third, [key]);
}

/// As [`derive_key`], where the second parts are nonces. The blocks of the keys take turns, as those
/// of [pads](super::pads::Pads::set) do.
pub(super) fn derive_keys_of_ivs<const N: usize>(
    first: &[u8; LEN],
    ivs: [&[u8; IV_LEN]; N],
    third: &[u8; LEN],
    keys: [&mut [u8; LEN]; N],
) {
    /// The block of a nonce of zeros.
    const ZERO: [u8; BLOCK_LEN] = ending(IV_LEN);
    let (mut states, mut digests) = ([INITIAL; N], [[0; LEN]; N]);
    for (state, iv) in states.iter_mut().zip(ivs) {
        let mut block = ZERO;
        if let Some(start) = block.first_chunk_mut() {
            *start = *iv;
        }
        compress256(state, slice::from_ref(&block));
    }
    for (state, digest) in states.iter().zip(&mut digests) {
        write_state(state, digest);
    }
    derive_keys(first, &digests, third, keys);
}

#[inline]
fn derive_keys<const N: usize>(
    first: &[u8; LEN],
    seconds: &[[u8; LEN]; N],
    third: &[u8; LEN],
    keys: [&mut [u8; LEN]; N],
) {
    const ZEROS: [[u8; BLOCK_LEN]; 2] = [[0; BLOCK_LEN], ending(3 * LEN)];
    let (mut states, mut blocks) = ([INITIAL; N], [ZEROS; N]);
    for (blocks, second) in blocks.iter_mut().zip(seconds) {
        let (parts, _) = blocks.as_flattened_mut().as_chunks_mut();
        for (part, digest) in parts.iter_mut().zip([first, second, third]) {
            *part = *digest;
        }
    }
    for at in 0..2 {
        for (state, blocks) in states.iter_mut().zip(&blocks) {
            if let Some(block) = blocks.get(at) {
                compress256(state, slice::from_ref(block));
            }
        }
    }
    for (state, key) in states.iter().zip(keys) {
        write_state(state, key);
    }
    states.as_flattened_mut().zeroize();
    blocks.as_flattened_mut().as_flattened_mut().zeroize();
}

/// Compares in the same time whatever differs: all words are joined before the result is looked at,
/// of which the compiler knows nothing.
pub(crate) fn equal(one: &[u8; LEN], other: &[u8; LEN]) -> bool {
    let words = |bytes: &[u8; LEN]| {
        let (words, _) = bytes.as_chunks();
        [0, 1, 2, 3].map(|at| words.get(at).map_or(0, |word| u64::from_ne_bytes(*word)))
    };
    let differs = words(one)
        .iter()
        .zip(words(other))
        .fold(0, |differs, (one, other)| differs | (one ^ other));
    black_box(differs) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use sha2::{Digest, Sha256};

    #[test]
    fn it_is_sha_256_in_whatever_pieces() {
        let data: Vec<u8> = (0..400u32).map(|at| (at * 7) as u8).collect();
        for len in 0..data.len() {
            let (data, _) = data.split_at(len);
            let expected: [u8; LEN] = Sha256::digest(data).into();
            assert_eq!(digest(data), expected, "{len}");
            for piece in [1, 9, 63, 64, 65, 130] {
                let (mut hash, mut out) = (Hash::new(), [0; LEN]);
                data.chunks(piece).for_each(|piece| hash.update(piece));
                hash.finish(&mut out);
                assert_eq!(out, expected, "{len} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn it_goes_on_behind_blocks() {
        let mut state = INITIAL;
        compress256(&mut state, &[[7; BLOCK_LEN], [8; BLOCK_LEN]]);
        let (mut hash, mut out) = (Hash::new(), [0; LEN]);
        hash.update(b"what is not counted");
        hash.resume(&state, 2);
        hash.update(b"rest");
        hash.finish(&mut out);
        let whole = [&[7; BLOCK_LEN][..], &[8; BLOCK_LEN], b"rest"].concat();
        assert_eq!(out, digest(&whole));
    }

    #[test]
    fn keys_derive_as_in_netaio() {
        let joined = [digest(b"a"), digest(b"b"), digest(b"c")].concat();
        let mut key = [0; LEN];
        derive_key(&digest(b"a"), &digest(b"b"), &digest(b"c"), &mut key);
        assert_eq!(key, digest(&joined));
        let ivs = [&[1; IV_LEN], &[2; IV_LEN]];
        let mut keys = [[0; LEN]; 2];
        derive_keys_of_ivs(&digest(b"a"), ivs, &digest(b"c"), keys.each_mut());
        for (iv, found) in ivs.iter().zip(keys) {
            derive_key(&digest(b"a"), &digest(*iv), &digest(b"c"), &mut key);
            assert_eq!(found, key);
        }
    }

    #[test]
    fn what_differs_in_one_bit_is_not_equal() {
        let one = digest(b"");
        let mut other = one;
        assert!(equal(&one, &other));
        other[31] ^= 1;
        assert!(!equal(&one, &other));
    }
}
