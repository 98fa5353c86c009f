//! What clones share, behind locks: the standard library's, or without it such as spin, which are
//! held for some look-ups and never while a message is sealed or opened.

#[cfg(feature = "std")]
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

#[cfg(not(feature = "std"))]
use spin::{RwLock, RwLockReadGuard, RwLockWriteGuard};

#[derive(Default)]
pub(super) struct Lock<T>(RwLock<T>);

impl<T> Lock<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(RwLock::new(value))
    }

    // No panic leaves anything half changed.
    #[cfg(feature = "std")]
    pub(super) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(feature = "std")]
    pub(super) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(not(feature = "std"))]
    pub(super) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read()
    }

    #[cfg(not(feature = "std"))]
    pub(super) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write()
    }
}
