//! The keystream is that of plain SHA-256.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use netaio_sha_lanes::xor_keystream;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

fn plain(key: &[u8; 32], data: &mut [u8]) {
    for (counter, chunk) in (0u32..).zip(data.chunks_mut(32)) {
        let digest = Sha256::new()
            .chain_update(key)
            .chain_update(counter.to_be_bytes());
        for (byte, key) in chunk.iter_mut().zip(digest.finalize()) {
            *byte ^= key;
        }
    }
}

fn check(key: &[u8; 32], data: &[u8]) {
    let (mut lanes, mut expected) = (data.to_vec(), data.to_vec());
    if xor_keystream(key, &mut lanes) {
        plain(key, &mut expected);
    }
    // Where there are no lanes nothing is changed.
    assert!(lanes == expected, "{} bytes", data.len());
}

/// Every length around every border of a block and of a group of them, a few times over.
#[test]
fn lengths_one_by_one() {
    for len in 0..=1024 {
        check(&[len as u8; 32], &vec![0xa5; len]);
    }
}

proptest! {
    #[test]
    fn any_key_and_data(key: [u8; 32], data in prop::collection::vec(any::<u8>(), 0..5_000)) {
        check(&key, &data);
    }
}
