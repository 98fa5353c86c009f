//! Messages to sealed frames.

use alloc::vec::Vec;

use crate::error::SealError;
use crate::frame;
use crate::message::{AuthFields, Message, MessageType, Payload};
use crate::plugin::{Envelope, Layer, SealContext};
use crate::wire::Wire;

/// The field for correlation ids, as the frame is to have it whatever the message
/// has.
#[derive(Clone, Copy)]
pub(crate) struct CorrelationField<'a> {
    pub(crate) name: &'a str,
    /// The id that the frame is to carry, packed.
    pub(crate) id: Option<&'a [u8]>,
}

impl CorrelationField<'_> {
    fn put(self, fields: &mut AuthFields) -> Result<(), SealError> {
        match self.id {
            Some(id) => fields.set_packed(self.name, id),
            None => {
                fields.remove(self.name);
                Ok(())
            }
        }
    }
}

/// A field that is the link's, as the frame is to have it whatever the message has.
#[derive(Clone, Copy)]
pub(crate) struct LinkField<'a> {
    pub(crate) name: &'a str,
    /// Its bytes, where the frame is to have it.
    pub(crate) value: Option<&'a [u8]>,
}

impl LinkField<'_> {
    fn put(self, fields: &mut AuthFields) -> Result<(), SealError> {
        match self.value {
            Some(value) => fields.set_bytes(self.name, value),
            None if fields.is_empty() => Ok(()),
            None => {
                fields.remove(self.name);
                Ok(())
            }
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
    /// Those that no plugin makes, and what becomes of the correlation id and of the fields
    /// that are the link's.
    Fresh(Option<CorrelationField<'a>>, &'a [LinkField<'a>]),
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
    /// A payload buffer larger than this, in bytes, is freed after the message.
    const KEEP: usize = 16 * 1024;

    /// A sealer that has allocated nothing.
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
        let envelope = Envelope::new(message_type);
        let written_later = |field: &str| outer.writes(field);
        inner.seal(
            &envelope.within(&written_later),
            payload,
            fields,
            &wire.codec,
            context,
        )?;
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

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use alloc::sync::Arc;
    use chacha20::ChaCha8Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::error::AuthFailure;
    use crate::frame::Frame;
    use crate::message::{AuthView, Body};
    use crate::now::Now;
    use crate::plugin::{
        AuthPlugin, FieldNames, HmacAuth, OpenContext, PeerContext, Sha256StreamCipher,
    };

    type Seal = fn(
        &mut Sealer,
        &Wire,
        &Layer,
        &Layer,
        &Message,
        &mut SealContext<'_>,
        &mut Vec<u8>,
    ) -> Result<(), SealError>;

    /// What a layer makes of a message, behind bytes that are there already.
    fn sealed(seal: Seal, outer: &Layer, message: &Message) -> Result<Vec<u8>, SealError> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut context = SealContext {
            now: Now::new(Duration::ZERO, 1_700_000_000),
            rng: &mut rng,
            peers: PeerContext::default(),
        };
        let (wire, inner) = (Wire::default(), Layer::new());
        let mut out = b"before".to_vec();
        let result = seal(
            &mut Sealer::new(),
            &wire,
            outer,
            &inner,
            message,
            &mut context,
            &mut out,
        );
        match result {
            Ok(()) => Ok(out.split_off(b"before".len())),
            Err(error) => {
                assert_eq!(out, b"before");
                Err(error)
            }
        }
    }

    fn fields(frame: &[u8]) -> AuthFields {
        let wire = Arc::new(Wire::default());
        let frame = Frame::from_datagram(&wire, frame.into()).unwrap();
        frame.decode(&wire).unwrap().into_message().auth
    }

    fn message(uri: usize, content: usize) -> Message {
        let bytes = |len| alloc::vec![b'x'; len];
        Message::new(MessageType::OK, bytes(uri), bytes(content))
    }

    #[test]
    fn given_fields_are_kept_or_made_anew_and_no_others_are_touched() {
        let layer = Layer::new().with_auth(HmacAuth::new("secret"));
        let mut message = message(3, 3);
        message.auth.set_bytes("nonce", &[7; 16]).unwrap();
        message.auth.set_bytes("ts", &[0, 0, 0, 9]).unwrap();
        message.auth.set_bytes("mine", b"stays").unwrap();

        let kept = fields(&sealed(Sealer::seal_with_given_fields, &layer, &message).unwrap());
        assert_eq!(kept.get_bytes("nonce"), Some(&[7; 16][..]));
        assert_eq!(kept.get_bytes("ts"), Some(&[0, 0, 0, 9][..]));
        assert_eq!(kept.get_bytes("mine"), Some(&b"stays"[..]));

        let fresh = fields(&sealed(Sealer::seal, &layer, &message).unwrap());
        assert!(
            fresh
                .get_bytes("nonce")
                .is_some_and(|nonce| nonce != [7; 16])
        );
        let now = 1_700_000_000u32.to_be_bytes();
        assert_eq!(fresh.get_bytes("ts"), Some(&now[..]));
        assert_eq!(fresh.get_bytes("mine"), Some(&b"stays"[..]));
        assert_eq!((kept.len(), fresh.len()), (4, 4));
    }

    #[test]
    fn a_message_is_as_long_as_may_be_sent_and_no_longer() {
        let none = Layer::new();
        let max = Body::MAX_PAYLOAD;
        for (uri, content) in [(0, max), (max, 0), (10, max - 10)] {
            assert!(sealed(Sealer::seal, &none, &message(uri, content)).is_ok());
            let len = max + 1;
            assert_eq!(
                sealed(Sealer::seal, &none, &message(uri, content + 1)),
                Err(SealError::BodyTooLong { len, max })
            );
        }
        let max = Body::MAX_URI;
        assert_eq!(
            sealed(Sealer::seal, &none, &message(max + 1, 0)),
            Err(SealError::UriTooLong { len: max + 1, max })
        );
    }

    #[test]
    fn what_a_cipher_adds_counts() {
        // The length of the uri, in two bytes.
        let layer = Layer::new().with_cipher(Sha256StreamCipher::new("key"));
        let max = Body::MAX_PAYLOAD;
        assert!(sealed(Sealer::seal, &layer, &message(10, max - 12)).is_ok());
        let len = max + 1;
        assert_eq!(
            sealed(Sealer::seal, &layer, &message(10, max - 11)),
            Err(SealError::BodyTooLong { len, max })
        );
    }

    #[test]
    fn a_type_that_nobody_knows_is_not_sent() {
        let mut message = message(1, 1);
        message.message_type = MessageType::new(31);
        assert_eq!(
            sealed(Sealer::seal, &Layer::new(), &message),
            Err(SealError::UnknownType(31))
        );
    }

    #[test]
    fn a_large_buffer_is_not_kept_whether_or_not_the_message_is_sealed() {
        let auth = Layer::new().with_auth(HmacAuth::new("secret"));
        let cipher = Layer::new().with_cipher(Sha256StreamCipher::new("key"));
        let refused = Layer::new().with_auth(Refuses);
        let mut sealer = Sealer::default();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut context = SealContext {
            now: Now::new(Duration::ZERO, 1_700_000_000),
            rng: &mut rng,
            peers: PeerContext::default(),
        };
        let (wire, none) = (Wire::default(), Layer::new());
        let max = Body::MAX_PAYLOAD;
        for (layer, content, sent, kept) in [
            (&auth, 1000, true, true),
            (&auth, 60_000, true, false),
            (&auth, 1000, true, true),
            // What the cipher adds makes it too long.
            (&cipher, max - 1, false, false),
            (&refused, 60_000, false, false),
            (&refused, 1000, false, true),
        ] {
            let (message, mut out) = (message(1, content), Vec::new());
            let sealed = sealer.seal(&wire, layer, &none, &message, &mut context, &mut out);
            assert_eq!(sealed.is_ok(), sent, "{content}");
            assert_eq!(!sealer.payload.is_empty(), kept, "{content}");
        }
    }

    /// Authenticates nothing.
    struct Refuses;

    impl AuthPlugin for Refuses {
        fn make(
            &self,
            _: &mut AuthFields,
            _: &[u8],
            _: &mut SealContext<'_>,
        ) -> Result<(), SealError> {
            Err(SealError::Plugin("refused"))
        }

        fn check(&self, _: AuthView<'_>, _: &[u8], _: &OpenContext<'_>) -> Result<(), AuthFailure> {
            Ok(())
        }

        fn error(&self) -> Message {
            Message::error_message("refused")
        }

        fn fields(&self) -> FieldNames<'_> {
            FieldNames::default()
        }
    }
}
