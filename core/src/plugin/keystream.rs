//! netaio's keystream: SHA-256 of a key and successive counters.

use core::ops::RangeFrom;
use core::slice;

use sha2::block_api::compress256;
use zeroize::Zeroize;

use super::secret::Wiped;
use super::sha256::{BLOCK_LEN, INITIAL, LEN, State};

/// XORs the keystream of a key into `data`: `SHA256(key || counter)` for each 32 bytes, the
/// counter a big-endian `u32` from zero on.
pub(super) fn apply(key: &[u8; LEN], data: &mut [u8]) {
    #[cfg(feature = "sha-lanes")]
    if netaio_sha_lanes::xor_keystream(key, data) {
        return;
    }
    apply_plain(key, data);
}

/// As [`apply`], without instructions that are one processor's.
fn apply_plain(key: &[u8; LEN], data: &mut [u8]) {
    // 36 bytes fit one block with their padding, so each digest is one compression of a block
    // of which only the counter changes. It changes within the block, so no state can be kept.
    let mut block = Wiped([0; BLOCK_LEN]);
    let (start, rest) = block.split_at_mut(LEN);
    start.copy_from_slice(key);
    if let [_, _, _, _, end_of_message, .., len_high, len_low] = rest {
        *end_of_message = 0x80;
        [*len_high, *len_low] = (36u16 * 8).to_be_bytes();
    }
    let mut counters = 0u32..;
    let (groups, data) = data.as_chunks_mut::<{ GROUP * LEN }>();
    if !groups.is_empty() {
        apply_groups(&block, groups, &mut counters);
    }
    let (chunks, rest) = data.as_chunks_mut::<LEN>();
    for (chunk, counter) in chunks.iter_mut().zip(&mut counters) {
        xor(chunk, &digest(&mut block, counter));
    }
    if let Some(counter) = counters.next()
        && !rest.is_empty()
    {
        let mut last = Wiped([0; LEN]);
        xor(&mut last, &digest(&mut block, counter));
        for (byte, key) in rest.iter_mut().zip(*last) {
            *byte ^= key;
        }
    }
}

/// Chunks of 32 bytes whose blocks are put together at once.
const GROUP: usize = 8;

/// Whole groups of chunks. A block that has just been written cannot be read in wider pieces until all
/// before it is done, and chunks in between fill what the processor looks ahead: with neither, more of
/// one digest is computed beside another.
fn apply_groups(
    block: &[u8; BLOCK_LEN],
    groups: &mut [[u8; GROUP * LEN]],
    counters: &mut RangeFrom<u32>,
) {
    let mut blocks = [*block; GROUP];
    let mut states = [INITIAL; GROUP];
    for group in groups {
        for (block, counter) in blocks.iter_mut().zip(&mut *counters) {
            set_counter(block, counter);
        }
        states = [INITIAL; GROUP];
        for (state, block) in states.iter_mut().zip(&blocks) {
            compress256(state, slice::from_ref(block));
        }
        let (chunks, _) = group.as_chunks_mut();
        for (chunk, state) in chunks.iter_mut().zip(&states) {
            xor(chunk, state);
        }
    }
    blocks.as_flattened_mut().zeroize();
    states.as_flattened_mut().zeroize();
}

/// The digest of the block with this counter, in words.
fn digest(block: &mut [u8; BLOCK_LEN], counter: u32) -> State {
    set_counter(block, counter);
    let mut state = INITIAL;
    compress256(&mut state, slice::from_ref(block));
    state
}

fn set_counter(block: &mut [u8; BLOCK_LEN], counter: u32) {
    if let Some(place) = block.get_mut(LEN..).and_then(|rest| rest.first_chunk_mut()) {
        *place = counter.to_be_bytes();
    }
}

fn xor(bytes: &mut [u8; LEN], digest: &State) {
    let (words, _) = bytes.as_chunks_mut();
    for (bytes, word) in words.iter_mut().zip(digest) {
        *bytes = (u32::from_be_bytes(*bytes) ^ word).to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn it_is_plain_sha_256_of_key_and_counter() {
        let key = super::super::sha256::digest(b"key");
        let stream = (0u32..40).flat_map(|counter| {
            super::super::sha256::digest(&[&key[..], &counter.to_be_bytes()].concat())
        });
        let stream: Vec<u8> = stream.collect();
        for len in 0..stream.len() {
            let mut data = alloc::vec![0xa5; len];
            let mut plain = data.clone();
            apply_plain(&key, &mut plain);
            // The same, or what the feature `sha-lanes` has.
            apply(&key, &mut data);
            assert_eq!(data, plain);
            let (expected, _) = stream.split_at(len);
            assert!(
                data.iter()
                    .zip(expected)
                    .all(|(byte, key)| byte ^ 0xa5 == *key),
                "{len}"
            );
        }
    }
}
