//! The keys of a plugin, which may change while it is in use.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use chacha20poly1305::{KeyInit, XChaCha20Poly1305};

use super::super::pads::{Pads, STANDARD};
use super::super::secret::{SecretBytes, Wiped, wipe_stack};
use super::super::sha256::LEN;
use super::lock::Lock;
use crate::error::LayerError;

/// Length of the number by which a message names its key, in bytes.
pub(super) const ID_LEN: usize = 4;

/// With the context behind it, what keys are derived for.
const LABEL: &[u8] = b"netaio aead 1 ";

/// A key, and the number that names it.
pub(super) struct AeadKey {
    pub(super) id: [u8; ID_LEN],
    pub(super) cipher: XChaCha20Poly1305,
    /// HKDF's pseudorandom key, of which both are made: for another context, and to tell
    /// secrets apart.
    root: SecretBytes,
}

impl AeadKey {
    /// HKDF with SHA-256 (RFC 5869) and without a salt: the first 32 bytes are the key, the next
    /// four its number. `None` where the secret is empty.
    fn derive(secret: &[u8], context: &[u8]) -> Option<Arc<Self>> {
        (!secret.is_empty()).then(|| {
            let root = SecretBytes::new(|root| {
                Pads::<STANDARD>::of(&[0; LEN]).mac(|hash| hash.update(secret), root);
            });
            Self::expand(root, context)
        })
    }

    fn expand(root: SecretBytes, context: &[u8]) -> Arc<Self> {
        let pads = Pads::<STANDARD>::of(root.bytes());
        let (mut key, mut more) = (Wiped([0; LEN]), Wiped([0; LEN]));
        let info = |before: &[u8], count: u8, out: &mut [u8; LEN]| {
            pads.mac(
                |hash| {
                    for part in [before, LABEL, context, &[count]] {
                        hash.update(part);
                    }
                },
                out,
            );
        };
        info(&[], 1, &mut key);
        info(&*key, 2, &mut more);
        let mut id = [0; ID_LEN];
        for (byte, derived) in id.iter_mut().zip(more.iter()) {
            *byte = *derived;
        }
        let cipher = XChaCha20Poly1305::new((&*key).into());
        let made = Arc::new(Self { id, cipher, root });
        drop((key, more, pads));
        wipe_stack::<4096>();
        made
    }
}

/// The keys that a plugin has. The first one seals; all of them open.
#[derive(Clone, Default)]
pub(super) struct Ring {
    keys: Vec<Arc<AeadKey>>,
    context: Vec<u8>,
    /// One of the secrets that it was made with was empty.
    incomplete: bool,
}

/// Changes the keys of an [`Aead`](super::Aead) while it is in use, for all of its clones and
/// all layers that have it. One that was configured further afterwards has other keys.
///
/// A new key comes in without a stop, and without a message that is refused, in three steps,
/// each of them at all nodes before the next:
///
/// 1. [`accept`](Self::accept) the new secret: messages under either key pass;
/// 2. [`seal_with`](Self::seal_with) it: messages that still come under the old one pass;
/// 3. [`retire`](Self::retire) the old one.
///
/// ```
/// use netaio_core::plugin::Aead;
///
/// let aead = Aead::new([1; 32]);
/// let keys = aead.keys();
/// keys.accept([2; 32])?;
/// keys.seal_with([2; 32])?;
/// assert!(keys.retire([1; 32]));
/// # Ok::<(), netaio_core::LayerError>(())
/// ```
#[derive(Clone, Default)]
pub struct AeadKeys(Arc<Lock<Ring>>);

impl AeadKeys {
    pub(super) fn new(secret: &[u8]) -> Self {
        let keys = Self::default();
        keys.or_incomplete(keys.accept(secret));
        keys
    }

    /// Opens messages under this secret's key too.
    ///
    /// # Errors
    /// [`LayerError::EmptySecret`].
    pub fn accept(&self, secret: impl AsRef<[u8]>) -> Result<(), LayerError> {
        self.add(secret.as_ref()).map(drop)
    }

    /// Seals with this secret's key from now on. What was sealed with until now still opens.
    ///
    /// # Errors
    /// [`LayerError::EmptySecret`].
    pub fn seal_with(&self, secret: impl AsRef<[u8]>) -> Result<(), LayerError> {
        let key = self.add(secret.as_ref())?;
        let keys = &mut self.0.write().keys;
        keys.retain(|known| known.root.bytes() != key.root.bytes());
        keys.insert(0, key);
        Ok(())
    }

    /// Opens messages under this secret's key no more, and forgets it. The key that seals
    /// stays. Says whether there was such a key, and it is gone.
    pub fn retire(&self, secret: impl AsRef<[u8]>) -> bool {
        let mut ring = self.0.write();
        let Some(key) = AeadKey::derive(secret.as_ref(), &ring.context) else {
            return false;
        };
        let mut others = ring.keys.iter().skip(1);
        let at = others.position(|known| known.root.bytes() == key.root.bytes());
        let at = at.and_then(|at| at.checked_add(1));
        at.is_some_and(|at| {
            ring.keys.remove(at);
            true
        })
    }

    /// How many keys it has, the one that seals among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.read().keys.len()
    }

    /// Whether it has none: then it seals and lets pass nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same keys, of which changes stay its own.
    pub(super) fn separate(&self) -> Self {
        Self(Arc::new(Lock::new(self.0.read().clone())))
    }

    pub(super) fn set_context(&self, context: &[u8]) {
        let mut ring = self.0.write();
        let keys = ring.keys.iter();
        let keys = keys.map(|key| AeadKey::expand(key.root.clone(), context));
        ring.keys = keys.collect();
        ring.context = context.into();
    }

    /// Remembers that a secret was empty.
    pub(super) fn or_incomplete(&self, added: Result<(), LayerError>) {
        if added.is_err() {
            self.0.write().incomplete = true;
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        !self.0.read().incomplete
    }

    /// The key that seals.
    pub(super) fn sealing(&self) -> Option<Arc<AeadKey>> {
        let ring = self.0.read();
        let key = ring.keys.first().filter(|_| !ring.incomplete);
        key.cloned()
    }

    /// The key of this number that `opens`, with what came of it; else the last failure, or
    /// `None` where no key has the number.
    pub(super) fn find<E>(
        &self,
        id: [u8; ID_LEN],
        mut opens: impl FnMut(&AeadKey) -> Result<(), E>,
    ) -> Option<Result<(), E>> {
        let mut result = None;
        // A new key's number may be an old one's, once in 2^32.
        let mut from = 0;
        while let Some((at, key)) = self.next_of(id, from) {
            let opened = opens(&key);
            if opened.is_ok() {
                return Some(opened);
            }
            result = Some(opened);
            from = at.saturating_add(1);
        }
        result
    }

    /// The first key of this number from a place on: no lock is held while it is used.
    fn next_of(&self, id: [u8; ID_LEN], from: usize) -> Option<(usize, Arc<AeadKey>)> {
        let ring = self.0.read();
        let mut keys = ring.keys.iter().enumerate().skip(from);
        let (at, key) = keys.find(|(_, key)| key.id == id)?;
        Some((at, key.clone()))
    }

    fn add(&self, secret: &[u8]) -> Result<Arc<AeadKey>, LayerError> {
        let mut ring = self.0.write();
        let key = AeadKey::derive(secret, &ring.context).ok_or(LayerError::EmptySecret)?;
        let mut known = ring.keys.iter();
        if known.all(|known| known.root.bytes() != key.root.bytes()) {
            ring.keys.push(key.clone());
        }
        Ok(key)
    }
}

impl fmt::Debug for AeadKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AeadKeys")
            .field("keys", &self.len())
            .finish()
    }
}
