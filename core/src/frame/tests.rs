//! Frames in formats of one's own.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use bytes::BytesMut;
use chacha20::ChaCha8Rng;
use rand_core::SeedableRng;

use super::{Deframer, Frame, SealedMessage};
use crate::error::{AuthFailure, FrameErrorKind, OpenError, SealError};
use crate::limits::Limits;
use crate::message::{BodyFormat, Codec, Header, HeaderFormat, Message, MessageType};
use crate::now::Now;
use crate::plugin::{HmacAuth, Layer, OpenContext, PeerContext, SealContext, Sha256StreamCipher};
use crate::seal::Sealer;
use crate::wire::Wire;

const NOON: Now = Now::new(Duration::from_secs(1), 1_700_000_000);

/// Type and lengths of two bytes each, and no checksum.
struct Short;

impl HeaderFormat for Short {
    fn header_len(&self) -> usize {
        5
    }

    fn decode(&self, bytes: &[u8]) -> Result<Header, FrameErrorKind> {
        let [kind, a0, a1, b0, b1] = *bytes else {
            return Err(FrameErrorKind::Custom("five bytes"));
        };
        Ok(Header {
            message_type: MessageType::new(kind),
            auth_len: u16::from_be_bytes([a0, a1]).into(),
            body_len: u16::from_be_bytes([b0, b1]).into(),
            checksum: None,
        })
    }

    fn encode(&self, header: &Header, out: &mut [u8]) -> Result<(), SealError> {
        let [a0, a1] = u16::try_from(header.auth_len).unwrap().to_be_bytes();
        let [b0, b1] = u16::try_from(header.body_len).unwrap().to_be_bytes();
        out.copy_from_slice(&[header.message_type.value(), a0, a1, b0, b1]);
        Ok(())
    }
}

/// The uri's length in one byte, then the uri and the content, with marks around each.
struct Marked;

impl BodyFormat for Marked {
    fn decode(&self, section: &[u8]) -> Result<(Range<usize>, Range<usize>), FrameErrorKind> {
        let Some(&len) = section.first() else {
            return Err(FrameErrorKind::Custom("no length"));
        };
        let uri = 2..usize::from(len).saturating_add(2);
        let content = uri.end.saturating_add(1)..section.len().saturating_sub(1);
        Ok((uri, content))
    }

    fn encode(&self, uri: &[u8], content: &[u8], out: &mut Vec<u8>) {
        out.push(u8::try_from(uri.len()).unwrap());
        for part in [b"<", uri, b"|", content, b">"] {
            out.extend_from_slice(part);
        }
    }

    fn max_uri(&self) -> usize {
        255
    }

    fn max_payload(&self) -> usize {
        1000
    }
}

/// Returns the ranges that it was made with.
struct Elsewhere(Range<usize>, Range<usize>);

impl BodyFormat for Elsewhere {
    fn decode(&self, _: &[u8]) -> Result<(Range<usize>, Range<usize>), FrameErrorKind> {
        Ok((self.0.clone(), self.1.clone()))
    }

    fn encode(&self, _: &[u8], _: &[u8], _: &mut Vec<u8>) {}

    fn max_uri(&self) -> usize {
        0
    }

    fn max_payload(&self) -> usize {
        0
    }
}

fn wire(codec: Codec) -> Wire {
    Wire {
        codec,
        ..Wire::default()
    }
}

fn seal(wire: &Wire, layer: &Layer, message: &Message) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut context = SealContext {
        now: NOON,
        rng: &mut rng,
        peers: PeerContext::default(),
    };
    let mut out = Vec::new();
    Sealer::new()
        .seal(wire, layer, &Layer::new(), message, &mut context, &mut out)
        .unwrap();
    out
}

fn read(wire: &Wire, frame: &[u8]) -> Result<SealedMessage, FrameErrorKind> {
    Frame::from_datagram(wire, BytesMut::from(frame))?.decode(wire)
}

fn open(mut sealed: SealedMessage, wire: &Wire, layer: &Layer) -> Result<Message, OpenError> {
    let context = OpenContext {
        now: NOON,
        peers: PeerContext::default(),
    };
    sealed.open(layer, wire, &context)?;
    let mut message = sealed.into_message();
    message.auth = Message::new(MessageType::OK, "", "").auth;
    Ok(message)
}

#[test]
fn a_body_with_marks_in_it_is_read_without_them() {
    let wire = wire(Codec::netaio().with_body(Arc::new(Marked)));
    let message = Message::new(MessageType::OK, "uri", "content");
    let frame = seal(&wire, &Layer::new(), &message);
    assert!(frame.ends_with(b"\x03<uri|content>"));
    let sealed = read(&wire, &frame).unwrap();
    assert_eq!(sealed.uri(), b"uri");
    assert_eq!(sealed.into_message(), message);
}

#[test]
fn every_byte_of_a_body_of_ones_own_is_vouched_for() {
    let wire = wire(Codec::netaio().with_body(Arc::new(Marked)));
    let layer = Layer::new().with_auth(HmacAuth::new("secret"));
    let message = Message::new(MessageType::OK, "uri", "content");
    let sent = seal(&wire, &layer, &message);
    assert_eq!(
        open(read(&wire, &sent).unwrap(), &wire, &layer),
        Ok(message)
    );
    for part in [b"uri".as_slice(), b"content"] {
        let at = sent.windows(part.len()).position(|found| found == part);
        let mut forged = sent.clone();
        forged[at.unwrap()] ^= 1;
        let body_len = b"_<uri|content>".len();
        let checksum = crc32fast::hash(&forged[forged.len() - body_len..]);
        forged[5..9].copy_from_slice(&checksum.to_be_bytes());
        assert_eq!(
            open(read(&wire, &forged).unwrap(), &wire, &layer),
            Err(OpenError::Auth(AuthFailure::Mismatch))
        );
    }
}

#[test]
fn a_body_of_ones_own_is_encrypted_and_decrypted() {
    let wire = wire(Codec::netaio().with_body(Arc::new(Marked)));
    let message = Message::new(MessageType::OK, "uri", "content");
    for cipher in [
        Sha256StreamCipher::new("key"),
        Sha256StreamCipher::new("key").with_plain_uri(),
    ] {
        let layer = Layer::new()
            .with_auth(HmacAuth::new("secret"))
            .with_cipher(cipher);
        let frame = seal(&wire, &layer, &message);
        assert!(!frame.windows(7).any(|part| part == b"content"));
        let sealed = read(&wire, &frame).unwrap();
        assert_eq!(open(sealed, &wire, &layer), Ok(message.clone()));
    }
}

#[test]
fn ranges_that_are_not_there_are_an_error() {
    let netaio = seal(
        &Wire::default(),
        &Layer::new(),
        &Message::new(MessageType::OK, "uri", "content"),
    );
    let of = |uri, content| {
        let codec = Codec::netaio().with_body(Arc::new(Elsewhere(uri, content)));
        read(&wire(codec), &netaio).map(SealedMessage::into_message)
    };
    let found = of(8..10, 2..5).unwrap();
    assert_eq!(
        (&found.uri[..], &found.content[..]),
        (&b"te"[..], &b"uri"[..])
    );
    for (uri, content) in [(0..13, 2..5), (2..5, 5..13), (13..14, 0..0)] {
        assert!(matches!(of(uri, content), Err(FrameErrorKind::Custom(_))));
    }
}

#[test]
fn a_header_without_a_checksum_is_not_held_against_one() {
    let wire = Arc::new(wire(Codec::netaio().with_header(Arc::new(Short))));
    let message = Message::new(MessageType::OK, "uri", "content");
    let mut stream = BytesMut::from(&seal(&wire, &Layer::new(), &message)[..]);
    assert_eq!(stream.len(), 5 + 3 + 2 + b"uricontent".len());
    *stream.last_mut().unwrap() = b'T';
    let mut deframer = Deframer::new(wire.clone());
    let frame = deframer.next(&mut stream).unwrap().unwrap();
    assert_eq!(frame.header().checksum, None);
    let sealed = frame.decode(&wire).unwrap();
    assert_eq!(sealed.checksum(), None);
    assert_eq!(sealed.into_message().content, "contenT");
    assert_eq!(deframer.position(), 20);
}

#[test]
fn a_message_tells_the_checksum_it_came_with() {
    let wire = Wire::default();
    let message = Message::new(MessageType::OK, "uri", "content");
    let sealed = read(&wire, &seal(&wire, &Layer::new(), &message)).unwrap();
    let checksum = crc32fast::hash(b"\0\x03uricontent");
    assert_eq!(sealed.checksum(), Some(checksum));
    assert_eq!(sealed.message_type(), MessageType::OK);
}

/// Announces sections longer than any memory.
struct Endless;

impl HeaderFormat for Endless {
    fn header_len(&self) -> usize {
        1
    }

    fn decode(&self, _: &[u8]) -> Result<Header, FrameErrorKind> {
        Ok(Header {
            message_type: MessageType::OK,
            auth_len: 3,
            body_len: usize::MAX,
            checksum: None,
        })
    }

    fn encode(&self, _: &Header, _: &mut [u8]) -> Result<(), SealError> {
        Err(SealError::Plugin("never"))
    }
}

#[test]
fn lengths_that_cannot_be_added_up_are_too_long_under_any_limit() {
    let wire = Arc::new(Wire {
        codec: Codec::netaio().with_header(Arc::new(Endless)),
        limits: Limits::default().with_body(usize::MAX).unwrap(),
        ..Wire::default()
    });
    let too_long = FrameErrorKind::BodyTooLong {
        len: usize::MAX,
        max: usize::MAX,
    };
    assert_eq!(read(&wire, b"x").unwrap_err(), too_long);
    let mut input = BytesMut::from(&b"x"[..]);
    let error = Deframer::new(wire).next(&mut input).unwrap_err();
    assert_eq!(error, too_long.at(0));
}

#[test]
fn a_header_that_cannot_be_encoded_leaves_nothing_behind() {
    let wire = wire(Codec::netaio().with_header(Arc::new(Endless)));
    let mut out = b"before".to_vec();
    let message = Message::new(MessageType::OK, "uri", "content");
    let error = super::encode_plain(&wire, &message, &message.auth, &mut out);
    assert_eq!(error, Err(SealError::Plugin("never")));
    assert_eq!(out, b"before");
}

#[test]
fn sections_are_as_long_as_the_limits_and_no_longer() {
    let wire = Arc::new(Wire {
        limits: Limits::default().with_body(100).unwrap(),
        ..Wire::default()
    });
    let header = |auth: u16, body: u16| {
        let ([a0, a1], [b0, b1]) = (auth.to_be_bytes(), body.to_be_bytes());
        let mut input = BytesMut::from(&[0, a0, a1, b0, b1, 0, 0, 0, 0][..]);
        let next = Deframer::new(wire.clone()).next(&mut input);
        next.map(|frame| frame.is_some())
            .map_err(|error| error.kind)
    };
    let (auth, body) = (8192, 100);
    let auth_too_long = FrameErrorKind::AuthTooLong {
        len: 8193,
        max: auth.into(),
    };
    let body_too_long = FrameErrorKind::BodyTooLong {
        len: 101,
        max: body.into(),
    };
    assert_eq!(header(auth, body), Ok(false));
    assert_eq!(header(auth + 1, body), Err(auth_too_long.clone()));
    assert_eq!(header(auth, body + 1), Err(body_too_long));
    assert_eq!(header(auth + 1, body + 1), Err(auth_too_long));
}
