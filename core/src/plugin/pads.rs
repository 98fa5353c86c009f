//! HMAC, with pads of the standard's length or of netaio's.

use core::slice;

use sha2::block_api::compress256;
use zeroize::Zeroize;

use super::secret::Wiped;
use super::sha256::{BLOCK_LEN, Hash, INITIAL, LEN, State, ending, write_state};

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
    /// The last block of what is hashed last, but for the digest in it.
    const LAST: [u8; BLOCK_LEN] = {
        assert!(Self::REST + LEN + 1 + size_of::<u64>() <= BLOCK_LEN);
        let mut block = ending(PAD + LEN);
        let (mut start, _) = block.split_at_mut(Self::REST);
        while let Some((first, rest)) = start.split_first_mut() {
            *first = OUTER;
            start = rest;
        }
        block
    };

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
    ///
    /// The blocks of the two pads take turns: neither pad waits for the other, so a processor
    /// that looks far enough ahead compresses both at once.
    pub(crate) fn set(&mut self, key: &[u8; LEN]) {
        let mut inner = Wiped([INNER; BLOCK_LEN]);
        let mut outer = Wiped([OUTER; BLOCK_LEN]);
        put_key(&mut inner, key);
        put_key(&mut outer, key);
        (self.inner, self.outer) = (INITIAL, INITIAL);
        compress256(&mut self.inner, slice::from_ref(&inner));
        compress256(&mut self.outer, slice::from_ref(&outer));
        // The key is shorter than a block, so all others are of the pads alone.
        for _ in 1..Self::BLOCKS {
            compress256(&mut self.inner, &[[INNER; BLOCK_LEN]]);
            compress256(&mut self.outer, &[[OUTER; BLOCK_LEN]]);
        }
    }

    /// The MAC of what `feed` writes.
    pub(crate) fn mac(&self, feed: impl FnOnce(&mut Hash), out: &mut [u8; LEN]) {
        let mut hash = Hash::new();
        hash.resume(&self.inner, Self::BLOCKS);
        hash.update([INNER; BLOCK_LEN].get(..Self::REST).unwrap_or_default());
        feed(&mut hash);
        self.wrap(|digest| hash.finish(digest), out);
    }

    /// The MAC of a text that is in blocks already.
    pub(super) fn mac_of(&self, text: &ShortText<'_, PAD>, out: &mut [u8; LEN]) {
        let mut state = self.inner;
        compress256(&mut state, text.0);
        self.wrap(|digest| write_state(&state, digest), out);
        state.as_mut_slice().zeroize();
    }

    /// The MAC of the inner digest, which is written in its place: what is left of the outer pad,
    /// the digest and what ends the message are one block.
    #[inline]
    fn wrap(&self, write_digest: impl FnOnce(&mut [u8; LEN]), out: &mut [u8; LEN]) {
        let mut block = Wiped(Self::LAST);
        let (_, rest) = block.split_at_mut(Self::REST);
        if let Some(place) = rest.first_chunk_mut() {
            write_digest(place);
        }
        let mut state = self.outer;
        compress256(&mut state, slice::from_ref(&block));
        write_state(&state, out);
    }
}

/// A short text, as it is behind the whole blocks of an inner pad: what is left of the pad, the
/// text, and what ends it. It is put together before there is a key: by the time that a
/// processor has the key, for which all else waits, it has these blocks in their place.
pub(super) struct ShortText<'a, const PAD: usize>(&'a [[u8; BLOCK_LEN]]);

/// A place for a short text.
pub(super) type ShortPlace = [[u8; BLOCK_LEN]; 4];

pub(super) const EMPTY: ShortPlace = [[0; BLOCK_LEN]; 4];

impl<'a, const PAD: usize> ShortText<'a, PAD> {
    /// A text of two parts in an [empty](EMPTY) place, unless it is long.
    #[inline]
    pub(super) fn new<const N: usize>(
        place: &'a mut ShortPlace,
        start: &[u8; N],
        rest: &[u8],
    ) -> Option<Self> {
        const BITS_LEN: usize = size_of::<u64>();
        let pad = Pads::<PAD>::REST;
        let len = pad.saturating_add(N).saturating_add(rest.len());
        let used = len.saturating_add(1 + BITS_LEN).div_ceil(BLOCK_LEN);
        let blocks = place.get_mut(..used)?;
        let bytes = blocks.as_flattened_mut();
        let (of_pad, text) = bytes.split_at_mut_checked(pad)?;
        of_pad.fill(INNER);
        let (of_start, text) = text.split_first_chunk_mut()?;
        *of_start = *start;
        let (of_rest, end) = text.split_at_mut_checked(rest.len())?;
        of_rest.copy_from_slice(rest);
        *end.first_mut()? = 0x80;
        let whole = PAD.saturating_sub(pad).saturating_add(len);
        *end.last_chunk_mut()? = (whole as u64).wrapping_mul(8).to_be_bytes();
        Some(Self(blocks))
    }
}

/// Puts a key into a pad. By itself it is a few wide operations; in the midst of what is before and
/// behind it the compiler makes many of single bytes of it, for which the next compression waits.
#[inline(never)]
fn put_key(pad: &mut [u8; BLOCK_LEN], key: &[u8; LEN]) {
    for (byte, key) in pad.iter_mut().zip(key) {
        *byte ^= key;
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
    fn a_short_text_has_the_mac_that_it_has_in_pieces() {
        fn compare<const PAD: usize>(len: usize) -> bool {
            let text: alloc::vec::Vec<_> = (0..len).map(|at| (at * 7) as u8).collect();
            let pads = Pads::<PAD>::of(&[5; LEN]);
            let (mut short, mut whole) = ([0; LEN], [0; LEN]);
            let feed = |hash: &mut Hash| {
                hash.update(b"time");
                hash.update(&text);
            };
            pads.mac(feed, &mut whole);
            let mut place = EMPTY;
            let Some(text) = ShortText::new(&mut place, b"time", &text) else {
                return false;
            };
            pads.mac_of(&text, &mut short);
            assert_eq!(short, whole, "{len}");
            true
        }
        const MAX: usize = size_of::<ShortPlace>();
        let all = 0..MAX + 20;
        let short = all.clone().filter(|len| compare::<NETAIO>(*len)).count();
        // All up to what fills the blocks with the rest of the pad and the end.
        assert_eq!(short, MAX - 8 - 4 - 9 + 1);
        let short = all.filter(|len| compare::<STANDARD>(*len)).count();
        assert_eq!(short, MAX - 4 - 9 + 1);
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
