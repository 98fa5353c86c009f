//! netaio's stream cipher.

use alloc::string::String;
use alloc::vec;
use core::fmt;

use super::keystream;
use super::secret::{SecretBytes, Wiped};
use super::sha256::{self, IV_LEN, LEN};
use super::{CipherPlugin, FieldNames, OpenContext, SealContext, hidden_uri};
use crate::error::{DecryptFailure, SealError};
use crate::message::{AuthFields, AuthView, Payload};
use crate::packify::ValueRef;

/// netaio's `Sha256StreamCipherPlugin`: SHA-256 in counter mode.
///
/// By default the uri is encrypted along with the content, and the ciphertext
/// is split at a random place into a new uri and a new content; no message can be
/// routed by its uri before the layer is opened. Use
/// [`with_plain_uri`](Self::with_plain_uri) for an inner cipher.
///
/// A stream cipher alone does not detect changes to a message: use it with an auth
/// plugin.
#[derive(Clone)]
pub struct Sha256StreamCipher {
    /// `SHA256(SHA256(key))`: the digest of the first part of every key. None where the
    /// key is empty.
    key_digest: Option<SecretBytes>,
    label_digest: [u8; LEN],
    iv_field: String,
    encrypt_uri: bool,
}

impl Sha256StreamCipher {
    /// Length of the initialization vectors it draws, in bytes. On receipt any
    /// length is accepted, as in netaio.
    pub const IV_LEN: usize = IV_LEN;

    /// The plugin for this key, with netaio's field name `iv`. Of the key only
    /// a digest is kept; the bytes that are given stay the caller's to wipe.
    ///
    /// An empty key is everybody's: a layer that has it is refused where it is configured
    /// ([`LayerError::EmptySecret`](crate::LayerError)), and encrypts and decrypts nothing.
    #[must_use]
    pub fn new(key: impl AsRef<[u8]>) -> Self {
        Self {
            key_digest: SecretBytes::digest_of_digest(key.as_ref()),
            label_digest: sha256::digest(b"enc"),
            iv_field: "iv".into(),
            encrypt_uri: true,
        }
    }

    /// Names the field of the initialization vector.
    #[must_use]
    pub fn with_iv_field(mut self, name: impl Into<String>) -> Self {
        self.iv_field = name.into();
        self
    }

    /// Leaves the uri readable: netaio's `encrypt_uri=False`.
    #[must_use]
    pub fn with_plain_uri(mut self) -> Self {
        self.encrypt_uri = false;
        self
    }

    /// XORs the keystream of `iv` into `data`: encryption and decryption alike.
    fn apply(&self, secret: &SecretBytes, iv: &[u8], data: &mut [u8]) {
        let mut key = Wiped([0; LEN]);
        let iv = sha256::digest(iv);
        sha256::derive_key(secret.bytes(), &iv, &self.label_digest, &mut key);
        keystream::apply(&key, data);
    }
}

impl CipherPlugin for Sha256StreamCipher {
    fn encrypt(
        &self,
        payload: &mut Payload,
        fields: &mut AuthFields,
        max_uri: usize,
        context: &mut SealContext<'_>,
    ) -> Result<(), SealError> {
        let secret = self.key_digest.as_ref().ok_or(SealError::EmptySecret)?;
        let mut iv = [0; IV_LEN];
        context.rng.fill_bytes(&mut iv);
        if self.encrypt_uri {
            hidden_uri::hide(payload)?;
            self.apply(secret, &iv, payload.bytes_mut());
            hidden_uri::cut(payload, max_uri, context.rng);
        } else {
            self.apply(secret, &iv, payload.content_mut());
        }
        fields.set_bytes(&self.iv_field, &iv)
    }

    fn decrypt(
        &self,
        payload: &mut Payload,
        fields: AuthView<'_>,
        _context: &OpenContext<'_>,
    ) -> Result<(), DecryptFailure> {
        let secret = self.key_digest.as_ref();
        let secret = secret.ok_or(DecryptFailure::EmptySecret)?;
        let iv = match fields.get(&self.iv_field) {
            Some(ValueRef::Bytes(iv) | ValueRef::ByteArray(iv)) => iv,
            _ => return Err(DecryptFailure::NoIv),
        };
        if !self.encrypt_uri {
            self.apply(secret, iv, payload.content_mut());
            return Ok(());
        }
        self.apply(secret, iv, payload.bytes_mut());
        hidden_uri::reveal(payload)
    }

    fn fields(&self) -> FieldNames<'_> {
        FieldNames {
            own: vec![&self.iv_field],
            shared: vec![],
        }
    }

    fn encrypts_uri(&self) -> bool {
        self.encrypt_uri
    }

    fn has_secret(&self) -> bool {
        self.key_digest.is_some()
    }
}

impl fmt::Debug for Sha256StreamCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sha256StreamCipher")
            .field("key", &"..")
            .field("iv_field", &self.iv_field)
            .field("encrypt_uri", &self.encrypt_uri)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn the_keystream_is_netaios() {
        // netaio.crypto.keystream(sha256(b"key").digest(), b"i" * 16, 40)
        let mut data = [0; 40];
        let cipher = Sha256StreamCipher::new("key");
        let secret = cipher.key_digest.clone().unwrap();
        cipher.apply(&secret, &[b'i'; 16], &mut data);
        let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "f2bcfa7a3ebd4839c6cb663c55ed6b98b1d4a3dd2244d88ed9af46ae1733ddbbc3c1e4021585b77a"
        );
    }

    #[test]
    fn debug_shows_no_key() {
        let text = format!("{:?}", Sha256StreamCipher::new("hunter2"));
        assert!(text.contains("iv_field") && !text.contains("hunter2") && !text.contains("digest"));
    }
}
