//! Public keys, as they are announced and as they are written.

use std::fmt;
use std::str::FromStr;

use netaio_core::Peer;
use netaio_core::plugin::{PeerPlugin, X25519Cipher};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::codec::hex::{hex, unhex};

/// A public key. Anybody may know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PublicKey([u8; X25519Cipher::KEY_LEN]);

impl PublicKey {
    pub(super) fn new(bytes: [u8; X25519Cipher::KEY_LEN]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8; X25519Cipher::KEY_LEN] {
        &self.0
    }

    /// The id of a peer that is known by its key.
    pub(crate) fn id(&self) -> Vec<u8> {
        self.0.into()
    }

    /// The name of a public key in a peer's data: netaio's.
    const FIELD: &str = "pubkey";

    /// The key that a peer announces.
    pub(super) fn of(peer: &Peer, plugin: &dyn PeerPlugin) -> Option<Self> {
        plugin.key(peer, Self::FIELD).map(Self)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl FromStr for PublicKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let key = unhex(text).and_then(|bytes| bytes.try_into().ok());
        key.map(Self)
            .ok_or("a public key is 64 hexadecimal digits, as `netaio keygen x25519` prints them")
    }
}

/// Into a context.
impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
