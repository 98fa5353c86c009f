//! Who announces which public key.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bytes::Bytes;

/// The name of a public key in a peer's data: that of the X25519 cipher.
pub(super) const NAME: &str = "pubkey";

/// The peers that announced a key. Those that have left, or have another key now, are
/// found out when it matters.
#[derive(Debug, Default)]
pub(super) struct Keys {
    owners: BTreeMap<[u8; 32], Vec<Bytes>>,
}

impl Keys {
    /// Peers that are remembered for one key. That there are several is what counts.
    const OWNERS: usize = 4;

    /// Notes that a peer announces a key, and returns the others of whom `still_has` says
    /// that they do too. Of at most twice `max` keys something is remembered.
    pub(super) fn announced(
        &mut self,
        key: [u8; 32],
        id: &Bytes,
        max: usize,
        still_has: impl Fn(&Bytes, &[u8; 32]) -> bool,
    ) -> Vec<Bytes> {
        if self.owners.len() >= max.saturating_mul(2) {
            self.owners.retain(|key, owners| {
                owners.retain(|owner| still_has(owner, key));
                !owners.is_empty()
            });
        }
        let owners = self.owners.entry(key).or_default();
        owners.retain(|owner| owner != id && still_has(owner, &key));
        let others = owners.clone();
        owners.push(id.clone());
        if owners.len() > Self::OWNERS {
            owners.remove(0);
        }
        others
    }
}
