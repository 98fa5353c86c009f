//! Peers that are trusted from the first time that they have proved their keys, and are kept in a file.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use netaio_core::Peer;
use netaio_core::plugin::X25519Cipher;
use netaio_driver::key_files;

use super::boxes::Boxes;
use super::error::IdentityError;
use super::public_key::PublicKey;
use super::{Identity, announced};

/// The most peers whose keys are kept.
const MAX: usize = 4096;

/// The keys of peers, by their ids.
#[derive(Debug)]
pub(crate) struct KnownPeers {
    own: PublicKey,
    cipher: X25519Cipher,
    path: PathBuf,
    /// What the file has.
    kept: Mutex<BTreeMap<Vec<u8>, PublicKey>>,
}

/// What is known of the key that a peer announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It announces none.
    None,
    /// It has not proved that it has this one.
    New(PublicKey),
    /// It had this one before.
    Known(PublicKey),
    /// It had another one.
    Changed(PublicKey),
}

impl KnownPeers {
    /// Those in a file; none where there is no file.
    ///
    /// # Errors
    /// The file cannot be used.
    pub(crate) fn open(identity: &Identity, path: PathBuf) -> Result<Self, IdentityError> {
        let cipher = identity.0.clone().with_trust_on_first_use(MAX);
        let read = key_files::read_peers(&path).and_then(|peers| {
            let mut peers = peers.iter();
            match peers.all(|(id, key)| cipher.trust(id, *key)) {
                true => Ok(()),
                false => Err(io::Error::other(format!(
                    "it has an id twice, or more than {MAX} peers"
                ))),
            }
        });
        match read {
            Ok(()) => Ok(Self {
                own: identity.public_key(),
                kept: Mutex::new(by_id(&cipher)),
                cipher,
                path,
            }),
            Err(error) => Err(IdentityError::Read { path, error }),
        }
    }

    /// The key of this node.
    pub(crate) fn own(&self) -> PublicKey {
        self.own
    }

    /// What encrypts what is sent to them.
    pub(crate) fn cipher(&self) -> X25519Cipher {
        self.cipher.clone()
    }

    /// The same for what they send, of which those who do not pass are told.
    pub(crate) fn boxes(&self) -> Boxes {
        Boxes::new(self.cipher.clone(), None)
    }

    pub(crate) fn standing(&self, peer: &Peer) -> Standing {
        let Some(key) = announced(peer) else {
            return Standing::None;
        };
        match self.kept().get(&peer.id[..]) {
            Some(kept) if *kept == key => return Standing::Known(key),
            Some(_) => return Standing::Changed(key),
            None => {}
        }
        match by_id(&self.cipher).get(&peer.id[..]) {
            Some(used) if *used != key => Standing::Changed(key),
            _ => Standing::New(key),
        }
    }

    /// Keeps the key of a peer that has proved it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn keep(&self, peer: &Peer, key: PublicKey) -> Result<(), IdentityError> {
        let mut kept = self.kept();
        kept.insert(peer.id.to_vec(), key);
        let peers = kept.iter().map(|(id, key)| (id.clone(), *key.bytes()));
        key_files::write_peers(&self.path, peers).map_err(|error| IdentityError::KeepPeers {
            path: self.path.clone(),
            error,
        })
    }

    /// Forgets a key that was not proved, so that another one may be.
    pub(crate) fn forget(&self, peer: &Peer) {
        if !self.kept().contains_key(&peer.id[..]) {
            self.cipher.forget_trusted(&peer.id);
        }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, PublicKey>> {
        // No panic leaves a map half changed.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn by_id(cipher: &X25519Cipher) -> BTreeMap<Vec<u8>, PublicKey> {
    let trusted = cipher.trusted().into_iter();
    trusted.map(|(id, key)| (id, PublicKey::new(key))).collect()
}
