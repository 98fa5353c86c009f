//! netaio's cipher between two peers.

mod agreed;
mod secretbox;
#[cfg(test)]
mod tests;
#[cfg(feature = "std")]
mod trusted;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use curve25519_dalek::{EdwardsPoint, MontgomeryPoint};
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, Zeroizing};

use self::agreed::AgreedKeys;
use self::secretbox::{BoxKey, NONCE_LEN, TAG_LEN};
#[cfg(feature = "std")]
use self::trusted::Trusted;
use super::secret::{SecretBytes, wipe_stack};
use super::{
    CipherPlugin, DefaultPeerPlugin, FieldNames, OpenContext, Peer, PeerContext, SealContext,
    hidden_uri,
};
use crate::error::{DecryptFailure, SealError};
use crate::message::{AuthFields, AuthView, Payload};
use crate::packify::{Dict, Value};

/// netaio's `X25519CipherPlugin`: NaCl's box, between two peers that know each
/// other's public keys. Needs the cargo feature `x25519`.
///
/// Whoever sends or receives must know the remote peer: its data, read by the
/// peer plugin of the [`PeerContext`] (netaio's own where there is none), holds
/// its public key under `"pubkey"`. The data of this side is
/// [`peer_data`](Self::peer_data). A public key alone authenticates nobody, for anybody
/// can announce any key under any id: an application that has to know whom it speaks to
/// [pins](Self::with_pinned) the keys of its peers.
///
/// By default the uri stays readable, so that messages can be routed by it; use
/// [`with_encrypted_uri`](Self::with_encrypted_uri) to hide it. The body then
/// holds a nonce of 24 bytes, a tag of 16 and the ciphertext: 40 bytes more than
/// before, or 42 with the uri.
///
/// Nobody but the two peers can make or change what it encrypts. That is neither
/// the message type nor auth fields nor a readable uri, and a message can be sent
/// again, also back to its sender: use it with an auth plugin.
///
/// ```
/// use netaio_core::plugin::{Peer, X25519Cipher};
///
/// let seed = [7; 32]; // in earnest: 32 random bytes, kept secret
/// let cipher = X25519Cipher::from_seed(seed);
/// let introduction = Peer::new("my id").with_data(cipher.peer_data());
/// ```
#[derive(Clone)]
pub struct X25519Cipher {
    /// Half of the seed's digest; it is clamped where it is used.
    scalar: SecretBytes,
    public_key: [u8; 32],
    verify_key: [u8; 32],
    encrypt_uri: bool,
    agreed: AgreedKeys,
    /// Public keys by the ids of their peers.
    pinned: BTreeMap<Vec<u8>, [u8; 32]>,
    pinned_only: bool,
    #[cfg(feature = "std")]
    trusted: Option<Trusted>,
}

impl X25519Cipher {
    /// Length of seeds and keys, in bytes.
    pub const KEY_LEN: usize = 32;

    /// The field of peer data that holds the public key.
    const PUBLIC_KEY: &str = "pubkey";
    /// The field of peer data that holds the verify key.
    const VERIFY_KEY: &str = "vkey";
    /// More bytes than a multiplication leaves on the stack.
    const STACK: usize = 8 * 1024;
    /// Its name in errors.
    const NAME: &str = "X25519Cipher";
    /// What stands before the ciphertext.
    const HEAD_LEN: usize = NONCE_LEN + TAG_LEN;

    /// The plugin for this seed, of which only a digest is kept. As in netaio the
    /// seed is that of an Ed25519 key pair, turned into one for X25519 as
    /// libsodium does it.
    #[must_use]
    pub fn from_seed(mut seed: [u8; Self::KEY_LEN]) -> Self {
        let scalar = SecretBytes::new(|scalar| {
            let mut digest = Zeroizing::new([0; 64]);
            let mut hash = Sha512::new();
            hash.update(seed);
            Digest::finalize_into_reset(&mut hash, (&mut *digest).into());
            for (to, from) in scalar.iter_mut().zip(digest.iter()) {
                *to = *from;
            }
        });
        seed.zeroize();
        let point = EdwardsPoint::mul_base_clamped(*scalar.bytes());
        wipe_stack::<{ Self::STACK }>();
        Self {
            scalar,
            public_key: point.to_montgomery().to_bytes(),
            verify_key: point.compress().to_bytes(),
            encrypt_uri: false,
            agreed: AgreedKeys::new(),
            pinned: BTreeMap::new(),
            pinned_only: false,
            #[cfg(feature = "std")]
            trusted: None,
        }
    }

    /// Encrypts the uri too: netaio's `encrypt_uri=True`.
    #[must_use]
    pub fn with_encrypted_uri(mut self) -> Self {
        self.encrypt_uri = true;
        self
    }

    /// Pins the public key of the peer with this id: whatever key is announced for the id,
    /// this one counts. Who announces the id without having the secret key can then neither
    /// read what is meant for the peer, nor send in its name.
    #[must_use]
    pub fn with_pinned(mut self, id: impl AsRef<[u8]>, key: [u8; Self::KEY_LEN]) -> Self {
        self.pinned.insert(id.as_ref().into(), key);
        self
    }

    /// Has no key for a peer that is not [pinned](Self::with_pinned), whatever is announced.
    #[must_use]
    pub fn with_pinned_only(mut self) -> Self {
        self.pinned_only = true;
        self
    }

    /// Trusts on first use, as ssh does: the key with which something was first sent to a peer, or
    /// was first understood of it, counts for its id from then on, as if it were
    /// [pinned](Self::with_pinned). Of `max` peers keys are kept; of further ones there are none. Needs
    /// `std`.
    ///
    /// Who stands between the two at the very first message stays there unnoticed; who comes
    /// later is refused ([`DecryptFailure::KeyChanged`]). A program that restarts has to
    /// keep what it [trusts](Self::trusted), and [trust](Self::trust) it again: netaio's drivers
    /// have it in files, `key_files`.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn with_trust_on_first_use(mut self, max: usize) -> Self {
        self.trusted = Some(Trusted::new(max));
        self
    }

    /// The ids and keys of peers that count whatever is announced: those that are pinned, and those
    /// that were trusted on first use.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn trusted(&self) -> Vec<(Vec<u8>, [u8; Self::KEY_LEN])> {
        let pinned = self.pinned.iter().map(|(id, key)| (id.clone(), *key));
        let mut all: Vec<_> = pinned.collect();
        all.extend(self.trusted.iter().flat_map(Trusted::all));
        all
    }

    /// Trusts this key of the peer with this id, as if it had been used: one that was
    /// [trusted](Self::trusted) before a restart. Other than a pinned one it can be
    /// [forgotten](Self::forget_trusted). Says whether it counts from now on: not where another key
    /// does, where there is no room for one more peer, or without
    /// [trust on first use](Self::with_trust_on_first_use).
    #[cfg(feature = "std")]
    pub fn trust(&self, id: impl AsRef<[u8]>, key: [u8; Self::KEY_LEN]) -> bool {
        let id = id.as_ref();
        if let Some(pinned) = self.pinned.get(id) {
            return *pinned == key;
        }
        let Some(trusted) = &self.trusted else {
            return false;
        };
        trusted.used(id, key);
        matches!(trusted.get(id), Ok(Some(known)) if known == key)
    }

    /// Forgets the key that was trusted on first use, of a peer that has a new one. Says whether
    /// there was one.
    #[cfg(feature = "std")]
    pub fn forget_trusted(&self, id: impl AsRef<[u8]>) -> bool {
        let trusted = self.trusted.as_ref();
        trusted.is_some_and(|trusted| trusted.forget(id.as_ref()))
    }

    /// The X25519 public key.
    #[must_use]
    pub fn public_key(&self) -> &[u8; Self::KEY_LEN] {
        &self.public_key
    }

    /// The Ed25519 verify key of the same seed. This plugin does not use it; auth
    /// plugins of other netaio nodes do.
    #[must_use]
    pub fn verify_key(&self) -> &[u8; Self::KEY_LEN] {
        &self.verify_key
    }

    /// Both keys as packed peer data, for
    /// [`Peer::with_data`](crate::Peer::with_data): the dict
    /// `{"pubkey": .., "vkey": ..}`. Data with more in it is a [`Value`] that the
    /// application makes, with the [`public_key`](Self::public_key) in it.
    #[must_use]
    pub fn peer_data(&self) -> Vec<u8> {
        let field = |name: &str, key: &[u8]| (name.into(), Value::Bytes(key.to_vec()));
        let data = Dict::from_pairs([
            field(Self::PUBLIC_KEY, &self.public_key),
            field(Self::VERIFY_KEY, &self.verify_key),
        ]);
        // Neither fails: strings are hashable, and two short fields can be packed.
        let data = data.unwrap_or_default();
        Value::from(data).to_vec().unwrap_or_default()
    }

    /// Sets `key` to that which is shared with the remote peer, and returns the peer's own.
    fn find_key(&self, peers: &PeerContext<'_>, key: &mut BoxKey) -> Result<[u8; 32], NoKey> {
        let peer = peers.remote.ok_or(NoKey::NoPeer)?;
        let theirs = match self.known_key(peer)? {
            Some(key) => key,
            None if self.pinned_only => return Err(NoKey::NotPinned),
            None => announced(peers, peer).ok_or(NoKey::NotInTheData)?,
        };
        let agreed = self.agreed.get(&theirs, key, |key| self.agree(theirs, key));
        agreed.then_some(theirs).ok_or(NoKey::Weak)
    }

    /// The key that counts for a peer whatever it announces.
    fn known_key(&self, peer: &Peer) -> Result<Option<[u8; 32]>, NoKey> {
        let pinned = self.pinned.get(&peer.id[..]).copied();
        #[cfg(feature = "std")]
        if pinned.is_none()
            && let Some(trusted) = &self.trusted
        {
            return trusted.get(&peer.id).map_err(|_| NoKey::NotPinned);
        }
        Ok(pinned)
    }

    /// The peer of this key was spoken to, or was understood.
    fn used(&self, peers: &PeerContext<'_>, key: [u8; 32]) {
        #[cfg(feature = "std")]
        if let (Some(trusted), Some(peer)) = (&self.trusted, peers.remote)
            && !self.pinned.contains_key(&peer.id[..])
        {
            trusted.used(&peer.id, key);
        }
        #[cfg(not(feature = "std"))]
        let _ = (peers, key);
    }

    /// Agrees on a key, unless theirs is of low order: the secret is then zero
    /// whatever ours is.
    fn agree(&self, theirs: [u8; 32], key: &mut BoxKey) -> bool {
        let mut shared = Zeroizing::new(MontgomeryPoint::default());
        *shared = MontgomeryPoint(theirs).mul_clamped(*self.scalar.bytes());
        // Compared in constant time.
        let strong = *shared != MontgomeryPoint([0; 32]);
        if strong {
            secretbox::box_key(shared.as_bytes(), key);
        }
        wipe_stack::<{ Self::STACK }>();
        strong
    }
}

/// The key that a peer announces.
fn announced(peers: &PeerContext<'_>, peer: &Peer) -> Option<[u8; 32]> {
    let plugin = peers.plugin.unwrap_or(&DefaultPeerPlugin);
    plugin.key(peer, X25519Cipher::PUBLIC_KEY)
}

/// Why there is no key for a message.
enum NoKey {
    NoPeer,
    NotInTheData,
    NotPinned,
    Weak,
}

impl From<NoKey> for SealError {
    fn from(reason: NoKey) -> Self {
        match reason {
            NoKey::NoPeer => Self::NoPeer(X25519Cipher::NAME),
            NoKey::NotInTheData => Self::NoPeerKey(X25519Cipher::NAME),
            NoKey::NotPinned => Self::NotPinned,
            NoKey::Weak => Self::WeakPeerKey,
        }
    }
}

impl From<NoKey> for DecryptFailure {
    fn from(reason: NoKey) -> Self {
        match reason {
            NoKey::NoPeer => Self::NoPeer,
            NoKey::NotInTheData => Self::NoPeerKey,
            NoKey::NotPinned => Self::NotPinned,
            NoKey::Weak => Self::WeakPeerKey,
        }
    }
}

impl CipherPlugin for X25519Cipher {
    fn encrypt(
        &self,
        payload: &mut Payload,
        _fields: &mut AuthFields,
        max_uri: usize,
        context: &mut SealContext<'_>,
    ) -> Result<(), SealError> {
        let mut key = BoxKey::default();
        let theirs = self.find_key(&context.peers, &mut key)?;
        self.used(&context.peers, theirs);
        if self.encrypt_uri {
            hidden_uri::hide(payload)?;
        }
        let mut head = [0; Self::HEAD_LEN];
        let (nonce, tag) = head.split_at_mut(NONCE_LEN);
        context.rng.fill_bytes(nonce);
        let text = match self.encrypt_uri {
            true => payload.bytes_mut(),
            false => payload.content_mut(),
        };
        let made = secretbox::seal(&key, nonce, text);
        tag.copy_from_slice(&made.ok_or(SealError::Plugin("no keystream for so long a message"))?);
        if self.encrypt_uri {
            payload.prepend(&head);
            hidden_uri::cut(payload, max_uri, context.rng);
        } else {
            payload.prepend_to_content(&head);
        }
        Ok(())
    }

    /// A message that is refused is left unchanged.
    fn decrypt(
        &self,
        payload: &mut Payload,
        _fields: AuthView<'_>,
        context: &OpenContext<'_>,
    ) -> Result<(), DecryptFailure> {
        let mut key = BoxKey::default();
        let theirs = self.find_key(&context.peers, &mut key)?;
        let sealed = match self.encrypt_uri {
            true => payload.bytes_mut(),
            false => payload.content_mut(),
        };
        let (head, text) = sealed
            .split_at_mut_checked(Self::HEAD_LEN)
            .ok_or(DecryptFailure::Corrupt)?;
        let (nonce, tag) = head.split_at(NONCE_LEN);
        if secretbox::open(&key, nonce, tag, text).is_none() {
            let peers = &context.peers;
            let announced = peers.remote.and_then(|peer| announced(peers, peer));
            return Err(match announced {
                Some(announced) if announced != theirs => DecryptFailure::KeyChanged,
                _ => DecryptFailure::Corrupt,
            });
        }
        self.used(&context.peers, theirs);
        if self.encrypt_uri {
            payload.trim_front(Self::HEAD_LEN);
            hidden_uri::reveal(payload)
        } else {
            payload.trim_content_front(Self::HEAD_LEN);
            Ok(())
        }
    }

    /// None: the body holds all that is needed.
    fn fields(&self) -> FieldNames<'_> {
        FieldNames::default()
    }

    fn encrypts_uri(&self) -> bool {
        self.encrypt_uri
    }

    fn is_peer_specific(&self) -> bool {
        true
    }
}

impl fmt::Debug for X25519Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("X25519Cipher")
            .field("seed", &"..")
            .field("public_key", &self.public_key)
            .field("encrypt_uri", &self.encrypt_uri)
            .finish()
    }
}
