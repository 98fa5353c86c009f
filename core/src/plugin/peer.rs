//! A peer's introduction of itself, and how it is packed.

use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use crate::error::SealError;
use crate::message::Excerpt;
use crate::packify::{self, DecodeError, DecodeLimits, Value, ValueRef};

/// A peer's introduction of itself: an identity, and data of its choice.
#[derive(Clone, PartialEq, Eq)]
pub struct Peer {
    /// The identity; the same peer may be reached at several addresses.
    pub id: Bytes,
    /// Data about itself, packed by its peer plugin.
    pub data: Option<Bytes>,
}

impl Peer {
    /// A peer with this id and no data.
    #[must_use]
    pub fn new(id: impl Into<Bytes>) -> Self {
        Self {
            id: id.into(),
            data: None,
        }
    }

    /// Gives the peer data, packed already.
    #[must_use]
    pub fn with_data(mut self, data: impl Into<Bytes>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// The same peer with bytes of its own, exactly as long, so that it keeps no
    /// receive buffer alive.
    pub(crate) fn into_owned(self) -> Self {
        Self {
            id: Bytes::copy_from_slice(&self.id),
            data: self.data.as_deref().map(Bytes::copy_from_slice),
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("id", &Excerpt(&self.id))
            .field("data", &self.data.as_ref().map(Excerpt))
            .finish()
    }
}

/// Why bytes are no introduction of a peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// They are not packify.
    #[error("the peer is not packify: {0}")]
    NotPackify(#[from] DecodeError),
    /// They are packify, but not what a peer is packed as.
    #[error("the peer is no pair of an id and data, each of type bytes")]
    NotAPeer,
    /// The peer has no id.
    #[error("the peer has no id")]
    NoId,
    /// [`PeerPlugin::validate`] does not accept it.
    #[error("the peer plugin does not accept the peer")]
    NotValid,
}

/// Packs peers and their data: netaio's `PeerPluginProtocol`.
pub trait PeerPlugin: Send + Sync {
    /// Packs a peer for an introduction. Its addresses are not part of it.
    ///
    /// # Errors
    /// The peer is too large to be packed.
    fn pack(&self, peer: &Peer) -> Result<Vec<u8>, SealError>;

    /// Reads an introduction.
    ///
    /// # Errors
    /// The bytes introduce no valid peer.
    fn unpack(&self, packed: &[u8], limits: &DecodeLimits) -> Result<Peer, PeerError>;

    /// Whether the peer may be listed.
    fn validate(&self, peer: &Peer) -> bool {
        !peer.id.is_empty()
    }

    /// Packs a peer's data.
    ///
    /// # Errors
    /// The data is too large to be packed.
    fn encode_data(&self, data: &Value) -> Result<Vec<u8>, SealError> {
        data.to_vec().map_err(SealError::Auth)
    }

    /// Reads a peer's data.
    ///
    /// # Errors
    /// There is none, or it is not packify.
    fn parse_data(&self, peer: &Peer, limits: &DecodeLimits) -> Result<Value, PeerError> {
        let data = peer.data.as_deref().ok_or(PeerError::NotAPeer)?;
        Ok(Value::decode(data, limits)?)
    }

    /// A key in a peer's data, which is a dict: the 32 bytes under this name, of
    /// type bytes. Peer-specific plugins need it for every message, so an
    /// implementation should not decode all of the data if it need not.
    fn key(&self, peer: &Peer, name: &str) -> Option<[u8; 32]> {
        match self.parse_data(peer, &DecodeLimits::DEFAULT).ok()? {
            Value::Dict(data) => data.get(name)?.as_bytes()?.try_into().ok(),
            _ => None,
        }
    }
}

/// netaio's `DefaultPeerPlugin`: packify of the tuple `(id, data)`, each bytes
/// or none; the data is packify of a dict.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultPeerPlugin;

impl PeerPlugin for DefaultPeerPlugin {
    fn pack(&self, peer: &Peer) -> Result<Vec<u8>, SealError> {
        let (mut id, mut data) = (Vec::new(), Vec::new());
        packify::put_bytes(&mut id, &peer.id).map_err(SealError::Auth)?;
        match &peer.data {
            Some(bytes) => packify::put_bytes(&mut data, bytes).map_err(SealError::Auth)?,
            None => packify::put_none(&mut data),
        }
        let mut packed = Vec::new();
        packify::put_tuple2_header(&mut packed, id.len(), data.len()).map_err(SealError::Auth)?;
        packed.append(&mut id);
        packed.append(&mut data);
        Ok(packed)
    }

    fn unpack(&self, packed: &[u8], limits: &DecodeLimits) -> Result<Peer, PeerError> {
        let (ValueRef::Tuple(mut pair) | ValueRef::List(mut pair), _) =
            ValueRef::parse(packed, limits)?
        else {
            return Err(PeerError::NotAPeer);
        };
        let (Some(id), Some(data), None) = (pair.next(), pair.next(), pair.next()) else {
            return Err(PeerError::NotAPeer);
        };
        let id = match id {
            ValueRef::Bytes(id) => Bytes::copy_from_slice(id),
            ValueRef::None => return Err(PeerError::NoId),
            _ => return Err(PeerError::NotAPeer),
        };
        let data = match data {
            ValueRef::Bytes(data) => Some(Bytes::copy_from_slice(data)),
            ValueRef::None => None,
            _ => return Err(PeerError::NotAPeer),
        };
        Ok(Peer { id, data })
    }

    /// Reads the data in place, and allocates nothing.
    fn key(&self, peer: &Peer, name: &str) -> Option<[u8; 32]> {
        let data = peer.data.as_deref()?;
        match ValueRef::parse(data, &DecodeLimits::DEFAULT).ok()? {
            (ValueRef::Dict(data), _) => data.get(name)?.as_bytes()?.try_into().ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packify::Dict;

    #[test]
    fn peers_pack_as_in_netaio() {
        // DefaultPeerPlugin().pack(Peer(set(), id=b"id", data=b"data"))
        let peer = Peer::new("id").with_data("data");
        let packed = DefaultPeerPlugin.pack(&peer).unwrap();
        assert_eq!(
            packed,
            b"\x4c\x40\x02\x04\x06\x41\x02\x69\x64\x41\x04\x64\x61\x74\x61"
        );
        assert_eq!(
            DefaultPeerPlugin.unpack(&packed, &DecodeLimits::DEFAULT),
            Ok(peer)
        );
    }

    #[test]
    fn debug_output_of_a_peer_is_bounded() {
        let peer = Peer::new(alloc::vec![b'i'; 8000]).with_data(alloc::vec![0; 8000]);
        let shown = alloc::format!("{peer:?}");
        assert!(shown.contains("iii\".. (8000 bytes)"), "{shown}");
        assert!(shown.len() < 500, "{shown}");
        let small = alloc::format!("{:?}", Peer::new("id").with_data("data"));
        assert_eq!(small, r#"Peer { id: b"id", data: Some(b"data") }"#);
    }

    /// Reads data only by [`PeerPlugin::parse_data`].
    struct Custom;

    impl PeerPlugin for Custom {
        fn pack(&self, peer: &Peer) -> Result<Vec<u8>, SealError> {
            DefaultPeerPlugin.pack(peer)
        }

        fn unpack(&self, packed: &[u8], limits: &DecodeLimits) -> Result<Peer, PeerError> {
            DefaultPeerPlugin.unpack(packed, limits)
        }
    }

    #[test]
    fn keys_are_found_in_place_as_in_parsed_data() {
        let data = |key: Value, value: Value| {
            let dict = Dict::from_pairs([("other".into(), 1.into()), (key, value)]).unwrap();
            Some(Value::from(dict).to_vec().unwrap().into())
        };
        let bytes = |len| Value::Bytes(alloc::vec![7; len]);
        let cases: [(Option<Bytes>, _); 8] = [
            (data("k".into(), bytes(32)), Some([7; 32])),
            (data("k".into(), bytes(31)), None),
            (data("k".into(), bytes(33)), None),
            (data("k".into(), Value::ByteArray(alloc::vec![7; 32])), None),
            (data(Value::Bytes(b"k".to_vec()), bytes(32)), None),
            (Some(bytes(32).to_vec().unwrap().into()), None),
            (Some(Bytes::from_static(b"\x4d")), None),
            (None, None),
        ];
        for (data, key) in cases {
            let id = Bytes::from_static(b"id");
            let peer = Peer { id, data };
            assert_eq!(DefaultPeerPlugin.key(&peer, "k"), key, "{peer:?}");
            assert_eq!(Custom.key(&peer, "k"), key, "{peer:?}");
        }
    }

    #[test]
    fn a_peer_needs_an_id() {
        let limits = DecodeLimits::DEFAULT;
        let nobody = [0x4c, 0x40, 2, 1, 1, 0, 0];
        assert_eq!(
            DefaultPeerPlugin.unpack(&nobody, &limits),
            Err(PeerError::NoId)
        );
        let number = [0x4c, 0x40, 2, 2, 1, 0x44, 7, 0];
        assert_eq!(
            DefaultPeerPlugin.unpack(&number, &limits),
            Err(PeerError::NotAPeer)
        );
        assert!(matches!(
            DefaultPeerPlugin.unpack(&[], &limits),
            Err(PeerError::NotPackify(_))
        ));
        assert!(!DefaultPeerPlugin.validate(&Peer::new("")));
    }
}
