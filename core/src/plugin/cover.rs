//! A MAC that covers a whole message, beside netaio's own.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::pads::{Pads, STANDARD};
use super::secret::{SecretBytes, Wiped};
use super::sha256::{self, Hash, IV_LEN, LEN};
use super::{Direction, Envelope, envelope};
use crate::error::{AuthFailure, FieldRole};
use crate::message::AuthView;
use crate::packify::ValueRef;

/// What the name of the field has behind the MAC's.
pub(super) const SUFFIX: &str = "-all";

/// How a node covers its messages, and what it demands of others: for
/// [`HmacAuth::with_cover`](super::HmacAuth::with_cover).
///
/// A cover is made of the secret, and vouches for the message type, which way the message
/// goes, all auth fields and the body. So a message under another type, with another
/// correlation id or initialization vector, or sent back to where it came from is refused:
/// over a stream since requests and answers go opposite ways, over datagrams since each node
/// has a random number in its covers, and takes no message with its own.
///
/// What it does not do: who can read traffic can send a message again to its receiver (a
/// [replay window](super::HmacAuth::with_replay_window) stops that), or to another one with
/// the same secret and the same [context](Self::with_context). And of two who have the
/// secret each can be taken for the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cover {
    strict: bool,
    context: Vec<u8>,
}

impl Cover {
    /// Refuses messages without a cover: for nodes that all make one.
    #[must_use]
    pub const fn strict() -> Self {
        Self {
            strict: true,
            context: Vec::new(),
        }
    }

    /// Takes messages without a cover too, from nodes that make none: such a message is
    /// worth what netaio's own MAC is. A message that was made with a cover is not taken
    /// without: its nonce, for which netaio's MAC vouches, says that there is one. A nonce
    /// is the inner layer's where both layers share it: then that layer has to have a
    /// cover, or the outer layer's can be taken off.
    #[must_use]
    pub const fn mixed() -> Self {
        Self {
            strict: false,
            context: Vec::new(),
        }
    }

    /// Covers made for another context are refused: the receiver's name, say, where many
    /// have the same secret. Both ends have to say the same; empty unless set.
    #[must_use]
    pub fn with_context(mut self, context: impl AsRef<[u8]>) -> Self {
        self.context = context.as_ref().into();
        self
    }
}

/// Makes and checks covers with one secret.
#[derive(Clone)]
pub(super) struct Coverage {
    pub(super) field: String,
    strict: bool,
    /// Those of its key, which is the same for all messages. They are on the heap as
    /// [`SecretBytes`] are. None where there is no secret, and so no message.
    pads: Option<Arc<Pads<STANDARD>>>,
}

/// The field's value: the number of the sending node, and the MAC.
const VALUE_LEN: usize = SENDER_LEN + LEN;
const SENDER_LEN: usize = 8;

impl Coverage {
    pub(super) fn new(cover: Cover, field: String, secret: Option<&SecretBytes>) -> Self {
        let pads = secret.map(|secret| {
            let (context, label) = (sha256::digest(&cover.context), sha256::digest(b"cover"));
            let mut key = Wiped([0; LEN]);
            sha256::derive_key(secret.bytes(), &context, &label, &mut key);
            let mut pads = Arc::new(Pads::unset());
            // Nobody else has them yet.
            if let Some(pads) = Arc::get_mut(&mut pads) {
                pads.set(&key);
            }
            pads
        });
        Self {
            field,
            strict: cover.strict,
            pads,
        }
    }

    pub(super) fn is_strict(&self) -> bool {
        self.strict
    }

    pub(super) fn make(
        &self,
        envelope: &Envelope<'_>,
        direction: Direction,
        fields: AuthView<'_>,
        covered: &dyn Fn(&str) -> bool,
        body: &[u8],
    ) -> [u8; VALUE_LEN] {
        let sender = direction.node().to_be_bytes();
        let mac = self.mac(envelope, (direction, sender), fields, covered, body);
        let mut value = [0; VALUE_LEN];
        let made = sender.iter().chain(&mac);
        for (byte, made) in value.iter_mut().zip(made) {
            *byte = *made;
        }
        value
    }

    pub(super) fn check(
        &self,
        found: ValueRef<'_>,
        envelope: &Envelope<'_>,
        direction: Direction,
        fields: AuthView<'_>,
        covered: &dyn Fn(&str) -> bool,
        body: &[u8],
    ) -> Result<(), AuthFailure> {
        let value = match found {
            ValueRef::Bytes(value) if value.len() == VALUE_LEN => value,
            _ => return Err(AuthFailure::Unfit(FieldRole::Cover)),
        };
        let unfit = AuthFailure::Unfit(FieldRole::Cover);
        let (sender, mac) = value.split_first_chunk().ok_or(unfit)?;
        let mac: &[u8; LEN] = mac.try_into().map_err(|_| unfit)?;
        let made = self.mac(envelope, (direction, *sender), fields, covered, body);
        if !sha256::equal(&made, mac) {
            return Err(AuthFailure::Mismatch);
        }
        match direction {
            Direction::Between { node } if node.to_be_bytes() == *sender => {
                Err(AuthFailure::Reflected)
            }
            _ => Ok(()),
        }
    }

    /// The MAC of everything, as docs/protocol.md describes it.
    fn mac(
        &self,
        envelope: &Envelope<'_>,
        (direction, sender): (Direction, [u8; SENDER_LEN]),
        fields: AuthView<'_>,
        covered: &dyn Fn(&str) -> bool,
        body: &[u8],
    ) -> [u8; LEN] {
        let mut mac = [0; LEN];
        let Some(pads) = &self.pads else {
            return mac;
        };
        let feed = |hash: &mut Hash| {
            hash.update(&[VERSION, direction.code()]);
            hash.update(&sender);
            hash.update(&[envelope.message_type().value()]);
            envelope::hash_fields(hash, fields, covered);
            hash.update(body);
        };
        pads.mac(feed, &mut mac);
        mac
    }
}

/// The first byte of what is covered.
const VERSION: u8 = 1;

/// Random bytes of a nonce; the others depend on them where there is a cover.
const RANDOM: usize = IV_LEN / 2;

/// Makes a nonce of random bytes one that says that its message has a cover. The MAC of
/// netaio is made with the nonce, so nobody else can take that back. A nonce that was
/// drawn without says so once in 2^64.
pub(super) fn mark(nonce: &mut [u8; IV_LEN]) {
    let (random, mark) = nonce.split_at_mut(RANDOM);
    for (byte, marked) in mark.iter_mut().zip(marked(random)) {
        *byte = marked;
    }
}

pub(super) fn is_marked(nonce: &[u8; IV_LEN]) -> bool {
    let (random, mark) = nonce.split_at(RANDOM);
    marked(random).starts_with(mark)
}

fn marked(random: &[u8]) -> [u8; LEN] {
    let mut digest = [0; LEN];
    sha256::digest_into(&[b"netaio cover", random], &mut digest);
    digest
}
