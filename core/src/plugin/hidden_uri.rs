//! How netaio's ciphers hide a uri: its length and the uri are encrypted with the
//! content behind them, and the ciphertext is split at a random place into a new
//! uri and a new content.

use rand_core::CryptoRng;

use crate::error::{DecryptFailure, SealError};
use crate::message::Payload;

/// Puts the uri's length in front of it. All of the payload is encrypted after
/// that.
pub(super) fn hide(payload: &mut Payload) -> Result<(), SealError> {
    let uri_len = u16::try_from(payload.uri_len()).map_err(|_| SealError::UriTooLong {
        len: payload.uri_len(),
        max: usize::from(u16::MAX),
    })?;
    payload.prepend(&uri_len.to_be_bytes());
    Ok(())
}

/// Splits ciphertext into uri and content: at 1 to `len - 1`, as netaio draws the
/// place, but never past the longest uri.
pub(super) fn cut(payload: &mut Payload, max_uri: usize, rng: &mut dyn CryptoRng) {
    payload.set_uri_len(place(payload.len(), max_uri, rng));
}

fn place(len: usize, max_uri: usize, rng: &mut dyn CryptoRng) -> usize {
    let choices = len.saturating_sub(1).min(max_uri).max(1) as u64;
    // Widening multiplication maps 32 random bits to the range with a small bias,
    // which does no harm: the place is no secret.
    let drawn = u64::from(rng.next_u32()).wrapping_mul(choices) >> 32;
    (drawn as usize).saturating_add(1)
}

/// Finds the uri in the plaintext.
pub(super) fn reveal(payload: &mut Payload) -> Result<(), DecryptFailure> {
    let [high, low, ..] = *payload.bytes() else {
        return Err(DecryptFailure::Corrupt);
    };
    let uri_len = usize::from(u16::from_be_bytes([high, low]));
    payload.trim_front(2);
    if uri_len > payload.len() {
        return Err(DecryptFailure::UriPastBody { uri_len });
    }
    payload.set_uri_len(uri_len);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use chacha20::ChaCha8Rng;
    use rand_core::SeedableRng;

    #[test]
    fn cuts_lie_anywhere_within_the_ciphertext_and_the_longest_uri() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (len, last) in [(2, 1), (3, 2), (10, 9), (1000, 100)] {
            let drawn: BTreeSet<_> = (0..2000).map(|_| place(len, 100, &mut rng)).collect();
            assert!(drawn.into_iter().eq(1..=last), "{len}");
        }
    }

    #[test]
    fn what_is_hidden_is_revealed() {
        let mut payload = Payload::new();
        payload.load(b"uri", b"content");
        hide(&mut payload).unwrap();
        assert_eq!(payload.bytes(), b"\0\x03uricontent");
        cut(&mut payload, 100, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(reveal(&mut payload), Ok(()));
        assert_eq!(
            (payload.uri(), payload.content()),
            (&b"uri"[..], &b"content"[..])
        );
        // Under a wrong key the length may be any.
        payload.prepend(&[0, 11]);
        assert_eq!(
            reveal(&mut payload),
            Err(DecryptFailure::UriPastBody { uri_len: 11 })
        );
        payload.load(b"", b"u");
        assert_eq!(reveal(&mut payload), Err(DecryptFailure::Corrupt));
    }
}
