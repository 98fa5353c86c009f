//! What forgers have: frames of their own making, what they have overheard, two
//! kinds of links to try them on, and netaio's rule to compare with.
#![allow(dead_code, reason = "each program uses some of it")]

pub(crate) mod end;
pub(crate) mod netaio;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::BytesMut;
use chacha20::ChaCha8Rng;
use netaio_core::plugin::{HmacAuth, PeerContext, SealContext};
use netaio_core::{Frame, Layer, Message, Now, Sealer, Wire};
use rand_core::SeedableRng;

/// The moment at which every attack begins.
pub(crate) const NOON: Now = Now::new(Duration::from_secs(1000), 1_700_000_000);

/// netaio's format, and the usual limits.
pub(crate) static WIRE: LazyLock<Arc<Wire>> = LazyLock::new(Arc::default);

/// What forgers do not know.
pub(crate) const SECRET: &str = "secret";

pub(crate) fn generator(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// The layer that forgers want to pass.
pub(crate) fn hmac() -> Layer {
    Layer::new().with_auth(HmacAuth::new(SECRET))
}

/// The frame of a message with whatever fields its maker gave it.
pub(crate) fn frame(message: &Message) -> Vec<u8> {
    sealed(&Layer::new(), message, &mut generator(0))
}

/// A message as somebody who knows the secret sends it, overheard.
pub(crate) fn overheard(message: &Message, rng: &mut ChaCha8Rng) -> Message {
    read(&sealed(&hmac(), message, rng))
}

fn sealed(layer: &Layer, message: &Message, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut context = SealContext {
        now: NOON,
        rng,
        peers: PeerContext::default(),
    };
    let (none, mut frame) = (Layer::new(), Vec::new());
    Sealer::new()
        .seal(&WIRE, layer, &none, message, &mut context, &mut frame)
        .unwrap();
    frame
}

/// What a frame says, whoever sealed it.
pub(crate) fn read(frame: &[u8]) -> Message {
    let frame = Frame::from_datagram(&WIRE, BytesMut::from(frame)).unwrap();
    frame.decode(&WIRE).unwrap().into_message()
}

/// The body section, which MACs cover.
pub(crate) fn body(uri: &[u8], content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(uri.len()).unwrap().to_be_bytes();
    [&len, uri, content].concat()
}
