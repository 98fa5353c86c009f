//! What tests share: virtual time, generators that repeat themselves, and frames.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::BytesMut;
use chacha20::ChaCha8Rng;
use rand_core::{CryptoRng, SeedableRng};

use crate::config::LinkConfig;
use crate::error::{AuthFailure, SealError};
use crate::frame::{Deframer, encode_plain};
use crate::limits::Limits;
use crate::message::{AuthFields, AuthView, Message};
use crate::now::Now;
use crate::plugin::{AuthPlugin, FieldNames, HmacAuth, Layer, OpenContext, SealContext};
use crate::wire::Wire;

/// The moment at which every test begins.
pub(crate) const NOON: Now = Now::new(Duration::from_secs(1000), 1_700_000_000);

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A reading of both clocks after so much time.
pub(crate) fn after(now: Now, time: Duration) -> Now {
    Now::new(now.deadline(time), now.unix.saturating_add(time.as_secs()))
}

pub(crate) fn generator(seed: u64) -> Box<dyn CryptoRng + Send> {
    Box::new(ChaCha8Rng::seed_from_u64(seed))
}

pub(crate) fn hmac(secret: &str) -> Layer {
    Layer::new().with_auth(HmacAuth::new(secret))
}

/// A configuration whose frames are netaio's, byte for byte.
pub(crate) fn plain() -> LinkConfig {
    without_ids(LinkConfig::new())
}

/// Its requests carry no ids.
pub(crate) fn without_ids(mut config: LinkConfig) -> LinkConfig {
    config.correlation = config.correlation.with_requests(false);
    config
}

/// A configuration with other limits than the usual.
pub(crate) fn limited(limits: Limits) -> LinkConfig {
    LinkConfig::new().with_limits(limits)
}

/// The frame of a message that no layer seals.
pub(crate) fn frame(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    encode_plain(&Wire::default(), message, &message.auth, &mut out).unwrap();
    out
}

/// A frame whose checksum is wrong by one bit.
pub(crate) fn broken_frame(message: &Message) -> Vec<u8> {
    let mut bytes = frame(message);
    bytes[8] ^= 1;
    bytes
}

/// The messages in a stream, whose layers are left closed.
pub(crate) fn unopened(stream: &[u8]) -> Vec<Message> {
    let wire = Arc::new(Wire::default());
    let mut deframer = Deframer::new(wire.clone());
    let mut input = BytesMut::from(stream);
    let mut messages = Vec::new();
    while let Some(frame) = deframer.next(&mut input).unwrap() {
        messages.push(frame.decode(&wire).unwrap().into_message());
    }
    deframer.finish(&input).unwrap();
    messages
}

/// Accepts everything, and needs the remote peer.
pub(crate) struct Curious;

impl AuthPlugin for Curious {
    fn make(&self, _: &mut AuthFields, _: &[u8], _: &mut SealContext<'_>) -> Result<(), SealError> {
        Ok(())
    }

    fn check(&self, _: AuthView<'_>, _: &[u8], _: &OpenContext<'_>) -> Result<(), AuthFailure> {
        Ok(())
    }

    fn error(&self) -> Message {
        Message::error_message("")
    }

    fn fields(&self) -> FieldNames<'_> {
        FieldNames::default()
    }

    fn is_peer_specific(&self) -> bool {
        true
    }
}

/// Limits under which requests that carry ids are handled side by side.
pub(crate) fn side_by_side(handlers: usize) -> Limits {
    let limits = Limits::default();
    limits.with_handlers_per_connection(handlers).unwrap()
}
