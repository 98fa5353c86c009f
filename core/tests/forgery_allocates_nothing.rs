//! A stranger's message costs its receive buffer and nothing else: checking it
//! and refusing it allocates nothing.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod allocations;

use bytes::BytesMut;
use chacha20::ChaCha8Rng;
use netaio_core::plugin::{
    Cover, HmacAuth, OpenContext, PeerContext, SealContext, Sha256StreamCipher,
};
use netaio_core::{
    AuthFailure, AuthFields, Frame, Layer, Message, Now, OpenError, SealedMessage, Sealer, Wire,
};
use rand_core::SeedableRng;

use allocations::without_allocating;

const NOW: Now = Now::new(std::time::Duration::ZERO, 1_700_000_000);

fn layer(secret: &str) -> Layer {
    Layer::new()
        .with_auth(HmacAuth::new(secret))
        .with_cipher(Sha256StreamCipher::new("key"))
}

fn open(message: &mut SealedMessage, wire: &Wire, layer: &Layer) -> Result<(), OpenError> {
    let peers = PeerContext::default();
    message.open(layer, wire, &OpenContext { now: NOW, peers })
}

fn main() {
    let wire = Wire::default();
    let (ours, forgers) = (layer("secret"), layer("guess"));
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut sealer = Sealer::new();
    let mut forged = |size: usize| {
        let mut message = Message::create("uri", vec![0; size]);
        message.auth = AuthFields::new();
        message.auth.set_bytes("own", &[0; 100]).unwrap();
        let mut context = SealContext {
            now: NOW,
            rng: &mut rng,
            peers: PeerContext::default(),
        };
        let mut bytes = Vec::new();
        let none = Layer::new();
        sealer
            .seal(&wire, &forgers, &none, &message, &mut context, &mut bytes)
            .unwrap();
        Frame::from_datagram(&wire, BytesMut::from(&bytes[..])).unwrap()
    };
    for n in 0..1000 {
        // One in a hundred is as large as a frame gets.
        let frame = forged(if n % 100 == 0 { 65_000 } else { n });
        let mut message = without_allocating("Frame::decode", || frame.decode(&wire)).unwrap();
        let opened = without_allocating("SealedMessage::open", || open(&mut message, &wire, &ours));
        assert_eq!(opened, Err(OpenError::Auth(AuthFailure::Mismatch)));
        // The message was whole all the same: the forger's own layer opens it.
        assert_eq!(open(&mut message.clone(), &wire, &forgers), Ok(()));
        without_allocating("a refused message's end", || drop(message));
    }
    covered(&wire);
    #[cfg(feature = "aead")]
    whole(&wire);
}

/// Before a layer that authenticates whole messages.
#[cfg(feature = "aead")]
fn whole(wire: &Wire) {
    use std::sync::Arc;

    use netaio_core::Deframer;
    use netaio_core::plugin::Aead;

    let layer = |secret| Layer::new().with_cipher(Aead::new(secret));
    let (ours, forgers, none) = (layer("secret"), layer("guess"), Layer::new());
    for (sealed_with, why) in [
        (&forgers, AuthFailure::UnknownKey),
        (&ours, AuthFailure::Mismatch),
    ] {
        let mut context = SealContext {
            now: NOW,
            rng: &mut ChaCha8Rng::seed_from_u64(1),
            peers: PeerContext::default(),
        };
        let (mut bytes, message) = (Vec::new(), Message::create("uri", vec![0; 10_000]));
        Sealer::new()
            .seal(wire, sealed_with, &none, &message, &mut context, &mut bytes)
            .unwrap();
        // Another type.
        bytes[0] = 0;
        // One piece of what a connection received, with the next behind it.
        bytes.push(0);
        let mut input = BytesMut::from(&bytes[..]);
        let frame = Deframer::new(Arc::new(wire.clone())).next(&mut input);
        let mut sealed = frame.unwrap().unwrap().decode(wire).unwrap();
        let opened = without_allocating("Aead", || open(&mut sealed, wire, &ours));
        assert_eq!(opened, Err(OpenError::Auth(why)));
    }
}

/// A message that somebody has retyped, before a layer that covers the type, and within one
/// that does not.
fn covered(wire: &Wire) {
    let auth = |secret| HmacAuth::new(secret).with_cover(Cover::strict());
    let (outer, none) = (Layer::new().with_auth(auth("secret")), Layer::new());
    let inner = Layer::new().with_auth(auth("admin").with_hmac_field("camh"));
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let plain = Layer::new().with_auth(HmacAuth::new("secret"));
    for layers in [(&outer, &none), (&plain, &inner)] {
        let mut context = SealContext {
            now: NOW,
            rng: &mut rng,
            peers: PeerContext::default(),
        };
        let (mut bytes, message) = (Vec::new(), Message::create("uri", "content"));
        Sealer::new()
            .seal(wire, layers.0, layers.1, &message, &mut context, &mut bytes)
            .unwrap();
        if let Some(message_type) = bytes.first_mut() {
            *message_type = netaio_core::types::DELETE_URI.value();
        }
        let frame = Frame::from_datagram(wire, BytesMut::from(&bytes[..])).unwrap();
        let mut message = frame.decode(wire).unwrap();
        let (now, peers) = (NOW, PeerContext::default());
        let context = OpenContext { now, peers };
        let opened = without_allocating("a cover that does not hold", || {
            open(&mut message, wire, layers.0)?;
            message.open_within(layers.0, layers.1, wire, &context)
        });
        assert_eq!(opened, Err(OpenError::Auth(AuthFailure::Mismatch)));
    }
}
