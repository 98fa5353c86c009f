//! netaio's keystream: SHA-256 of a key and successive counters.

use core::slice;

use sha2::block_api::compress256;

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

/// As [`apply`], one block after the other.
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
    let (chunks, rest) = data.as_chunks_mut::<LEN>();
    let mut counter = 0u32;
    for chunk in chunks {
        xor(chunk, digest(&mut block, counter));
        counter = counter.wrapping_add(1);
    }
    if !rest.is_empty() {
        let mut last = Wiped([0; LEN]);
        xor(&mut last, digest(&mut block, counter));
        for (byte, key) in rest.iter_mut().zip(*last) {
            *byte ^= key;
        }
    }
}

/// The digest of the block with this counter, in words.
fn digest(block: &mut [u8; BLOCK_LEN], counter: u32) -> State {
    if let Some(place) = block.get_mut(LEN..).and_then(|rest| rest.first_chunk_mut()) {
        *place = counter.to_be_bytes();
    }
    let mut state = INITIAL;
    compress256(&mut state, slice::from_ref(block));
    state
}

fn xor(bytes: &mut [u8; LEN], digest: State) {
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
