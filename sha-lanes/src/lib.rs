//! The keystream of netaio's cipher, several blocks at once: `SHA256(key || counter)`, with the
//! SHA extensions of x86-64.
//!
//! A block takes some 130 cycles whoever computes it, as each of its rounds waits for the one
//! before, and the processor could do twice as much meanwhile. The blocks of this keystream do
//! not depend on one another, so some of them are computed side by side. Besides, all blocks of
//! a key begin with the same 32 bytes: the first eight of 64 rounds are done once for all.
//!
//! This is a crate of its own since it has `unsafe` code: one call, of a function that asks for
//! the extensions, where they are there. `netaio-core` uses it with its feature `sha-lanes`, and
//! forbids `unsafe` whatever its features are.

/// XORs the keystream of `key` into `data`: for each 32 bytes `SHA256(key || counter)`, the
/// counter a big-endian `u32` from zero on.
///
/// Returns false, and leaves `data` as it is, where the processor lacks the extensions, and on
/// other architectures.
///
/// ```
/// let mut data = *b"some text";
/// if netaio_sha_lanes::xor_keystream(&[7; 32], &mut data) {
///     assert_ne!(&data, b"some text");
///     netaio_sha_lanes::xor_keystream(&[7; 32], &mut data);
/// }
/// assert_eq!(&data, b"some text");
/// ```
#[must_use]
pub fn xor_keystream(key: &[u8; 32], data: &mut [u8]) -> bool {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if std::is_x86_feature_detected!("sha") && std::is_x86_feature_detected!("sse4.1") {
        #[expect(
            unsafe_code,
            reason = "what a processor can do is known at run time only"
        )]
        // SAFETY: the function has no condition but the two extensions, which were found.
        unsafe {
            x86::xor_keystream(key, data);
        }
        return true;
    }
    let _ = (key, data);
    false
}

#[cfg(target_arch = "x86_64")]
mod x86;
