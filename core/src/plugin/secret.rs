//! Secrets that plugins keep.

use alloc::sync::{Arc, Weak};
use core::ops::{Deref, DerefMut};

use zeroize::Zeroize;

use super::sha256::{self, LEN};

/// Bytes that are wiped when they are dropped: as a whole, where an array in `Zeroizing` is
/// wiped byte by byte, which is a good part of what a short message costs.
pub(super) struct Wiped<const N: usize>(pub(super) [u8; N]);

impl<const N: usize> Default for Wiped<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Deref for Wiped<N> {
    type Target = [u8; N];

    fn deref(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> DerefMut for Wiped<N> {
    fn deref_mut(&mut self) -> &mut [u8; N] {
        &mut self.0
    }
}

impl<const N: usize> Drop for Wiped<N> {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

/// Bytes that are wiped with their last owner. They are on the heap and never move: a
/// plugin that is moved, as builders do, leaves a pointer behind and no secret. Cloning
/// copies the pointer.
#[derive(Clone)]
pub(super) struct SecretBytes(Arc<Wiped<LEN>>);

/// What tells one secret from all others, of now and of later. It has no bytes, which are wiped with
/// their last owner whether or not somebody has their name.
#[derive(Clone, Default)]
pub(super) struct SecretName(Weak<Wiped<LEN>>);

impl SecretBytes {
    /// Zeros that `fill` overwrites in place.
    pub(super) fn new(fill: impl FnOnce(&mut [u8; LEN])) -> Self {
        let mut bytes = Arc::new(Wiped([0; LEN]));
        // Nobody else has it yet.
        if let Some(bytes) = Arc::get_mut(&mut bytes) {
            fill(bytes);
        }
        Self(bytes)
    }

    /// `SHA256(SHA256(secret))`, with which netaio's derivation of keys begins. None
    /// where the secret is empty.
    pub(super) fn digest_of_digest(secret: &[u8]) -> Option<Self> {
        (!secret.is_empty()).then(|| {
            let made = Self::new(|bytes| {
                let mut first = Wiped([0; LEN]);
                sha256::digest_into(&[secret], &mut first);
                sha256::digest_into(&[&*first], bytes);
            });
            wipe_stack::<4096>();
            made
        })
    }

    /// What tells it from others, and keeps none of its bytes.
    pub(super) fn name(&self) -> SecretName {
        SecretName(Arc::downgrade(&self.0))
    }

    /// Whether it is the very secret of this name, or a clone.
    #[inline]
    pub(super) fn has_name(&self, name: &SecretName) -> bool {
        name.0.as_ptr() == Arc::as_ptr(&self.0)
    }

    pub(super) fn bytes(&self) -> &[u8; LEN] {
        &self.0
    }
}

/// Overwrites what functions that have returned left in `DEPTH` bytes of the stack, the
/// registers that they had to spill among it: no type wipes those.
#[inline(never)]
pub(super) fn wipe_stack<const DEPTH: usize>() {
    let mut below = [0u8; DEPTH];
    below.as_mut_slice().zeroize();
    core::hint::black_box(&mut below);
}
