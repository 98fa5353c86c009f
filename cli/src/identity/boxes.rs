//! The layer between a server and those of its clients that it knows.

use std::collections::BTreeSet;

use netaio_core::plugin::{
    CipherPlugin, DefaultPeerPlugin, Envelope, FieldNames, OpenContext, PeerContext, SealContext,
    X25519Cipher,
};
use netaio_core::{
    AuthFailure, AuthFields, AuthView, DecryptFailure, Message, OpenError, Payload, SealError,
};

use super::public_key::PublicKey;

/// netaio's cipher, that is told of what it does not open, and has no key for clients that are not known.
pub(crate) struct Boxes {
    cipher: X25519Cipher,
    /// Unless there are any, all are.
    known: Option<BTreeSet<PublicKey>>,
}

impl Boxes {
    pub(super) fn new(cipher: X25519Cipher, known: Option<BTreeSet<PublicKey>>) -> Self {
        Self { cipher, known }
    }

    /// Whether the client may be spoken to. One that has announced no key has none that is known.
    fn knows(&self, peers: &PeerContext<'_>) -> bool {
        let (Some(known), Some(peer)) = (&self.known, peers.remote) else {
            // Without a peer the cipher itself refuses.
            return true;
        };
        let plugin = peers.plugin.unwrap_or(&DefaultPeerPlugin);
        PublicKey::of(peer, plugin).is_some_and(|key| known.contains(&key))
    }
}

impl CipherPlugin for Boxes {
    fn encrypt(
        &self,
        payload: &mut Payload,
        fields: &mut AuthFields,
        max_uri: usize,
        context: &mut SealContext<'_>,
    ) -> Result<(), SealError> {
        // It may have announced another key since it was known.
        match self.knows(&context.peers) {
            true => self.cipher.encrypt(payload, fields, max_uri, context),
            false => Err(SealError::NotPinned),
        }
    }

    fn decrypt(
        &self,
        payload: &mut Payload,
        fields: AuthView<'_>,
        context: &OpenContext<'_>,
    ) -> Result<(), DecryptFailure> {
        match self.knows(&context.peers) {
            true => self.cipher.decrypt(payload, fields, context),
            false => Err(DecryptFailure::NotPinned),
        }
    }

    /// A failed check, so that the client is told.
    fn decrypt_enveloped(
        &self,
        _envelope: &Envelope<'_>,
        payload: &mut Payload,
        fields: AuthView<'_>,
        context: &OpenContext<'_>,
    ) -> Result<(), OpenError> {
        let decrypted = self.decrypt(payload, fields, context);
        decrypted.map_err(|failure| {
            OpenError::Auth(match failure {
                DecryptFailure::NoPeer => AuthFailure::NoPeer,
                DecryptFailure::NoPeerKey => AuthFailure::Plugin("the client announces no key"),
                DecryptFailure::NotPinned => {
                    AuthFailure::Plugin("the client's key is not among the known ones")
                }
                _ => AuthFailure::Mismatch,
            })
        })
    }

    fn error(&self) -> Option<Message> {
        Some(Message::error_message("X25519 auth failed"))
    }

    fn fields(&self) -> FieldNames<'_> {
        self.cipher.fields()
    }

    fn encrypts_uri(&self) -> bool {
        self.cipher.encrypts_uri()
    }

    fn is_peer_specific(&self) -> bool {
        true
    }
}
