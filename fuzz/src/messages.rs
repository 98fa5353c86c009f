//! Messages that are framed, and what their stream becomes when it is damaged.

use arbitrary::Arbitrary;
use netaio_core::packify::Dict;
use netaio_core::{FrameErrorKind, Message, MessageType, SealError, Wire};

use crate::described::{AnyValue, Damage, Extent};
use crate::frame::{WIRES, check_stream, decode_header, encode, repaired};

/// What is sent, in which of the formats of [`frame`](crate::frame()), where
/// the stream is cut and what happens to it on its way.
#[derive(Debug, Arbitrary)]
pub struct Messages<'a> {
    wire: u8,
    cuts: [u8; 3],
    damage: Vec<(Damage, Checksums)>,
    messages: Vec<AnyMessage<'a>>,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Checksums {
    /// They tell of the damage.
    Left,
    /// Whoever did the damage has made them right.
    Repaired,
}

#[derive(Debug, Arbitrary)]
struct AnyMessage<'a> {
    message_type: u8,
    /// What the checksum is off by.
    wrong: Option<u32>,
    fields: Vec<(AnyValue<'a>, AnyValue<'a>)>,
    uri: &'a [u8],
    content: &'a [u8],
}

impl AnyMessage<'_> {
    /// The message, and its auth fields as a value.
    fn build(&self) -> (Message, Dict) {
        let (uri, content) = (self.uri.to_vec(), self.content.to_vec());
        let mut message = Message::new(MessageType::new(self.message_type), uri, content);
        let fields = self.fields.iter();
        let fields = fields.map(|(key, value)| (key.build(), value.build()));
        let fields = fields.filter(|(key, _)| key.is_hashable());
        let fields = Dict::from_pairs(fields).expect("hashable keys");
        for (key, value) in &fields {
            let inserted = message.auth.insert(key, value);
            inserted.expect("no part is longer than 4 GiB");
        }
        (message, fields)
    }
}

/// Sends the messages, which have to arrive as they are. Then damages their
/// stream again and again, which is read as any other.
pub fn messages(input: &Messages<'_>) {
    let wire = &WIRES[usize::from(input.wire) % WIRES.len()];
    let (mut stream, mut expected) = (Vec::new(), Vec::new());
    for described in &input.messages {
        let (message, fields) = described.build();
        if let Some(frame) = frame_of(wire, &message) {
            let start = stream.len();
            stream.extend_from_slice(&frame);
            let wrong = described.wrong.filter(|wrong| *wrong != 0);
            let wrong = wrong.filter(|_| {
                decode_header(wire, &frame[..wire.codec.header_len()])
                    .is_ok_and(|header| header.checksum.is_some())
            });
            if let Some(wrong) = wrong {
                for (byte, bits) in stream[start + 5..].iter_mut().zip(wrong.to_be_bytes()) {
                    *byte ^= bits;
                }
            }
            expected.push((message, fields, wrong));
        }
    }

    let outcome = check_stream(wire, &stream, &input.cuts);
    assert_eq!(outcome.end, Ok(()));
    assert_eq!(outcome.frames.len(), expected.len());
    for (frame, (message, fields, wrong)) in outcome.frames.iter().zip(expected) {
        let parts = fields.iter().flat_map(|(key, value)| [key, value]);
        let within = Extent::around(fields.len(), parts).is_within(&wire.limits.packify());
        match &frame.decoded {
            Ok(decoded) => assert!(*decoded == message && within && wrong.is_none()),
            Err(FrameErrorKind::Checksum { found, computed }) => {
                assert_eq!(Some(found ^ computed), wrong);
            }
            Err(FrameErrorKind::AuthNotPackify(_)) => assert!(!within),
            Err(error) => panic!("what was sent is no message: {error}"),
        }
    }

    for (damage, checksums) in &input.damage {
        damage.apply(&mut stream);
        if let Checksums::Repaired = checksums {
            stream = repaired(wire, stream);
        }
        check_stream(wire, &stream, &input.cuts);
    }
}

/// The frame of a message that can be sent and is not longer than what is
/// received.
fn frame_of(wire: &Wire, message: &Message) -> Option<Vec<u8>> {
    let frame = match encode(wire, message) {
        Ok(frame) => frame,
        Err(SealError::UnknownType(value)) => {
            assert!(!wire.types.contains(MessageType::new(value)));
            return None;
        }
        Err(SealError::UriTooLong { len, max }) => {
            assert!(len > max && len == message.uri.len());
            return None;
        }
        Err(SealError::BodyTooLong { len, max } | SealError::AuthTooLong { len, max }) => {
            assert!(len > max);
            return None;
        }
        Err(error) => panic!("it cannot be sent: {error}"),
    };
    let header_len = wire.codec.header_len();
    let header = decode_header(wire, &frame[..header_len]).expect("a header");
    (header.auth_len <= wire.limits.auth_section() && header.body_len <= wire.limits.body())
        .then_some(frame)
}
