//! CorrelationIds that let answers find their requests in any order.

use alloc::borrow::Cow;
use core::num::NonZeroU64;

use rand_core::CryptoRng;

use crate::message::{AuthFields, AuthView};
use crate::packify::ValueRef;
use crate::requests::RequestId;
use crate::small_bytes::SmallBytes;

/// Whether requests carry an id in an auth field, and whether replies repeat the
/// id of what they reply to.
///
/// With an id an answer finds its request whatever the order of the answers, and
/// one that comes too late ends nothing. Without one, and with a plain netaio
/// peer, which ignores the field, answers end requests for one uri in the order
/// of these. A peer repeats all ids or none: once it has repeated one, an answer
/// of its without an id ends a request with an id only where no other request
/// waits for that uri.
///
/// A request that timed out or was cancelled is forgotten at once where it carries an id and
/// its peer has repeated one. With any other peer it leaves a placeholder, which takes its
/// answer should that still come: as long again as its timeout behind its deadline, at least
/// 10 s and at most 60 s. So no request gets the late answer of another one; where none comes
/// any more, the placeholder takes the answer of the next request for the uri, which waits out
/// its time. Requests that leave placeholders because of one another do so for no longer than
/// a minute, and over datagrams, which get lost, for no longer than the first one. There are
/// as many placeholders as requests may wait
/// ([`Limits::pending_requests`](crate::Limits::pending_requests)), and 256 KiB of their
/// uris; past that the oldest give way.
///
/// The field belongs to the link: what a message of the application has in it is
/// left out of what the link seals. Auth plugins do not cover it, as they do not cover
/// the message type: whoever can change messages on their way can exchange the
/// ids of two.
///
/// Nor are ids a secret. They count up from a random number, drawn once for each link:
/// whoever has seen one knows those that follow. Over datagrams without an auth plugin
/// that is enough to forge answers.
///
/// ```
/// use netaio_core::{Correlation, LinkConfig};
///
/// let mut config = LinkConfig::new();
/// // As netaio's, byte for byte.
/// config.correlation = Correlation::default().with_requests(false);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correlation {
    field: Cow<'static, str>,
    /// Unless set, where there is room for them.
    requests: Option<bool>,
    replies: bool,
}

impl Default for Correlation {
    /// Requests carry ids, where a plugin or format leaves room for them, and replies repeat
    /// them.
    fn default() -> Self {
        Self {
            field: Cow::Borrowed(Self::FIELD),
            requests: None,
            replies: true,
        }
    }
}

impl Correlation {
    /// The name of the field, unless set.
    pub const FIELD: &str = "rid";

    /// The longest id that is repeated, in packed bytes. A message with a longer
    /// one is replied to as if it had none.
    pub const MAX_ID: usize = 64;

    /// Sets the name of the field, for a peer that uses [`FIELD`](Self::FIELD)
    /// for something else. No plugin may write a field of this name.
    #[must_use]
    pub fn with_field(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.field = name.into();
        self
    }

    /// Says whether requests carry an id. Unless set, they do where there is room: where a
    /// plugin writes the field, or the message would be too long or cannot be packed with it,
    /// they go without. Where it is set, that is an error.
    /// [`RequestOptions::with_correlation`](crate::RequestOptions::with_correlation)
    /// says it of a single one.
    ///
    /// Without ids an answer is found by its uri. netaio's own errors have none, the `NOT_FOUND` of a
    /// message without a handler too: they end a request only where no other one waits.
    #[must_use]
    pub fn with_requests(mut self, carry: bool) -> Self {
        self.requests = Some(carry);
        self
    }

    /// Says whether replies repeat the id of what they reply to: unless set,
    /// they do. Any value of up to [`MAX_ID`](Self::MAX_ID) bytes is an id.
    #[must_use]
    pub fn with_replies(mut self, repeat: bool) -> Self {
        self.replies = repeat;
        self
    }

    /// The name of the field.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Whether requests carry an id, if there is room for it.
    #[must_use]
    pub fn requests(&self) -> bool {
        self.requests.unwrap_or(true)
    }

    /// What was [said](Self::with_requests) of requests, if anything was.
    pub(crate) fn requests_as_set(&self) -> Option<bool> {
        self.requests
    }

    /// Whether replies repeat ids.
    #[must_use]
    pub fn replies(&self) -> bool {
        self.replies
    }

    /// Whether a message carries an id that a reply would repeat.
    pub(crate) fn is_in(&self, auth: AuthView<'_>) -> bool {
        let id = self.replies.then(|| auth.get_packed(&self.field)).flatten();
        id.is_some_and(|id| id.len() <= Self::MAX_ID)
    }

    /// Sets the id that a reply to a message with these fields repeats, packed;
    /// nothing where there is none.
    #[inline]
    pub(crate) fn repeat(&self, auth: &AuthFields, id: &mut SmallBytes) {
        id.clear();
        if !auth.is_bare()
            && self.replies
            && let Some(found) = auth.view().get_packed(&self.field)
            && found.len() <= Self::MAX_ID
        {
            id.set_copy(found);
        }
    }
}

/// An id of ours: a packify int of eight bytes, which all of them need.
pub(crate) type PackedId = [u8; 10];

/// What is before those eight bytes: the code of an int whose length follows.
const PACKED_U64: [u8; 2] = [4, 8];

/// Makes ids of requests, and reads them in answers.
///
/// They count up from a random number, so that an id says whose it is: two ends
/// that ask each other do not meet, and nobody who does not see the requests
/// guesses one.
#[derive(Debug)]
pub(crate) struct CorrelationIds {
    first: NonZeroU64,
}

impl CorrelationIds {
    /// The least of them.
    const LEAST: NonZeroU64 = NonZeroU64::MIN.saturating_add((1 << 62) - 1);

    /// Bits that tell the requests apart which wait at one time.
    const SLOT_BITS: u32 = 20;

    /// What is no id of ours.
    const NOBODYS: RequestId = RequestId {
        serial: u64::MAX,
        slot: usize::MAX,
    };

    pub(crate) fn new(rng: &mut dyn CryptoRng) -> Self {
        // With room above for all that will ever be asked.
        Self {
            first: Self::LEAST | rng.next_u64() >> 2,
        }
    }

    /// The id of a request. There is none for what waits beyond a million others.
    pub(crate) fn of(&self, request: RequestId) -> Option<PackedId> {
        let slot = u64::try_from(request.slot).ok()?;
        (slot >> Self::SLOT_BITS == 0).then(|| {
            let number = request.serial << Self::SLOT_BITS | slot;
            let [a, b, c, d, e, f, g, h] = self.first.get().wrapping_add(number).to_be_bytes();
            let [code, len] = PACKED_U64;
            [code, len, a, b, c, d, e, f, g, h]
        })
    }

    /// The request that a packed field names; one that there never was, where the field
    /// holds something else.
    pub(crate) fn request(&self, field: &[u8]) -> RequestId {
        let id = match field.split_first_chunk() {
            // As they were sent.
            Some((&PACKED_U64, id)) => id.try_into().ok().map(u64::from_be_bytes),
            _ => ValueRef::validated(field)
                .as_int()
                .and_then(|id| id.to_u64()),
        };
        let Some(id) = id else {
            return Self::NOBODYS;
        };
        let number = id.wrapping_sub(self.first.get());
        let slot = number & ((1 << Self::SLOT_BITS) - 1);
        RequestId {
            serial: number >> Self::SLOT_BITS,
            slot: usize::try_from(slot).unwrap_or(usize::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packify::{DecodeLimits, Value};
    use chacha20::ChaCha8Rng;
    use rand_core::SeedableRng;

    fn ids(seed: u64) -> CorrelationIds {
        CorrelationIds::new(&mut ChaCha8Rng::seed_from_u64(seed))
    }

    fn read(ids: &CorrelationIds, value: &Value) -> RequestId {
        ids.request(&value.to_vec().unwrap())
    }

    #[test]
    fn an_id_names_its_request_and_none_of_anothers() {
        let (ours, others) = (ids(1), ids(2));
        for serial in [0, 1, 1 << 20, 1 << 40] {
            for slot in [0, 1, 1023, (1 << 20) - 1] {
                let request = RequestId { serial, slot };
                let id = Value::decode(&ours.of(request).unwrap(), &DecodeLimits::DEFAULT);
                let id = id.unwrap();
                assert_eq!(id.to_vec().unwrap(), ours.of(request).unwrap());
                assert_eq!(read(&ours, &id), request);
                assert_ne!(read(&others, &id), request);
            }
        }
        let beyond = RequestId {
            serial: 0,
            slot: 1 << 20,
        };
        assert_eq!(ours.of(beyond), None);
    }

    #[test]
    fn what_is_no_id_names_nobody() {
        let ids = ids(1);
        let first = i64::try_from(ids.first.get()).unwrap();
        for value in [
            Value::None,
            Value::from(-first),
            Value::Str("1".into()),
            Value::Bool(true),
            Value::Int(crate::packify::Int::from_be_magnitude(false, &[1; 9])),
        ] {
            assert_eq!(read(&ids, &value), CorrelationIds::NOBODYS, "{value:?}");
        }
    }

    #[test]
    fn only_short_ids_are_repeated_and_only_where_wanted() {
        let correlation = Correlation::default();
        let repeated = |correlation: &Correlation, fields: &AuthFields| {
            let mut id = SmallBytes::few(b"before").unwrap();
            correlation.repeat(fields, &mut id);
            id
        };
        let mut fields = AuthFields::new();
        assert!(repeated(&correlation, &fields).is_empty() && !correlation.is_in(fields.view()));
        fields.set_bytes("rid", &[1; 62]).unwrap();
        let id = repeated(&correlation, &fields);
        assert_eq!((id.len(), &id[..3]), (64, &[0x41, 62, 1][..]));
        assert!(correlation.is_in(fields.view()));
        for other in [
            correlation.clone().with_field("other"),
            correlation.clone().with_replies(false),
        ] {
            assert!(repeated(&other, &fields).is_empty() && !other.is_in(fields.view()));
        }
        fields.set_bytes("rid", &[1; 63]).unwrap();
        assert!(repeated(&correlation, &fields).is_empty() && !correlation.is_in(fields.view()));
    }
}
