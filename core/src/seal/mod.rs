//! Messages to sealed frames.

mod fields;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

pub(crate) use self::fields::{CorrelationField, Fields, LinkField};

use crate::error::SealError;
use crate::frame;
use crate::message::{AuthFields, Message, MessageType, Payload};
use crate::plugin::{Ahead, Envelope, Layer, SealContext};
use crate::wire::Wire;

/// How one message is sealed.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) wire: &'a Wire,
    pub(crate) outer: &'a Layer,
    pub(crate) inner: &'a Layer,
    pub(crate) fields: Fields<'a>,
}

/// Seals messages with an inner and an outer layer, and encodes them.
///
/// It keeps the buffers of one message for the next.
#[derive(Debug)]
pub struct Sealer {
    payload: Payload,
    fields: AuthFields,
    ahead: Ahead,
}

impl Default for Sealer {
    fn default() -> Self {
        Self::new()
    }
}

impl Sealer {
    /// A payload buffer larger than this, in bytes, is freed after the message.
    const KEEP: usize = 16 * 1024;

    /// A sealer that has allocated nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            payload: Payload::new(),
            fields: AuthFields::new(),
            ahead: Ahead::default(),
        }
    }

    /// What is kept for the next message.
    pub(crate) fn ahead(&self) -> &Ahead {
        &self.ahead
    }

    /// Appends the sealed frame to `out`. The message is not changed, so a
    /// second call draws new nonces: of the message's own auth fields, those
    /// that a plugin makes are left out.
    ///
    /// # Errors
    /// The message cannot be sent so. `out` is then as before.
    pub fn seal(
        &mut self,
        wire: &Wire,
        outer: &Layer,
        inner: &Layer,
        message: &Message,
        context: &mut SealContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let fields = Fields::Fresh(None, &[]);
        let plan = Plan {
            wire,
            outer,
            inner,
            fields,
        };
        self.carry_out(plan, message, context, out)
    }

    /// The frame of a message for many receivers, sealed once; `None` where a plugin of
    /// either layer wants to know for whom: then it is to be sealed for each of them.
    ///
    /// # Errors
    /// The message cannot be sent so.
    pub fn seal_for_many(
        &mut self,
        wire: &Wire,
        outer: &Layer,
        inner: &Layer,
        message: &Message,
        context: &mut SealContext<'_>,
    ) -> Result<Option<Vec<u8>>, SealError> {
        if outer.is_peer_specific() || inner.is_peer_specific() {
            return Ok(None);
        }
        let mut frame = Vec::new();
        self.seal(wire, outer, inner, message, context, &mut frame)?;
        Ok(Some(frame))
    }

    /// As [`seal`](Self::seal), but auth fields of the message are kept where
    /// the plugins keep them: a nonce or timestamp given by hand then makes the
    /// frame reproducible. Not for messages that are sent more than once.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub fn seal_with_given_fields(
        &mut self,
        wire: &Wire,
        outer: &Layer,
        inner: &Layer,
        message: &Message,
        context: &mut SealContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let fields = Fields::AsGiven;
        let plan = Plan {
            wire,
            outer,
            inner,
            fields,
        };
        self.carry_out(plan, message, context, out)
    }

    /// Seals a message as planned.
    pub(crate) fn carry_out(
        &mut self,
        plan: Plan<'_>,
        message: &Message,
        context: &mut SealContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        self.load_fields(&plan, &message.auth)?;
        let Plan {
            wire, outer, inner, ..
        } = plan;
        check(wire, message)?;
        if outer.is_empty() && inner.is_empty() && wire.codec.custom_body().is_none() {
            return frame::encode_plain(wire, message, &self.fields, out);
        }
        self.payload.load(&message.uri, &message.content);
        let sealed = self.seal_payload(&plan, message.message_type, context, out);
        self.payload.shrink(Self::KEEP);
        sealed
    }

    /// Applies the layers to the payload, and encodes it.
    fn seal_payload(
        &mut self,
        plan: &Plan<'_>,
        message_type: MessageType,
        context: &mut SealContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let (payload, fields) = (&mut self.payload, &mut self.fields);
        let Plan {
            wire, outer, inner, ..
        } = *plan;
        let envelope = Envelope::new(message_type).with_ahead(Some(&self.ahead));
        if !inner.is_empty() {
            let written_later = |field: &str| outer.writes(field);
            let within = envelope.within(&written_later);
            inner.seal(&within, payload, fields, &wire.codec, context)?;
        }
        outer.seal(&envelope, payload, fields, &wire.codec, context)?;
        // Ciphers make messages longer; netaio refuses what has grown too long.
        let uri_len = payload.uri_len();
        check_size(wire, uri_len, payload.len().saturating_sub(uri_len))?;
        frame::encode(wire, message_type, fields, payload, out)
    }

    /// Takes those fields of a message that its frame begins with.
    fn load_fields(&mut self, plan: &Plan<'_>, given: &AuthFields) -> Result<(), SealError> {
        let (correlation, of_link) = match plan.fields {
            Fields::AsGiven => {
                self.fields.load(given);
                return Ok(());
            }
            Fields::Fresh(correlation, of_link) => (correlation, of_link),
        };
        if given.is_empty() {
            self.fields.clear();
        } else {
            self.fields.load(given);
            plan.outer.strip(&mut self.fields);
            plan.inner.strip(&mut self.fields);
        }
        if let Some(field) = correlation
            && (!self.fields.is_empty() || field.id.is_some())
        {
            field.put(&mut self.fields)?;
        }
        of_link
            .iter()
            .try_for_each(|field| field.put(&mut self.fields))
    }
}

/// Seals a message that has no fields of its own, with no layer, in netaio's format.
#[inline]
pub(crate) fn seal_bare(
    wire: &Wire,
    message: &Message,
    correlation: Option<CorrelationField<'_>>,
    out: &mut Vec<u8>,
) -> Result<(), SealError> {
    check(wire, message)?;
    let field = correlation.and_then(|field| Some((field.name, field.id?)));
    frame::encode_bare(wire, message, field, out)
}

/// Whether a message can be sent at all.
#[inline]
fn check(wire: &Wire, message: &Message) -> Result<(), SealError> {
    check_size(wire, message.uri.len(), message.content.len())?;
    match wire.types.contains(message.message_type) {
        true => Ok(()),
        false => Err(SealError::UnknownType(message.message_type.value())),
    }
}

fn check_size(wire: &Wire, uri: usize, content: usize) -> Result<(), SealError> {
    let (max_uri, max) = (wire.codec.max_uri(), wire.codec.max_payload());
    if uri > max_uri {
        return Err(SealError::UriTooLong {
            len: uri,
            max: max_uri,
        });
    }
    let len = uri.saturating_add(content);
    if len > max {
        return Err(SealError::BodyTooLong { len, max });
    }
    Ok(())
}
