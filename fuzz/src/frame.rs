//! Streams of frames: where they are cut makes no difference, and what is
//! decoded encodes to the same message again.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use bytes::BytesMut;
use netaio_core::packify::DecodeLimits;
use netaio_core::plugin::{Layer, PeerContext, SealContext};
use netaio_core::{
    AuthFields, BodyFormat, Codec, Deframer, Frame, FrameError, FrameErrorKind, Header,
    HeaderFormat, Limits, Message, MessageType, MessageTypes, Now, SealError, SealedMessage,
    Sealer, Wire,
};

use crate::heap::Bound;
use crate::input::{Dice, Input};

/// To share a buffer takes a count, however long it is.
const DEFRAMING: Bound = Bound(0, 64);
/// Of the frame's sections, which may have to be copied out of their buffer.
const DECODING: Bound = Bound(2, 256);
/// Of the frame that was received: its fields are unpacked to be sorted.
const ENCODING: Bound = Bound(40, 1024);
/// Of the stream: its messages as they came in one piece and in many, and what
/// is made of each. The shortest frame has nine bytes, and a message 20 times that.
const ALL: Bound = Bound(160, 8192);

/// The first byte chooses the wire, how the stream is made of the rest, and how
/// many of the bytes behind it say where the stream is cut.
pub fn frame(data: &[u8]) {
    let mut input = Input::new(data);
    let choices = input.byte();
    let wire = &WIRES[usize::from(choices & 3) % WIRES.len()];
    let cuts = input.take(usize::from(choices >> 4 & 7));
    let stream = match choices >> 2 & 3 {
        0 => input.rest().to_vec(),
        1 => repaired(wire, input.rest().to_vec()),
        kind => {
            let mut stream = assembled(wire, &mut input);
            if kind == 3 {
                stream.pop();
            }
            stream
        }
    };

    check_stream(wire, &stream, cuts);
}

/// What becomes of a stream, which is the same where it comes in pieces.
pub(super) fn check_stream(wire: &Arc<Wire>, stream: &[u8], cuts: &[u8]) -> Outcome {
    ALL.hold("all", stream.len(), || {
        let whole = read(wire, &[stream]);
        assert_eq!(read(wire, &chunks(stream, cuts)), whole);
        check_offsets(wire, &whole, stream.len());
        check_datagram(wire, stream, &whole);
        for frame in &whole.frames {
            if let Ok(message) = &frame.decoded {
                let start = usize::try_from(frame.offset).expect("within the stream");
                check_encoding(wire, message, &stream[start..start + frame.len(wire)]);
            }
        }
        whole
    })
}

/// netaio's format with its usual limits; with every type there is and no other
/// limits than the format's own; a format of one's own.
pub(super) static WIRES: LazyLock<[Arc<Wire>; 3]> = LazyLock::new(|| {
    let mut types = MessageTypes::base();
    for value in MessageType::FIRST_CUSTOM..=u8::MAX {
        let name = format!("CUSTOM_{value}");
        types.register(value, &name).expect("a free value and name");
    }
    let packify = DecodeLimits {
        depth: 128,
        items: 1 << 16,
        packables: true,
    };
    let limits = Limits::default()
        .with_auth_section(65_535)
        .and_then(|limits| limits.with_packify(packify))
        .expect("limits that can work");
    let codec = Codec::netaio()
        .with_header(Arc::new(WideHeader))
        .with_body(Arc::new(Apart));
    [
        Wire::default(),
        Wire {
            types: types.clone(),
            limits: limits.clone(),
            ..Wire::default()
        },
        Wire {
            codec,
            types,
            limits,
        },
    ]
    .map(Arc::new)
});

/// The type between two 32-bit lengths, and no checksum.
struct WideHeader;

impl HeaderFormat for WideHeader {
    fn header_len(&self) -> usize {
        9
    }

    fn decode(&self, bytes: &[u8]) -> Result<Header, FrameErrorKind> {
        let [a0, a1, a2, a3, kind, b0, b1, b2, b3] = *bytes else {
            return Err(FrameErrorKind::Custom("a wide header has nine bytes"));
        };
        Ok(Header {
            message_type: MessageType::new(kind),
            auth_len: u32::from_be_bytes([a0, a1, a2, a3]) as usize,
            body_len: u32::from_be_bytes([b0, b1, b2, b3]) as usize,
            checksum: None,
        })
    }

    fn encode(&self, header: &Header, out: &mut [u8]) -> Result<(), SealError> {
        out[..4].copy_from_slice(&(header.auth_len as u32).to_be_bytes());
        out[4] = header.message_type.value();
        out[5..].copy_from_slice(&(header.body_len as u32).to_be_bytes());
        Ok(())
    }
}

/// The format of a header in [`WIRES`], where it is not netaio's.
fn header_format(wire: &Wire) -> Option<&'static dyn HeaderFormat> {
    std::ptr::eq(wire, &*WIRES[2]).then_some(&WideHeader)
}

pub(super) fn decode_header(wire: &Wire, bytes: &[u8]) -> Result<Header, FrameErrorKind> {
    match header_format(wire) {
        None => Header::decode(bytes),
        Some(format) => format.decode(bytes),
    }
}

fn encode_header(wire: &Wire, header: &Header, out: &mut [u8]) -> Result<(), SealError> {
    match header_format(wire) {
        None => header.encode(out),
        Some(format) => format.encode(header, out),
    }
}

/// A uri of at most 255 bytes, its length, and the content, each followed by a
/// byte that is nobody's.
struct Apart;

impl BodyFormat for Apart {
    fn decode(&self, section: &[u8]) -> Result<(Range<usize>, Range<usize>), FrameErrorKind> {
        let bad = FrameErrorKind::Custom("parts that are not there");
        let uri_len = usize::from(*section.first().ok_or(bad.clone())?);
        let content = uri_len + 2..section.len().checked_sub(1).ok_or(bad.clone())?;
        if content.start > content.end {
            return Err(bad);
        }
        Ok((1..uri_len + 1, content))
    }

    fn encode(&self, uri: &[u8], content: &[u8], out: &mut Vec<u8>) {
        out.push(uri.len() as u8);
        out.extend_from_slice(uri);
        out.push(0);
        out.extend_from_slice(content);
        out.push(0);
    }

    fn max_uri(&self) -> usize {
        255
    }

    fn max_payload(&self) -> usize {
        65_000
    }
}

/// The same stream, each frame with the checksum of its body: no fuzzer guesses
/// those.
pub(super) fn repaired(wire: &Wire, mut stream: Vec<u8>) -> Vec<u8> {
    let header_len = wire.codec.header_len();
    let mut start = 0;
    while let Some(bytes) = stream.get(start..start + header_len)
        && let Ok(header) = decode_header(wire, bytes)
        && let body = start + header_len + header.auth_len
        && let end = body + header.body_len
        && end <= stream.len()
    {
        if header.checksum.is_some() {
            let checksum = crc32fast::hash(&stream[body..end]);
            stream[start + 5..start + 9].copy_from_slice(&checksum.to_be_bytes());
        }
        start = end;
    }
    stream
}

/// A stream of frames with sections from the input.
fn assembled(wire: &Wire, input: &mut Input<'_>) -> Vec<u8> {
    let mut stream = Vec::new();
    while !input.is_empty() {
        let message_type = MessageType::new(input.byte());
        let auth = if input.flag() {
            let mut auth = AuthFields::new();
            for _ in 0..input.below(4) {
                let (key, value) = (input.value(0), input.value(2));
                auth.insert(&key, &value).expect("no part is that long");
            }
            let mut section = Vec::new();
            auth.encode(&mut section).expect("no part is that long");
            section
        } else {
            input.short().to_vec()
        };
        let body = input.short();
        let header = Header {
            message_type,
            auth_len: auth.len(),
            body_len: body.len(),
            checksum: Some(crc32fast::hash(body)),
        };
        let start = stream.len();
        stream.resize(start + wire.codec.header_len(), 0);
        if encode_header(wire, &header, &mut stream[start..]).is_err() {
            stream.truncate(start);
            continue;
        }
        stream.extend_from_slice(&auth);
        stream.extend_from_slice(body);
    }
    stream
}

/// What became of a stream.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) frames: Vec<Read>,
    /// How it ended: between two frames, within one, or at one that is none.
    pub(super) end: Result<(), FrameError>,
    position: u64,
}

#[derive(Debug, PartialEq)]
pub(super) struct Read {
    offset: u64,
    header: Header,
    pub(super) decoded: Result<Message, FrameErrorKind>,
}

impl Read {
    fn len(&self, wire: &Wire) -> usize {
        wire.codec.header_len() + self.header.auth_len + self.header.body_len
    }
}

fn read(wire: &Arc<Wire>, chunks: &[&[u8]]) -> Outcome {
    let mut deframer = Deframer::new(wire.clone());
    let (mut input, mut frames) = (BytesMut::new(), Vec::new());
    let mut failed = None;
    for chunk in chunks {
        input.extend_from_slice(chunk);
        loop {
            match DEFRAMING.hold("deframing", 0, || deframer.next(&mut input)) {
                Ok(Some(frame)) => {
                    assert!(failed.is_none(), "a frame behind what was no frame");
                    let (offset, header) = (frame.offset(), *frame.header());
                    let len = header.auth_len + header.body_len;
                    let decoded = DECODING.hold("decoding", len, || {
                        frame.decode(wire).map(SealedMessage::into_message)
                    });
                    frames.push(Read {
                        offset,
                        header,
                        decoded,
                    });
                }
                Ok(None) => break,
                Err(error) => {
                    let first = failed.get_or_insert(error.clone());
                    assert_eq!(*first, error, "another error for the same frame");
                    break;
                }
            }
        }
    }
    Outcome {
        frames,
        end: failed.map_or_else(|| deframer.finish(&input), Err),
        position: deframer.position(),
    }
}

/// The stream in pieces of these sizes, again and again; byte by byte where
/// there are none.
fn chunks<'a>(mut stream: &'a [u8], sizes: &[u8]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    let sizes = if sizes.is_empty() { &[1] } else { sizes };
    let mut sizes = sizes.iter().cycle();
    while !stream.is_empty() {
        let size = sizes.next().map_or(1, |size| usize::from(*size).max(1));
        let (chunk, rest) = stream.split_at(size.min(stream.len()));
        chunks.push(chunk);
        stream = rest;
    }
    chunks
}

/// Frames lie behind one another, and the end is where the last one ends.
fn check_offsets(wire: &Wire, outcome: &Outcome, len: usize) {
    let mut position = 0;
    for frame in &outcome.frames {
        assert_eq!(frame.offset, position);
        position += frame.len(wire) as u64;
    }
    assert_eq!(outcome.position, position);
    match &outcome.end {
        Ok(()) => assert_eq!(position, len as u64),
        Err(error) => {
            assert_eq!(error.offset, position);
            if let FrameErrorKind::Truncated { missing } = error.kind {
                assert!(missing > 0);
            }
        }
    }
}

/// A datagram is read as the first frame of a stream is.
fn check_datagram(wire: &Wire, bytes: &[u8], outcome: &Outcome) {
    let datagram = Frame::from_datagram(wire, BytesMut::from(bytes));
    match (outcome.frames.first(), &outcome.end) {
        (Some(first), _) => {
            let frame = datagram.expect("the stream begins with a whole frame");
            assert_eq!(*frame.header(), first.header);
            let decoded = frame.decode(wire).map(SealedMessage::into_message);
            assert_eq!(decoded, first.decoded);
        }
        (None, Err(error)) => assert_eq!(datagram.err().as_ref(), Some(&error.kind)),
        (None, Ok(())) => assert!(bytes.is_empty() && datagram.is_err()),
    }
}

/// A decoded message encodes to a frame that decodes to it; to the very same
/// frame, where its auth section was packed as packify packs it.
fn check_encoding(wire: &Wire, message: &Message, received: &[u8]) {
    let encoded = match ENCODING.hold("encoding", received.len(), || encode(wire, message)) {
        Ok(encoded) => encoded,
        Err(SealError::BodyTooLong { len, max }) => {
            assert!(len > max && len == message.uri.len() + message.content.len());
            return;
        }
        // Decimals may have been packed shorter than packify packs them.
        Err(SealError::AuthTooLong { len, max }) => {
            assert!(len > max && received.len() > max / 2);
            return;
        }
        Err(error) => panic!("what was decoded does not encode: {error}"),
    };
    let frame = Frame::from_datagram(wire, BytesMut::from(&encoded[..])).expect("a frame");
    let header = *frame.header();
    let decoded = frame.decode(wire).expect("a message").into_message();
    assert_eq!(decoded, *message);
    for name in ["hmac", "nonce", "ts", "iv"] {
        let value = |message: &Message| {
            message
                .auth
                .get(name)
                .map(|value| value.to_value().to_vec())
        };
        assert_eq!(value(&decoded), value(message), "field {name}");
    }
    assert_eq!(encode(wire, &decoded).as_ref(), Ok(&encoded));

    let auth_end = |header: &Header| wire.codec.header_len() + header.auth_len;
    let received_header = decode_header(wire, &received[..9]).expect("a header");
    let is_netaios = received_header.checksum.is_some();
    if is_netaios && received[9..auth_end(&received_header)] == encoded[9..auth_end(&header)] {
        assert_eq!(received, encoded);
    }
}

pub(super) fn encode(wire: &Wire, message: &Message) -> Result<Vec<u8>, SealError> {
    let (none, mut out) = (Layer::new(), Vec::new());
    let mut context = SealContext {
        now: Now::default(),
        rng: &mut Dice(0),
        peers: PeerContext::default(),
    };
    Sealer::new().seal(wire, &none, &none, message, &mut context, &mut out)?;
    Ok(out)
}
