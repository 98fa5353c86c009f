//! Bytes that are kept beside what they were cut from.

use core::fmt;
use core::ops::Deref;

use bytes::Bytes;

/// Bytes of any length. Few are copied in place, which costs less than to share a buffer, and
/// keeps none alive.
#[derive(Clone)]
pub(crate) enum SmallBytes {
    Few(u8, [u8; SmallBytes::FEW]),
    Shared(Bytes),
}

impl SmallBytes {
    /// As many as fit where the others are.
    const FEW: usize = 30;

    pub(crate) const fn new() -> Self {
        Self::Few(0, [0; Self::FEW])
    }

    /// The few, if they are.
    #[inline]
    pub(crate) fn few(bytes: &[u8]) -> Option<Self> {
        let mut few = [0; Self::FEW];
        few.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let len = u8::try_from(bytes.len()).ok()?;
        Some(Self::Few(len, few))
    }

    /// Takes others in the place of these, few where these are.
    #[inline]
    pub(crate) fn set(&mut self, bytes: &Bytes) {
        if !self.set_few(bytes) {
            *self = Self::Shared(bytes.clone());
        }
    }

    /// Takes a copy of others in the place of these.
    #[inline]
    pub(crate) fn set_copy(&mut self, bytes: &[u8]) {
        if !self.set_few(bytes) {
            *self = Self::copy(bytes);
        }
    }

    /// Takes others if they are few; whether they are.
    #[inline]
    fn set_few(&mut self, bytes: &[u8]) -> bool {
        let Ok(new) = u8::try_from(bytes.len()) else {
            return false;
        };
        if let Self::Shared(_) = self {
            self.clear();
        }
        let Self::Few(len, few) = self else {
            return false;
        };
        let Some(place) = few.get_mut(..bytes.len()) else {
            return false;
        };
        place.copy_from_slice(bytes);
        *len = new;
        true
    }

    /// Lets go of all.
    #[inline]
    pub(crate) fn clear(&mut self) {
        match self {
            Self::Few(len, _) => *len = 0,
            Self::Shared(_) => *self = Self::new(),
        }
    }

    #[inline]
    pub(crate) fn of(bytes: &Bytes) -> Self {
        Self::few(bytes).unwrap_or_else(|| Self::Shared(bytes.clone()))
    }

    /// A copy, which keeps no buffer alive.
    pub(crate) fn copy(bytes: &[u8]) -> Self {
        Self::few(bytes).unwrap_or_else(|| Self::Shared(Bytes::copy_from_slice(bytes)))
    }

    /// Keeps no buffer alive from now on.
    pub(crate) fn own(&mut self) {
        if let Self::Shared(bytes) = self {
            *bytes = Bytes::copy_from_slice(bytes);
        }
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        match self {
            Self::Few(..) => Bytes::copy_from_slice(self),
            Self::Shared(bytes) => bytes.clone(),
        }
    }
}

impl Deref for SmallBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Few(len, bytes) => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Shared(bytes) => bytes,
        }
    }
}

impl fmt::Debug for SmallBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_keep_no_buffer_and_all_are_there() {
        let all: [u8; 64] = core::array::from_fn(|index| index as u8);
        let buffer = Bytes::copy_from_slice(&all);
        for len in 0..=all.len() {
            let kept = SmallBytes::of(&buffer.slice(..len));
            assert_eq!(
                (&kept[..], &kept.to_bytes()[..]),
                (&all[..len], &all[..len])
            );
            assert_eq!(buffer.is_unique(), len <= SmallBytes::FEW);
        }
        assert!(SmallBytes::new().is_empty());
    }

    #[test]
    fn others_take_their_place_and_nothing_is_left_of_them() {
        let all: [u8; 64] = core::array::from_fn(|index| index as u8);
        let (mut kept, mut copied) = (SmallBytes::new(), SmallBytes::new());
        for len in [64, 30, 31, 3, 0, 29, 40, 1] {
            let buffer = Bytes::copy_from_slice(&all);
            kept.set(&buffer.slice(..len));
            copied.set_copy(&buffer.slice(..len));
            assert_eq!((&kept[..], &copied[..]), (&all[..len], &all[..len]));
            assert_eq!(buffer.is_unique(), len <= SmallBytes::FEW);
            kept.own();
            assert!(buffer.is_unique() && kept[..] == all[..len]);
        }
        kept.clear();
        assert!(kept.is_empty());
    }
}
