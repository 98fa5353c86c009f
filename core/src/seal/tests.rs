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
    fn make(&self, _: &mut AuthFields, _: &[u8], _: &mut SealContext<'_>) -> Result<(), SealError> {
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
