//! Identities: key pairs for X25519, of a server and of its clients.

mod boxes;
mod error;
mod keys;
mod peers;
mod public_key;
mod servers;

use std::collections::BTreeSet;
use std::path::Path;

use netaio_core::Peer;
use netaio_core::plugin::{DefaultPeerPlugin, X25519Cipher};

pub(crate) use self::boxes::{Boxes, REFUSED};
pub(crate) use self::error::IdentityError;
pub(crate) use self::peers::{KnownPeers, Standing};
pub(crate) use self::public_key::PublicKey;
pub(crate) use self::servers::{Known, Trust};
use crate::secret::Key;

/// A client asks for this behind its introduction: a server with an identity has answered that
/// first, and a server without one has no answer but this one. What it answers with is the id by which
/// it knows the client: over UDP the introduction may have been lost.
pub(crate) const PROBE: &str = "netaio/identity";

/// A key pair of one's own.
#[derive(Clone, Debug)]
pub(crate) struct Identity(X25519Cipher);

impl Identity {
    /// The one with this seed.
    pub(crate) fn new(seed: &Key) -> Self {
        Self(X25519Cipher::from_seed(**seed))
    }

    /// A new one, which is kept nowhere.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut seed = Key::default();
        getrandom::fill(&mut *seed)?;
        Ok(Self::new(&seed))
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        PublicKey::new(*self.0.public_key())
    }

    /// The introduction of a client, or of whoever else comes and goes: its id is of this run, so
    /// that the same identity may be there several times.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub(crate) fn passing(&self) -> Result<Peer, getrandom::Error> {
        let mut id = vec![0; 16];
        getrandom::fill(&mut id)?;
        Ok(Peer::new(id).with_data(self.0.peer_data()))
    }

    /// The introduction of a server, whose id is its key, as it is written: whoever trusts keys by ids
    /// finds it again.
    pub(crate) fn lasting(&self) -> Peer {
        Peer::new(self.public_key().to_string()).with_data(self.0.peer_data())
    }

    /// What a peer tells of itself, to be known by this identity: names and keys, as netaio has them.
    pub(crate) fn fields(&self) -> [(&'static str, &[u8]); 2] {
        [
            ("pubkey", self.0.public_key()),
            ("vkey", self.0.verify_key()),
        ]
    }

    /// What encrypts between this identity and a peer, as long as that has this key.
    pub(crate) fn towards(&self, peer: &Peer, key: PublicKey) -> X25519Cipher {
        let cipher = self.0.clone().with_pinned(&peer.id, *key.bytes());
        cipher.with_pinned_only()
    }

    /// What encrypts between this identity and its clients, whose keys are among the known ones
    /// where there are any.
    pub(crate) fn towards_clients(&self, known: Option<BTreeSet<PublicKey>>) -> Boxes {
        Boxes::new(self.0.clone(), known)
    }
}

/// The public key that a server has announced.
pub(crate) fn announced(peer: &Peer) -> Option<PublicKey> {
    PublicKey::of(peer, &DefaultPeerPlugin)
}

/// The public keys in a file, a line each.
///
/// # Errors
/// The file cannot be read, or a line is no key.
pub(crate) fn read_keys(path: &Path) -> Result<BTreeSet<PublicKey>, IdentityError> {
    keys::read(path)
}
