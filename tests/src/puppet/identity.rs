//! Who a puppet is.

use netaio_core::Peer;
use netaio_core::packify::{Dict, Value};
use netaio_core::plugin::{DefaultPeerPlugin, PeerPlugin, X25519Cipher};

use super::SaidPeer;
use crate::python::{PythonError, Result, hex, unhex};

/// Who a puppet is, told its peers. Its data has its name, and where it has a
/// seed, its public keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its id, and its name too.
    pub id: &'static str,
    /// What the keys of its boxes are made of. It has a handler then for
    /// REQUEST_URI `boxed`, which answers with the content.
    pub seed: Option<[u8; 32]>,
}

impl Identity {
    /// Somebody without a seed.
    #[must_use]
    pub const fn new(id: &'static str) -> Self {
        Self { id, seed: None }
    }

    /// Somebody with the seed that this byte makes.
    #[must_use]
    pub const fn with_seed(id: &'static str, byte: u8) -> Self {
        let seed = Some([byte; 32]);
        Self { id, seed }
    }

    pub(crate) fn args(&self) -> Vec<String> {
        let mut args = vec![format!("--id={}", self.id)];
        args.extend(self.seed.map(|seed| format!("--seed={}", hex(&seed))));
        args
    }

    /// The cipher of its boxes, where it has a seed.
    #[must_use]
    pub fn cipher(&self) -> Option<X25519Cipher> {
        self.seed.map(X25519Cipher::from_seed)
    }

    /// How it introduces itself.
    #[must_use]
    pub fn peer(&self) -> Peer {
        peer(self.id, self.cipher().as_ref())
    }

    /// What a puppet says of it that has not heard it yet.
    #[must_use]
    pub fn said(&self) -> SaidPeer {
        let peer = self.peer();
        SaidPeer {
            id: hex(&peer.id),
            data: hex(peer.data.as_deref().unwrap_or_default()),
            addresses: Vec::new(),
        }
    }
}

/// Somebody with this id and name, and with the public keys of a cipher.
#[must_use]
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "so little can always be packed"
)]
pub fn peer(id: &str, cipher: Option<&X25519Cipher>) -> Peer {
    let pair = |key: &str, value| (Value::Str(key.into()), value);
    let mut pairs = vec![pair("name", Value::Str(id.into()))];
    if let Some(cipher) = cipher {
        let bytes = |key: &[u8; 32]| Value::Bytes(key.to_vec());
        pairs.push(pair("pubkey", bytes(cipher.public_key())));
        pairs.push(pair("vkey", bytes(cipher.verify_key())));
    }
    let data = Value::Dict(Dict::from_pairs(pairs).expect("strings are keys"));
    let data = DefaultPeerPlugin.encode_data(&data).expect("it is packed");
    Peer::new(id.to_owned()).with_data(data)
}

/// The cipher of boxes whose seed is told as hexadecimal digits.
///
/// # Errors
///
/// When they are none, or not those of 32 bytes.
pub fn boxes(seed: &str) -> Result<X25519Cipher> {
    let seed = <[u8; 32]>::try_from(unhex(seed)?);
    let seed = seed.map_err(|_| PythonError::new("a seed has 32 bytes"))?;
    Ok(X25519Cipher::from_seed(seed))
}
