//! Authentication, encryption and peer data: the plugin traits, netaio's own
//! plugins, and the layers that apply them.
//!
//! ```text
//! send:     inner cipher -> inner auth -> outer cipher -> outer auth
//! receive:  outer auth -> outer cipher -> inner auth -> inner cipher
//! ```

#[cfg(feature = "aead")]
mod aead;
mod ahead;
mod cover;
mod envelope;
mod hidden_uri;
mod hmac;
mod keystream;
mod known_peers;
mod layer;
pub(crate) mod pads;
mod peer;
mod replay;
mod secret;
pub(crate) mod sha256;
mod stream_cipher;
#[cfg(test)]
mod tests;
#[cfg(feature = "x25519")]
mod x25519;

use alloc::vec::Vec;

use rand_core::CryptoRng;

#[cfg(feature = "aead")]
pub use self::aead::{Aead, AeadKeys};
pub(crate) use self::ahead::Ahead;
pub use self::cover::Cover;
pub use self::envelope::{Direction, Envelope};
pub use self::hmac::HmacAuth;
pub use self::known_peers::KnownPeers;
pub use self::layer::Layer;
pub use self::peer::{DefaultPeerPlugin, Peer, PeerError, PeerPlugin};
#[cfg(feature = "std")]
pub use self::replay::ReplayWindow;
pub use self::replay::{ReplayGuard, ReplayLog};
pub use self::stream_cipher::Sha256StreamCipher;
#[cfg(feature = "x25519")]
pub use self::x25519::X25519Cipher;

use crate::error::{AuthFailure, DecryptFailure, OpenError, SealError};
use crate::message::{AuthFields, AuthView, Message, Payload};
use crate::now::Now;
use crate::place::Place;

/// What a plugin gets beside the message that it seals.
pub struct SealContext<'a> {
    /// The time of the send.
    pub now: Now,
    /// The generator for nonces and initialization vectors.
    pub rng: &'a mut dyn CryptoRng,
    /// The peers at both ends.
    pub peers: PeerContext<'a>,
}

/// What a plugin gets beside the message that it checks or decrypts.
#[derive(Clone, Copy)]
pub struct OpenContext<'a> {
    /// The time of the receipt.
    pub now: Now,
    /// The peers at both ends.
    pub peers: PeerContext<'a>,
}

/// The local and the remote peer, as far as they are known, and which way the message
/// goes between the two.
#[derive(Clone, Copy, Default)]
pub struct PeerContext<'a> {
    /// This node's own identity.
    pub local: Option<&'a Peer>,
    /// The peer at the other address.
    pub remote: Option<&'a Peer>,
    /// How peer data is read.
    pub plugin: Option<&'a dyn PeerPlugin>,
    /// Which way the message goes.
    pub direction: Direction,
    /// Where the message came from or goes to, where a link knows it.
    pub place: Option<Place>,
    /// The random number of the node that opens it, 0 where nobody said: what a plugin
    /// remembers of messages is remembered for this node.
    pub node: u64,
    /// The message is sealed for its length alone, with numbers that are not random, and is sent to
    /// nobody: what a plugin keeps of messages that it seals, it does not keep of this one.
    pub measured: bool,
}

/// The names of the auth fields that a plugin writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldNames<'a> {
    /// Fields that no other plugin of the same message may write.
    pub own: Vec<&'a str>,
    /// Fields that plugins share: the first one writes, the others keep.
    pub shared: Vec<&'a str>,
}

/// Authenticates messages: netaio's `AuthPluginProtocol`.
///
/// Implementations compare secrets in constant time, wipe them on drop, and
/// keep them out of `Debug`.
pub trait AuthPlugin: Send + Sync {
    /// Writes the auth fields for `body`, the body section as it will go over
    /// the wire (with its uri length in front).
    ///
    /// # Errors
    /// The message cannot be authenticated; it is then not sent.
    fn make(
        &self,
        fields: &mut AuthFields,
        body: &[u8],
        context: &mut SealContext<'_>,
    ) -> Result<(), SealError>;

    /// Checks the auth fields of a received `body`. Anybody can send what is
    /// checked here, so an implementation assumes nothing about it, and allocates
    /// nothing before it knows that the sender is authentic. A message that passed
    /// is not checked by the same plugin again.
    ///
    /// # Errors
    /// The message is refused. An [`AuthErrorReply`](crate::AuthErrorReply) decides
    /// what is answered.
    fn check(
        &self,
        fields: AuthView<'_>,
        body: &[u8],
        context: &OpenContext<'_>,
    ) -> Result<(), AuthFailure>;

    /// As [`make`](Self::make), for a plugin that vouches for the message type and for
    /// auth fields too; layers call this. Unless implemented it is `make`.
    ///
    /// # Errors
    /// As `make`.
    fn make_enveloped(
        &self,
        envelope: &Envelope<'_>,
        fields: &mut AuthFields,
        body: &[u8],
        context: &mut SealContext<'_>,
    ) -> Result<(), SealError> {
        let _ = envelope;
        self.make(fields, body, context)
    }

    /// As [`check`](Self::check), for a plugin that vouches for the message type and for
    /// auth fields too; layers call this. Unless implemented it is `check`.
    ///
    /// # Errors
    /// As `check`.
    fn check_enveloped(
        &self,
        envelope: &Envelope<'_>,
        fields: AuthView<'_>,
        body: &[u8],
        context: &OpenContext<'_>,
    ) -> Result<(), AuthFailure> {
        let _ = envelope;
        self.check(fields, body, context)
    }

    /// The answer to a message that failed the check.
    fn error(&self) -> Message;

    /// The fields that [`make`](Self::make) writes.
    fn fields(&self) -> FieldNames<'_>;

    /// Whether the plugin needs the remote peer: the context names no peers
    /// otherwise, and what is sent to many is sealed once for all. This is called
    /// once, when the plugin is put into a [`Layer`].
    fn is_peer_specific(&self) -> bool {
        false
    }

    /// Whether it has a secret at all; an empty one is none. A layer with a plugin that
    /// has none is refused where it is configured.
    fn has_secret(&self) -> bool {
        true
    }
}

/// Encrypts messages: netaio's `CipherPluginProtocol`.
pub trait CipherPlugin: Send + Sync {
    /// Encrypts the payload in place and writes the fields that decryption
    /// needs.
    ///
    /// # Errors
    /// The message cannot be encrypted; it is then not sent.
    fn encrypt(
        &self,
        payload: &mut Payload,
        fields: &mut AuthFields,
        max_uri: usize,
        context: &mut SealContext<'_>,
    ) -> Result<(), SealError>;

    /// Decrypts the payload in place.
    ///
    /// # Errors
    /// The message cannot be decrypted; it is dropped.
    fn decrypt(
        &self,
        payload: &mut Payload,
        fields: AuthView<'_>,
        context: &OpenContext<'_>,
    ) -> Result<(), DecryptFailure>;

    /// As [`encrypt`](Self::encrypt), for a plugin that vouches for the message type and for
    /// auth fields too; layers call this. Unless implemented it is `encrypt`.
    ///
    /// # Errors
    /// As `encrypt`.
    fn encrypt_enveloped(
        &self,
        envelope: &Envelope<'_>,
        payload: &mut Payload,
        fields: &mut AuthFields,
        max_uri: usize,
        context: &mut SealContext<'_>,
    ) -> Result<(), SealError> {
        let _ = envelope;
        self.encrypt(payload, fields, max_uri, context)
    }

    /// As [`decrypt`](Self::decrypt), for a plugin that vouches for the message type and for
    /// auth fields too; layers call this. Unless implemented it is `decrypt`.
    ///
    /// # Errors
    /// The message is dropped, or refused as one that failed an auth check.
    fn decrypt_enveloped(
        &self,
        envelope: &Envelope<'_>,
        payload: &mut Payload,
        fields: AuthView<'_>,
        context: &OpenContext<'_>,
    ) -> Result<(), OpenError> {
        let _ = envelope;
        let decrypted = self.decrypt(payload, fields, context);
        decrypted.map_err(OpenError::Decrypt)
    }

    /// Of a cipher that authenticates messages, as an auth plugin does: the answer to one that
    /// failed. `None` where it only encrypts.
    fn error(&self) -> Option<Message> {
        None
    }

    /// The fields that [`encrypt`](Self::encrypt) writes.
    fn fields(&self) -> FieldNames<'_>;

    /// Whether the uri is hidden too. An inner cipher that hides it keeps the
    /// receiver from routing by uri.
    fn encrypts_uri(&self) -> bool;

    /// Whether the remote peer must be known; see [`AuthPlugin::is_peer_specific`].
    fn is_peer_specific(&self) -> bool {
        false
    }

    /// Whether it has a secret at all; see [`AuthPlugin::has_secret`].
    fn has_secret(&self) -> bool {
        true
    }
}
