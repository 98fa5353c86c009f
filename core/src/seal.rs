//! Messages to sealed frames.

use alloc::vec::Vec;

use crate::error::SealError;
use crate::frame;
use crate::message::{AuthFields, Message, Payload};
use crate::plugin::{Layer, SealContext};
use crate::wire::Wire;

/// The field for correlation ids, as a frame is to have it, whatever is in the
/// message.
#[derive(Clone, Copy)]
pub(crate) struct Mark<'a> {
    pub(crate) field: &'a str,
    pub(crate) id: MarkId<'a>,
}

/// The id that a frame is to carry.
#[derive(Clone, Copy)]
pub(crate) enum MarkId<'a> {
    None,
    Number(u64),
    Packed(&'a [u8]),
}

impl Mark<'_> {
    fn put(self, fields: &mut AuthFields) -> Result<(), SealError> {
        match self.id {
            MarkId::None => {
                fields.remove(self.field);
                Ok(())
            }
            MarkId::Number(id) => fields.set_u64(self.field, id),
            MarkId::Packed(id) => fields.set_packed(self.field, id),
        }
    }
}

/// How one message is sealed.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) wire: &'a Wire,
    pub(crate) outer: &'a Layer,
    pub(crate) inner: &'a Layer,
    pub(crate) fields: Fields<'a>,
}

/// What a frame has of the auth fields that its message has already.
#[derive(Clone, Copy)]
pub(crate) enum Fields<'a> {
    /// Those that no plugin makes, with a say about one more.
    Fresh(Option<Mark<'a>>),
    /// All of them, and plugins keep what they keep.
    AsGiven,
}

/// Seals messages with an inner and an outer layer, and encodes them.
///
/// It keeps the buffers of one message for the next.
#[derive(Debug)]
pub struct Sealer {
    payload: Payload,
    fields: AuthFields,
}

impl Default for Sealer {
    fn default() -> Self {
        Self::new()
    }
}

impl Sealer {
    /// A payload buffer larger than this is not kept, in bytes.
    const KEEP: usize = 16 * 1024;

    /// A sealer without buffers yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            payload: Payload::new(),
            fields: AuthFields::new(),
        }
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
        let fields = Fields::Fresh(None);
        let plan = Plan {
            wire,
            outer,
            inner,
            fields,
        };
        self.carry_out(plan, message, context, out)
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
        check_size(wire, message.uri.len(), message.content.len())?;
        if !wire.types.contains(message.message_type) {
            return Err(SealError::UnknownType(message.message_type.value()));
        }
        if outer.is_empty() && inner.is_empty() && wire.codec.custom_body().is_none() {
            return frame::encode_plain(wire, message, &self.fields, out);
        }
        self.payload.load(&message.uri, &message.content);
        inner.seal(&mut self.payload, &mut self.fields, &wire.codec, context)?;
        outer.seal(&mut self.payload, &mut self.fields, &wire.codec, context)?;
        // Ciphers make messages longer; netaio refuses what has grown too long.
        let uri_len = self.payload.uri_len();
        check_size(wire, uri_len, self.payload.len().saturating_sub(uri_len))?;
        frame::encode(
            wire,
            message.message_type,
            &self.fields,
            &mut self.payload,
            out,
        )?;
        self.payload.shrink(Self::KEEP);
        Ok(())
    }

    /// Takes those fields of a message that its frame begins with.
    fn load_fields(&mut self, plan: &Plan<'_>, given: &AuthFields) -> Result<(), SealError> {
        let mark = match plan.fields {
            Fields::AsGiven => {
                self.fields.load(given);
                return Ok(());
            }
            Fields::Fresh(mark) => mark,
        };
        if given.is_empty() {
            self.fields.clear();
        } else {
            self.fields.load(given);
            plan.outer.strip(&mut self.fields);
            plan.inner.strip(&mut self.fields);
        }
        match mark {
            Some(mark) if !self.fields.is_empty() || !matches!(mark.id, MarkId::None) => {
                mark.put(&mut self.fields)
            }
            _ => Ok(()),
        }
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
