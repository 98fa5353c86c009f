//! Refusing what a stranger sent in a known peer's name allocates nothing.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod allocations;

use std::sync::Arc;

use bytes::BytesMut;
use chacha20::ChaCha8Rng;
use netaio_core::plugin::{OpenContext, PeerContext, SealContext, X25519Cipher};
use netaio_core::{
    DecryptFailure, Deframer, Layer, Message, Now, OpenError, Peer, SealedMessage, Sealer, Wire,
};
use rand_core::SeedableRng;

use allocations::without_allocating;

const NOW: Now = Now::new(std::time::Duration::ZERO, 1_700_000_000);

fn layer(cipher: &X25519Cipher) -> Layer {
    Layer::new().with_cipher(cipher.clone())
}

fn introduce(cipher: &X25519Cipher) -> Peer {
    Peer::new("id").with_data(cipher.peer_data())
}

fn knows(remote: &Peer) -> PeerContext<'_> {
    PeerContext {
        remote: Some(remote),
        ..PeerContext::default()
    }
}

fn main() {
    let wire = Arc::new(Wire::default());
    let cipher = |seed| X25519Cipher::from_seed([seed; 32]);
    for encrypt_uri in [false, true] {
        let [ours, theirs, forgers] = [1, 2, 3].map(|seed| match encrypt_uri {
            true => cipher(seed).with_encrypted_uri(),
            false => cipher(seed),
        });
        let [us, them, forger] = [&ours, &theirs, &forgers].map(introduce);
        let seal = |cipher, size: usize| {
            let mut context = SealContext {
                now: NOW,
                rng: &mut ChaCha8Rng::seed_from_u64(1),
                peers: knows(&us),
            };
            let message = Message::create("uri", vec![0; size]);
            let (outer, none) = (layer(cipher), Layer::new());
            let mut bytes = Vec::new();
            Sealer::new()
                .seal(&wire, &outer, &none, &message, &mut context, &mut bytes)
                .unwrap();
            // One piece of what a connection received, with the next behind it.
            bytes.push(0);
            let mut input = BytesMut::from(&bytes[..]);
            let frame = Deframer::new(wire.clone()).next(&mut input);
            frame.unwrap().unwrap()
        };
        let layer = layer(&ours);
        let open = |message: &mut SealedMessage, remote| {
            let (now, peers) = (NOW, knows(remote));
            message.open(&layer, &wire, &OpenContext { now, peers })
        };
        for size in [0, 1, 100, 10_000, 65_000] {
            let frame = seal(&forgers, size);
            let mut message = frame.decode(&wire).unwrap();
            let opened = without_allocating("a forgery", || open(&mut message, &them));
            assert_eq!(opened, Err(OpenError::Decrypt(DecryptFailure::Corrupt)));
            // The message was whole all the same: as the forger's own it opens.
            assert_eq!(open(&mut message, &forger), Ok(()));

            // Nor does what is genuine need more room than it came in.
            let frame = seal(&theirs, size);
            let mut message = frame.decode(&wire).unwrap();
            let opened = without_allocating("a box", || open(&mut message, &them));
            assert_eq!(opened, Ok(()));
            let message = message.into_message();
            assert_eq!(
                (&message.uri[..], message.content.len()),
                (&b"uri"[..], size)
            );
        }
    }
}
