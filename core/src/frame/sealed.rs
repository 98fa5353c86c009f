//! A received message whose layers are not all open.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

use bytes::{Buf, Bytes, BytesMut};

use crate::error::{FrameErrorKind, OpenError};
use crate::message::{AuthFields, AuthView, Body, Header, Message, MessageType, Payload};
use crate::plugin::{Ahead, Envelope, Layer, OpenContext};
use crate::wire::Wire;

/// A received message whose layers are not all open.
///
/// It is a slice of the receive buffer, which layers check and decrypt in place.
#[derive(Clone, Debug)]
pub struct SealedMessage {
    message_type: MessageType,
    checksum: Option<u32>,
    /// The auth section, then the body section, the content at its end. The two
    /// bytes before the uri are its length, in netaio's format.
    sections: BytesMut,
    auth_len: usize,
    uri: Range<usize>,
    /// The auth fields, where the section is in a custom format.
    custom_auth: Option<Box<AuthFields>>,
}

impl SealedMessage {
    // As Deframer::next.
    #[inline(always)]
    pub(super) fn decode(
        header: &Header,
        mut sections: BytesMut,
        wire: &Wire,
    ) -> Result<Self, FrameErrorKind> {
        let (auth, body) = sections.split_at(header.auth_len.min(sections.len()));
        let custom_auth = match wire.codec.custom_auth() {
            None => {
                AuthView::decode(auth, &wire.limits.packify())?;
                None
            }
            Some(format) => Some(Box::new(format.decode(auth, &wire.limits.packify())?)),
        };
        let (uri, content) = match wire.codec.custom_body() {
            None => Body::decode(body)?,
            Some(format) => format.decode(body)?,
        };
        if let Some(found) = header.checksum {
            let computed = wire.codec.checksum(body);
            if found != computed {
                return Err(FrameErrorKind::Checksum { found, computed });
            }
        }
        let auth_len = auth.len();
        let uri = if uri.end == content.start && content.end == body.len() {
            uri.start.saturating_add(auth_len)..uri.end.saturating_add(auth_len)
        } else {
            // A custom body of more than uri and content: those two are copied.
            let (Some(uri), Some(content)) = (body.get(uri), body.get(content)) else {
                return Err(FrameErrorKind::Custom(
                    "the body format names ranges that are not there",
                ));
            };
            let uri_range = auth_len..auth_len.saturating_add(uri.len());
            sections = [auth, uri, content].concat().as_slice().into();
            uri_range
        };
        Ok(Self {
            message_type: header.message_type,
            checksum: header.checksum,
            sections,
            auth_len,
            uri,
            custom_auth,
        })
    }

    /// The message type, which no layer hides.
    #[must_use]
    pub fn message_type(&self) -> MessageType {
        self.message_type
    }

    /// The checksum that the header carried.
    #[must_use]
    pub fn checksum(&self) -> Option<u32> {
        self.checksum
    }

    /// The uri, which an unopened layer may hide.
    #[must_use]
    pub fn uri(&self) -> &[u8] {
        self.sections.get(self.uri.clone()).unwrap_or_default()
    }

    /// The auth fields.
    #[must_use]
    pub fn auth(&self) -> AuthView<'_> {
        match &self.custom_auth {
            Some(fields) => fields.view(),
            None => AuthView::validated(self.sections.get(..self.auth_len).unwrap_or_default()),
        }
    }

    /// Opens one layer, the outer one first: checks, then decrypts in place. An inner one
    /// is opened by [`open_within`](Self::open_within).
    ///
    /// # Errors
    /// The message is refused. After a failed check it is unchanged.
    pub fn open(
        &mut self,
        layer: &Layer,
        wire: &Wire,
        context: &OpenContext<'_>,
    ) -> Result<(), OpenError> {
        self.open_ahead(None, layer, None, wire, context)
    }

    /// Opens the inner layer of a message whose outer layer, `outer`, is open.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_within(
        &mut self,
        outer: &Layer,
        layer: &Layer,
        wire: &Wire,
        context: &OpenContext<'_>,
    ) -> Result<(), OpenError> {
        self.open_ahead(Some(outer), layer, None, wire, context)
    }

    /// Opens one layer, which is within `outer` if there is one, with what the link keeps for its
    /// next message.
    pub(crate) fn open_ahead(
        &mut self,
        outer: Option<&Layer>,
        layer: &Layer,
        ahead: Option<&Ahead>,
        wire: &Wire,
        context: &OpenContext<'_>,
    ) -> Result<(), OpenError> {
        let envelope = Envelope::new(self.message_type).with_ahead(ahead);
        let Some(outer) = outer else {
            return self.open_enveloped(layer, &envelope, wire, context);
        };
        let written_later = |field: &str| outer.writes(field);
        let envelope = envelope.within(&written_later);
        self.open_enveloped(layer, &envelope, wire, context)
    }

    fn open_enveloped(
        &mut self,
        layer: &Layer,
        envelope: &Envelope<'_>,
        wire: &Wire,
        context: &OpenContext<'_>,
    ) -> Result<(), OpenError> {
        if let Some(auth) = layer.auth() {
            let checked = match wire.codec.custom_body() {
                None => auth.check_enveloped(envelope, self.auth(), self.section(), context),
                Some(format) => {
                    let mut section = Vec::new();
                    format.encode(self.uri(), self.content(), &mut section);
                    auth.check_enveloped(envelope, self.auth(), &section, context)
                }
            };
            checked.map_err(OpenError::Auth)?;
        }
        if let Some(cipher) = layer.cipher() {
            let mut payload = self.take_payload();
            let writes = |field: &str| layer.writes_later(envelope, field);
            let envelope = Envelope::new(self.message_type).within(&writes);
            let decrypted = cipher.decrypt_enveloped(&envelope, &mut payload, self.auth(), context);
            self.put_payload(payload);
            decrypted?;
        }
        Ok(())
    }

    /// The body section in netaio's format.
    fn section(&self) -> &[u8] {
        let start = self.uri.start.saturating_sub(2).max(self.auth_len);
        self.sections.get(start..).unwrap_or_default()
    }

    fn content(&self) -> &[u8] {
        self.sections.get(self.uri.end..).unwrap_or_default()
    }

    /// Splits the body off, so that a cipher may change it and read the fields.
    fn take_payload(&mut self) -> Payload {
        let body = self
            .sections
            .split_off(self.auth_len.min(self.sections.len()));
        let start = self.uri.start.saturating_sub(self.auth_len);
        Payload::within(body, start, self.uri.len())
    }

    /// Joins the body to the fields again, which copies nothing unless the cipher
    /// has moved it.
    fn put_payload(&mut self, payload: Payload) {
        let (body, start, uri_len) = payload.into_buffer();
        let start = start.saturating_add(self.auth_len);
        self.sections.unsplit(body);
        self.uri = start..start.saturating_add(uri_len);
    }

    /// The same in a buffer of its own: a message that has to wait keeps no receive
    /// buffer alive.
    #[must_use]
    pub(crate) fn into_own_buffer(mut self) -> Self {
        self.sections = BytesMut::from(&self.sections[..]);
        self
    }

    /// The message: its uri and content are slices of the receive buffer.
    #[must_use]
    pub fn into_message(mut self) -> Message {
        self.take_message()
    }

    /// The message, which leaves nothing here.
    // As Deframer::next.
    #[inline(always)]
    pub(crate) fn take_message(&mut self) -> Message {
        let mut uri = mem::take(&mut self.sections).freeze();
        let content = uri.split_off(self.uri.end.min(uri.len()));
        let auth = self.take_fields(&uri);
        uri.advance(self.uri.start.min(uri.len()));
        Message {
            message_type: self.message_type,
            uri,
            content,
            auth,
        }
    }

    /// Puts the message where the last one was, and leaves nothing here. A uri of the same bytes
    /// stays: another slice of the buffer is counted, which takes longer than to compare a few.
    // In its place, as what was just written is not copied without a wait: see Deframer::next.
    #[inline(always)]
    pub(crate) fn put_message(&mut self, last: &mut Message) {
        let same_uri = last.uri == self.uri();
        let mut content = mem::take(&mut self.sections).freeze();
        last.message_type = self.message_type;
        last.auth = self.take_fields(&content);
        if !same_uri {
            let end = self.uri.end.min(content.len());
            last.uri = content.slice(self.uri.start.min(end)..end);
        }
        // An empty one is no reason to hold the buffer.
        last.content = match self.uri.end < content.len() {
            true => {
                content.advance(self.uri.end);
                content
            }
            false => Bytes::new(),
        };
    }

    /// The fields in front of the sections.
    #[inline(always)]
    fn take_fields(&mut self, sections: &Bytes) -> AuthFields {
        match self.custom_auth.take() {
            Some(fields) => *fields,
            None => AuthFields::from_validated_start(sections, self.auth_len),
        }
    }
}
