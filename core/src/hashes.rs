//! Hashes of keys that remotes choose.

use core::fmt;
#[expect(
    deprecated,
    reason = "core has no other keyed hasher; what replaces it is in std"
)]
use core::hash::SipHasher;
use core::hash::{BuildHasher, Hash};

use hashbrown::DefaultHashBuilder;
use rand_core::CryptoRng;

/// A map whose keys remotes choose.
pub(crate) type HashMap<K, V> = hashbrown::HashMap<K, V, Hashes>;
/// A set whose members remotes choose.
pub(crate) type HashSet<K> = hashbrown::HashSet<K, Hashes>;

/// SipHash with secret keys: who does not know them finds no keys of a table that share a
/// place. The hasher of other tables is faster, and its collisions can be computed.
#[derive(Clone, Copy)]
pub(crate) struct Hashes {
    keys: [u64; 2],
}

impl Hashes {
    /// Draws the keys.
    pub(crate) fn new(rng: &mut dyn CryptoRng) -> Self {
        Self {
            keys: [rng.next_u64(), rng.next_u64()],
        }
    }
}

/// Keys that depend on where the program is in memory, for tables that nobody has seeded.
impl Default for Hashes {
    fn default() -> Self {
        let random = DefaultHashBuilder::default();
        Self {
            keys: [random.hash_one(0), random.hash_one(1)],
        }
    }
}

#[expect(deprecated, reason = "as above")]
impl BuildHasher for Hashes {
    type Hasher = SipHasher;

    fn build_hasher(&self) -> SipHasher {
        let [first, second] = self.keys;
        SipHasher::new_with_keys(first, second)
    }
}

impl fmt::Debug for Hashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashes(..)")
    }
}

/// Puts all entries of a map at other places.
pub(crate) fn reseed<K: Eq + Hash, V>(map: &mut HashMap<K, V>, hashes: Hashes) {
    let old = core::mem::replace(map, HashMap::with_hasher(hashes));
    map.extend(old);
}

#[cfg(test)]
mod tests {
    use chacha20::ChaCha8Rng;
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn a_hash_depends_on_the_generator_and_on_nothing_else() {
        let of = |seed| {
            let hashes = Hashes::new(&mut ChaCha8Rng::seed_from_u64(seed));
            hashes.hash_one("key")
        };
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        let shown = alloc::format!("{:?}", Hashes::default());
        assert_eq!(shown, "Hashes(..)");
    }
}
