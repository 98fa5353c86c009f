//! The layer between a server and those of its clients that it knows.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use netaio_core::plugin::{
    CipherPlugin, DefaultPeerPlugin, Envelope, FieldNames, OpenContext, PeerContext, PeerPlugin,
    SealContext, X25519Cipher,
};
use netaio_core::{
    AuthFailure, AuthFields, AuthView, DecryptFailure, Message, OpenError, Payload, Peer, SealError,
};

use super::public_key::PublicKey;

/// netaio's cipher, that is told of what it does not open, and has no key for clients that are not known.
pub(crate) struct Boxes {
    cipher: X25519Cipher,
    /// Unless there are any, all are.
    known: Option<BTreeSet<PublicKey>>,
    /// When the log was last told of a client that is not.
    said: Mutex<Option<Instant>>,
}

/// The content of the answer to whoever does not pass.
pub(crate) const REFUSED: &str = "X25519 auth failed";

/// The time between two such lines of the log, which anybody can cause: that of the driver's own.
const INTERVAL: Duration = Duration::from_secs(10);

impl Boxes {
    pub(super) fn new(cipher: X25519Cipher, known: Option<BTreeSet<PublicKey>>) -> Self {
        Self {
            cipher,
            known,
            said: Mutex::default(),
        }
    }

    /// Whether a client that has introduced itself so is served.
    pub(crate) fn serve(&self, client: &Peer) -> bool {
        self.has(client, &DefaultPeerPlugin)
    }

    /// Whether the client may be spoken to.
    fn knows(&self, peers: &PeerContext<'_>) -> bool {
        let plugin = peers.plugin.unwrap_or(&DefaultPeerPlugin);
        // Without a peer the cipher itself refuses.
        peers.remote.is_none_or(|peer| self.has(peer, plugin))
    }

    /// Whether a client's key is among those that are known. One that has announced none has none that
    /// is.
    fn has(&self, client: &Peer, plugin: &dyn PeerPlugin) -> bool {
        let Some(known) = &self.known else {
            return true;
        };
        PublicKey::of(client, plugin).is_some_and(|key| known.contains(&key))
    }

    /// Tells the log of the key of a client that is refused.
    fn say_refused(&self, peers: &PeerContext<'_>) {
        let plugin = peers.plugin.unwrap_or(&DefaultPeerPlugin);
        let Some(key) = peers.remote.and_then(|peer| PublicKey::of(peer, plugin)) else {
            return;
        };
        if !tracing::enabled!(tracing::Level::INFO) {
            return;
        }
        let now = Instant::now();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_some_and(|said| now.saturating_duration_since(said) < INTERVAL) {
            return;
        }
        *said = Some(now);
        drop(said);
        tracing::info!(%key, "a client is refused, whose key is not among those of --known-clients");
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
        if matches!(decrypted, Err(DecryptFailure::NotPinned)) {
            self.say_refused(&context.peers);
        }
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
        Some(Message::error_message(REFUSED))
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
