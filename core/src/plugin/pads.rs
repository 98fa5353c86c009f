//! HMAC, with pads of the standard's length or of netaio's.

use core::slice;

use sha2::block_api::compress256;
use zeroize::Zeroize;

use super::secret::Wiped;
use super::sha256::{BLOCK_LEN, Hash, INITIAL, LEN, State, pad, write_state};

/// Length of the pads of RFC 2104 with SHA-256, in bytes.
pub(crate) const STANDARD: usize = BLOCK_LEN;

/// Length of netaio's, in bytes: what SHA3-256 would have.
pub(super) const NETAIO: usize = 136;

const INNER: u8 = 0x36;
const OUTER: u8 = 0x5c;

/// What HMAC (RFC 2104) makes of a key alone: SHA-256's states behind the whole blocks of the
/// two pads, each of `PAD` bytes.
///
/// A key that is used more than once, as that of covers and that of cookies, is kept in this
/// form: two compressions less for each MAC. netaio derives the key of each message from its
/// nonce, so of those nothing can be kept.
pub(crate) struct Pads<const PAD: usize> {
    inner: State,
    outer: State,
}

impl<const PAD: usize> Pads<PAD> {
    const BLOCKS: usize = PAD / BLOCK_LEN;
    /// Bytes of the pads that fill no block.
    const REST: usize = PAD % BLOCK_LEN;

    /// Those of no key, to be [set](Self::set) where they are to stay.
    pub(crate) const fn unset() -> Self {
        const { assert!(Self::BLOCKS == 1 || Self::BLOCKS == 2) }
        Self {
            inner: INITIAL,
            outer: INITIAL,
        }
    }

    pub(crate) fn of(key: &[u8; LEN]) -> Self {
        let mut pads = Self::unset();
        pads.set(key);
        pads
    }

    /// Sets the key, in place: what is moved leaves a copy behind.
    pub(crate) fn set(&mut self, key: &[u8; LEN]) {
        let mut pad = Wiped([INNER; 2 * BLOCK_LEN]);
        xor(&mut *pad, key);
        Self::begin(&mut self.inner, &pad);
        xor(&mut *pad, &[INNER ^ OUTER; 2 * BLOCK_LEN]);
        Self::begin(&mut self.outer, &pad);
    }

    /// Sets the state to that behind the whole blocks of a pad.
    #[inline]
    fn begin(state: &mut State, pad: &[u8; 2 * BLOCK_LEN]) {
        let (blocks, _) = pad.as_chunks();
        *state = INITIAL;
        compress256(state, blocks.get(..Self::BLOCKS).unwrap_or_default());
    }

    /// The MAC of what `feed` writes.
    pub(crate) fn mac(&self, feed: impl FnOnce(&mut Hash), out: &mut [u8; LEN]) {
        let mut hash = Hash::new();
        hash.resume(&self.inner, Self::BLOCKS);
        hash.update([INNER; BLOCK_LEN].get(..Self::REST).unwrap_or_default());
        feed(&mut hash);
        hash.finish(out);
        self.wrap(out);
    }

    /// Makes a MAC of the inner digest: what is left of the outer pad, the digest and what ends
    /// the message are one block, put together without a call to copy them.
    #[inline]
    fn wrap(&self, digest: &mut [u8; LEN]) {
        const { assert!(Self::REST + LEN + 1 + size_of::<u64>() <= BLOCK_LEN) }
        let mut block = Wiped([0; BLOCK_LEN]);
        let (start, rest) = block.split_at_mut(Self::REST);
        start.fill(OUTER);
        if let Some(place) = rest.first_chunk_mut() {
            *place = *digest;
        }
        pad(&mut *block, PAD.saturating_add(LEN));
        let mut state = self.outer;
        compress256(&mut state, slice::from_ref(&block));
        write_state(&state, digest);
    }
}

fn xor(to: &mut [u8], with: &[u8]) {
    for (byte, with) in to.iter_mut().zip(with) {
        *byte ^= with;
    }
}

impl<const PAD: usize> Drop for Pads<PAD> {
    fn drop(&mut self) {
        self.inner.as_mut_slice().zeroize();
        self.outer.as_mut_slice().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_pads_of_the_standards_length_it_is_the_standards_hmac() {
        // hmac.new(bytes(range(32)), b"message", "sha256") of Python's standard library.
        let key = core::array::from_fn(|at| at as u8);
        let mut mac = [0; LEN];
        Pads::<STANDARD>::of(&key).mac(|hash| hash.update(b"message"), &mut mac);
        let hex: alloc::string::String = mac
            .iter()
            .map(|byte| alloc::format!("{byte:02x}"))
            .collect();
        assert_eq!(
            hex,
            "6297b77508a1a30ea4dfadd8f847c31b49aba45de10a79daf721d3f7ec112a24"
        );
    }

    #[test]
    fn a_key_makes_the_same_macs_as_often_as_it_is_used() {
        let pads = Pads::<NETAIO>::of(&[3; LEN]);
        let mac = |text: &[u8]| {
            let mut mac = [0; LEN];
            pads.mac(|hash| hash.update(text), &mut mac);
            mac
        };
        assert_eq!(mac(b"one"), mac(b"one"));
        assert_ne!(mac(b"one"), mac(b"two"));
    }
}
