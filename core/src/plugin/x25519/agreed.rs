//! A cache of agreed keys: agreeing on one takes far longer than sealing a short
//! message.

use super::secretbox::BoxKey;

/// A few agreed keys by the peers' public keys.
///
/// The first byte of a public key gives its only place, so the size is fixed and
/// a look-up takes no search. Peers whose keys share a place, even on purpose,
/// cost each other time and no more. The lock is held for the look-up, never
/// while agreeing.
///
/// Without `std` there is no lock, and nothing is kept.
#[derive(Clone)]
pub(super) struct AgreedKeys {
    #[cfg(feature = "std")]
    places: alloc::sync::Arc<std::sync::Mutex<Places>>,
}

#[cfg(feature = "std")]
type Places = alloc::vec::Vec<Option<([u8; 32], BoxKey)>>;

#[cfg(feature = "std")]
impl AgreedKeys {
    /// How many keys are kept: some 4 KiB of them.
    const PLACES: usize = 64;

    pub(super) fn new() -> Self {
        let places = alloc::vec![None; Self::PLACES];
        Self {
            places: alloc::sync::Arc::new(places.into()),
        }
    }

    /// Sets `key` to that agreed on with the owner of this public key, by `agree` unless
    /// it is known. Says whether there is one.
    pub(super) fn get(
        &self,
        theirs: &[u8; 32],
        key: &mut BoxKey,
        agree: impl FnOnce(&mut BoxKey) -> bool,
    ) -> bool {
        let [first, ..] = *theirs;
        let place = usize::from(first) % Self::PLACES;
        if let Some(Some((known, agreed))) = self.lock().get(place)
            && known == theirs
        {
            key.copy_from_slice(agreed);
            return true;
        }
        if !agree(key) {
            return false;
        }
        if let Some(place) = self.lock().get_mut(place) {
            let (known, agreed) = place.get_or_insert_with(Default::default);
            *known = *theirs;
            agreed.copy_from_slice(key);
        }
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Places> {
        // No panic leaves an entry half written.
        let places = self.places.lock();
        places.unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(not(feature = "std"))]
impl AgreedKeys {
    pub(super) fn new() -> Self {
        Self {}
    }

    pub(super) fn get(
        &self,
        _theirs: &[u8; 32],
        key: &mut BoxKey,
        agree: impl FnOnce(&mut BoxKey) -> bool,
    ) -> bool {
        agree(key)
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn key(byte: u8) -> BoxKey {
        Zeroizing::new([byte; 32].into())
    }

    /// Agrees on a key of this byte, if on any.
    fn get(agreed: &AgreedKeys, theirs: &[u8; 32], byte: Option<u8>) -> Option<BoxKey> {
        let mut found = BoxKey::default();
        let agree = |place: &mut BoxKey| {
            place.fill(byte.unwrap_or_default());
            byte.is_some()
        };
        agreed.get(theirs, &mut found, agree).then_some(found)
    }

    #[test]
    fn a_known_key_is_not_agreed_on_again() {
        let agreed = AgreedKeys::new();
        assert_eq!(get(&agreed, &[1; 32], Some(9)), Some(key(9)));
        assert_eq!(get(&agreed, &[1; 32], None), Some(key(9)));
        // A clone knows it too.
        assert_eq!(get(&agreed.clone(), &[1; 32], None), Some(key(9)));
    }

    #[test]
    fn keys_of_one_place_are_not_mixed_up() {
        let agreed = AgreedKeys::new();
        let (mut one, mut other) = ([0; 32], [0; 32]);
        (one[0], other[0], other[31]) = (3, 3, 1);
        assert_eq!(get(&agreed, &one, Some(1)), Some(key(1)));
        assert_eq!(get(&agreed, &other, Some(2)), Some(key(2)));
        assert_eq!(get(&agreed, &one, Some(1)), Some(key(1)));
        // Nothing takes the place of a key where none could be agreed on.
        assert_eq!(get(&agreed, &other, None), None);
        assert_eq!(get(&agreed, &one, None), Some(key(1)));
    }

    #[test]
    fn many_peers_take_no_more_places() {
        let agreed = AgreedKeys::new();
        for number in 0..1000u32 {
            let mut theirs = [0; 32];
            theirs[..4].copy_from_slice(&number.to_le_bytes());
            let byte = number as u8;
            assert_eq!(get(&agreed, &theirs, Some(byte)), Some(key(byte)));
        }
        assert_eq!(agreed.lock().len(), AgreedKeys::PLACES);
    }
}
