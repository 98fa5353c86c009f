//! NaCl's secretbox: XSalsa20, and Poly1305 over its ciphertext.

use digest::{CtOutput, Output, OutputSizeUser};
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit;
use salsa20::cipher::consts::{U10, U16};
use salsa20::cipher::{KeyIvInit, StreamCipher};
use salsa20::{XNonce, XSalsa20, hsalsa};
use zeroize::Zeroizing;

/// Length of a nonce, in bytes.
pub(super) const NONCE_LEN: usize = 24;
/// Length of a tag, in bytes.
pub(super) const TAG_LEN: usize = 16;

/// A key of one pair of peers. It is filled where it is: a key that moves leaves a copy
/// behind.
pub(super) type BoxKey = Zeroizing<salsa20::Key>;

/// Makes the key of a pair whose secret is `shared`: HSalsa20, as a shared point is not
/// evenly distributed.
pub(super) fn box_key(shared: &[u8; 32], key: &mut BoxKey) {
    **key = hsalsa::<U10>(shared.into(), &Default::default());
}

/// Encrypts in place and returns the tag. `None` where there is no keystream: the
/// nonce has another length, or the text is longer than memory.
pub(super) fn seal(key: &BoxKey, nonce: &[u8], text: &mut [u8]) -> Option<[u8; TAG_LEN]> {
    let (mut stream, mac) = begin(key, nonce)?;
    stream.try_apply_keystream(text).ok()?;
    Some(mac.compute_unpadded(text).into())
}

/// Decrypts in place what was sealed with this key and nonce. `None`, and the
/// text as it came, where the tag is another one.
pub(super) fn open(key: &BoxKey, nonce: &[u8], tag: &[u8], text: &mut [u8]) -> Option<()> {
    let (mut stream, mac) = begin(key, nonce)?;
    let given = <&Output<Tag>>::try_from(tag).ok()?;
    let computed = CtOutput::<Tag>::new(mac.compute_unpadded(text));
    if computed != CtOutput::from(given) {
        return None;
    }
    stream.try_apply_keystream(text).ok()
}

/// The keystream of a nonce: its first 32 bytes are the key of the tag, and the
/// rest is for the text.
fn begin(key: &BoxKey, nonce: &[u8]) -> Option<(XSalsa20, Poly1305)> {
    let mut stream = XSalsa20::new(key, <&XNonce>::try_from(nonce).ok()?);
    let mut tag_key = Zeroizing::new(poly1305::Key::default());
    stream.try_apply_keystream(&mut tag_key).ok()?;
    Some((stream, Poly1305::new(&tag_key)))
}

/// A tag, to be compared in constant time.
struct Tag;

impl OutputSizeUser for Tag {
    type OutputSize = U16;
}
