//! The messages between peers.

use core::hash::Hash;

use bytes::Bytes;

use super::Discovery;
use super::config::ManagementError;
use super::managed::Managed;
use crate::error::SealError;
use crate::message::{Message, MessageType, types};
use crate::plugin::{Layer, Peer};
use crate::routes::Key;

/// The types of the messages between peers.
pub(super) const TYPES: [MessageType; 3] = [
    types::ADVERTISE_PEER,
    types::PEER_DISCOVERED,
    types::DISCONNECT,
];

/// A message to peers, and the inner layer to seal it with.
#[derive(Clone, Debug)]
pub struct PeerMessage {
    /// The message. Its uri is the app id.
    pub message: Message,
    /// The inner layer of that app id.
    pub inner: Layer,
}

impl<A: Copy + Eq + Hash> Discovery<A> {
    /// The keys of the messages of an app id: route them to
    /// [`handle`](Self::handle), under the inner layer of their management.
    #[must_use]
    pub fn keys(app_id: impl Into<Bytes>) -> [Key; 3] {
        let app_id = app_id.into();
        TYPES.map(|message_type| Key::exact(message_type, app_id.clone()))
    }

    /// `ADVERTISE_PEER` for one app id: for a connection that was just made.
    #[must_use]
    pub fn advertisement(&self, app_id: &[u8]) -> Option<PeerMessage> {
        let managed = self.find(app_id)?;
        Some(self.peer_message(types::ADVERTISE_PEER, managed))
    }

    /// `DISCONNECT` for one app id: for a connection that is about to be closed.
    #[must_use]
    pub fn farewell(&self, app_id: &[u8]) -> Option<PeerMessage> {
        let managed = self.find(app_id)?;
        Some(self.peer_message(types::DISCONNECT, managed))
    }

    /// [`advertisement`](Self::advertisement) for each app id.
    pub fn advertisements(&self) -> impl Iterator<Item = PeerMessage> {
        let managed = self.managed.iter();
        managed.map(|managed| self.peer_message(types::ADVERTISE_PEER, managed))
    }

    /// [`farewell`](Self::farewell) for each app id.
    pub fn farewells(&self) -> impl Iterator<Item = PeerMessage> {
        let managed = self.managed.iter();
        managed.map(|managed| self.peer_message(types::DISCONNECT, managed))
    }

    /// Packs a local peer, if it can be introduced to each of the app ids.
    pub(super) fn introduction<'a>(
        &self,
        local: Option<&Peer>,
        app_ids: impl IntoIterator<Item = &'a Bytes>,
    ) -> Result<Bytes, ManagementError> {
        let mut local = local.cloned().ok_or(ManagementError::NoLocalPeer)?;
        if local.id.is_empty() || !self.plugin.validate(&local) {
            return Err(ManagementError::NotValid);
        }
        // netaio ignores introductions without data.
        let data = local.data.get_or_insert_default();
        let (len, max) = (data.len().max(local.id.len()), self.limits().peer_data());
        if len > max {
            return Err(ManagementError::TooMuchData { len, max });
        }
        let packed = self.plugin.pack(&local);
        let packed = packed.map_err(ManagementError::NotSendable)?;
        for app_id in app_ids {
            self.check_size(app_id.len(), packed.len())
                .map_err(ManagementError::NotSendable)?;
        }
        Ok(packed.into())
    }

    fn check_size(&self, uri: usize, content: usize) -> Result<(), SealError> {
        let codec = &self.wire.codec;
        let (len, max) = (uri, codec.max_uri());
        if len > max {
            return Err(SealError::UriTooLong { len, max });
        }
        let (len, max) = (uri.saturating_add(content), codec.max_payload());
        if len > max {
            return Err(SealError::BodyTooLong { len, max });
        }
        Ok(())
    }

    pub(super) fn message(&self, message_type: MessageType, app_id: &Bytes) -> Message {
        Message::new(message_type, app_id.clone(), self.packed.clone())
    }

    fn peer_message(&self, message_type: MessageType, managed: &Managed) -> PeerMessage {
        PeerMessage {
            message: self.message(message_type, managed.config.app_id()),
            inner: managed.config.inner().clone(),
        }
    }
}
