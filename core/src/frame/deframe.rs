//! Bytes to frames, incrementally and bounded.

use alloc::sync::Arc;

use bytes::{Buf, BytesMut};

use super::SealedMessage;
use crate::error::{FrameError, FrameErrorKind};
use crate::message::{Body, Header, MessageType};
use crate::wire::Wire;

/// Splits a stream of bytes into frames.
///
/// It keeps no bytes of its own: the caller's buffer holds what is not yet a
/// frame. The same bytes give the same frames, whatever the pieces they come in,
/// and each byte is read once.
///
/// ```
/// use netaio_core::bytes::BytesMut;
/// use netaio_core::{Deframer, MessageType, Wire};
/// use std::sync::Arc;
///
/// let wire = Arc::new(Wire::default());
/// let mut deframer = Deframer::new(wire.clone());
/// let mut input = BytesMut::from(&b"\x00\x00\x03\x00\x08\x33\x95\x03\xac\x4d\x40\x00\x00\x04ech"[..]);
/// assert!(deframer.next(&mut input)?.is_none());
/// input.extend_from_slice(b"ohi");
/// let frame = deframer.next(&mut input)?.expect("the frame is complete");
/// let message = frame.decode(&wire)?.into_message();
/// assert_eq!(message.message_type, MessageType::REQUEST_URI);
/// assert_eq!((&message.uri[..], &message.content[..]), (&b"echo"[..], &b"hi"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Deframer {
    wire: Arc<Wire>,
    /// The header of the frame whose sections are awaited.
    header: Option<Header>,
    /// Where the next frame starts, in bytes from the start of the stream.
    position: u64,
}

impl Deframer {
    /// A deframer at the start of a stream.
    #[must_use]
    pub fn new(wire: Arc<Wire>) -> Self {
        Self {
            wire,
            header: None,
            position: 0,
        }
    }

    /// Takes the next frame off the front of `input`, if it is complete.
    ///
    /// # Errors
    /// The bytes are no frame. Where the next frame would start is then unknown:
    /// every further call returns the error again.
    // What is returned by value here and below is copied right after it was written, which
    // makes the processor wait, unless it becomes a part of its one caller on the way of a message.
    #[inline(always)]
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        let header_len = self.wire.codec.header_len();
        let header = match self.header {
            Some(header) => header,
            None => match input.get(..header_len) {
                Some(bytes) => {
                    read_header(&self.wire, bytes).map_err(|kind| kind.at(self.position))?
                }
                None => return Ok(None),
            },
        };
        let Some(len) = frame_len(header_len, &header) else {
            return Err(too_long(&self.wire, &header).at(self.position));
        };
        if input.len() < len {
            self.header = Some(header);
            return Ok(None);
        }
        let frame = Frame::cut(header, self.position, header_len, input.split_to(len));
        self.header = None;
        self.position = self.position.saturating_add(len as u64);
        Ok(Some(frame))
    }

    /// The types and the uris of the whole frames at the front of `input`, in netaio's own format,
    /// as far as they can be told: nothing is checked, and a layer may hide a uri.
    pub(crate) fn ahead<'a>(
        &self,
        mut input: &'a [u8],
    ) -> impl Iterator<Item = (MessageType, &'a [u8])> + use<'a> {
        let codec = &self.wire.codec;
        if codec.custom_header().is_some() || codec.custom_body().is_some() {
            input = &[];
        }
        core::iter::from_fn(move || {
            let header = Header::decode(input.get(..Header::LEN)?).ok()?;
            let len = frame_len(Header::LEN, &header)?;
            let (frame, rest) = input.split_at_checked(len)?;
            let body = frame.get(Header::LEN.checked_add(header.auth_len)?..)?;
            let (uri, _) = Body::decode(body).ok()?;
            input = rest;
            Some((header.message_type, body.get(uri)?))
        })
    }

    /// Where the next frame starts, in bytes from the start of the stream.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Checks that the stream may end here, with `rest` in the buffer.
    ///
    /// # Errors
    /// The stream ends within a frame; the error says how many bytes are missing.
    pub fn finish(&self, rest: &[u8]) -> Result<(), FrameError> {
        if rest.is_empty() {
            return Ok(());
        }
        let header_len = self.wire.codec.header_len();
        let wanted = self
            .header
            .and_then(|header| frame_len(header_len, &header))
            .unwrap_or(header_len);
        let missing = wanted.saturating_sub(rest.len());
        Err(FrameErrorKind::Truncated { missing }.at(self.position))
    }
}

fn frame_len(header_len: usize, header: &Header) -> Option<usize> {
    header_len
        .checked_add(header.auth_len)?
        .checked_add(header.body_len)
}

/// Reads a header and checks its type and lengths, before anything that it
/// announces is buffered.
#[inline(always)]
fn read_header(wire: &Wire, bytes: &[u8]) -> Result<Header, FrameErrorKind> {
    let header = match wire.codec.custom_header() {
        None => Header::decode(bytes)?,
        Some(format) => format.decode(bytes)?,
    };
    if !wire.types.contains(header.message_type) {
        return Err(FrameErrorKind::UnknownType(header.message_type.value()));
    }
    if header.auth_len > wire.limits.auth_section() || header.body_len > wire.limits.body() {
        return Err(too_long(wire, &header));
    }
    Ok(header)
}

fn too_long(wire: &Wire, header: &Header) -> FrameErrorKind {
    let (auth_max, body_max) = (wire.limits.auth_section(), wire.limits.body());
    if header.auth_len > auth_max {
        FrameErrorKind::AuthTooLong {
            len: header.auth_len,
            max: auth_max,
        }
    } else {
        FrameErrorKind::BodyTooLong {
            len: header.body_len,
            max: body_max,
        }
    }
}

/// A complete frame, its sections not yet decoded.
#[derive(Debug)]
pub struct Frame {
    header: Header,
    offset: u64,
    /// The auth section, then the body section.
    sections: BytesMut,
}

impl Frame {
    #[inline(always)]
    fn cut(header: Header, offset: u64, header_len: usize, mut sections: BytesMut) -> Self {
        sections.advance(header_len.min(sections.len()));
        Self {
            header,
            offset,
            sections,
        }
    }

    /// The frame that a datagram holds. Bytes behind it are ignored.
    ///
    /// # Errors
    /// The datagram holds no whole frame; unlike netaio, a body cut short is
    /// refused even where the checksum of what is there fits.
    // As Deframer::next.
    #[inline(always)]
    pub fn from_datagram(wire: &Wire, mut datagram: BytesMut) -> Result<Self, FrameErrorKind> {
        let header_len = wire.codec.header_len();
        let Some(bytes) = datagram.get(..header_len) else {
            let missing = header_len.saturating_sub(datagram.len());
            return Err(FrameErrorKind::Truncated { missing });
        };
        let header = read_header(wire, bytes)?;
        let len = frame_len(header_len, &header).ok_or_else(|| too_long(wire, &header))?;
        if datagram.len() < len {
            let missing = len.saturating_sub(datagram.len());
            return Err(FrameErrorKind::Truncated { missing });
        }
        datagram.truncate(len);
        Ok(Self::cut(header, 0, header_len, datagram))
    }

    /// The frame's header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Where the frame started, in bytes from the start of the stream.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Decodes the sections: auth fields, uri and content, checksum. Nothing is
    /// copied or allocated in netaio's own format.
    ///
    /// # Errors
    /// A section is malformed, or the checksum is wrong.
    #[inline(always)]
    pub fn decode(self, wire: &Wire) -> Result<SealedMessage, FrameErrorKind> {
        SealedMessage::decode(&self.header, self.sections, wire)
    }
}

#[cfg(test)]
mod tests {
    use super::super::encode::{encode, encode_plain};
    use super::*;
    use crate::message::{AuthFields, Message, MessageType, Payload};
    use alloc::vec;
    use alloc::vec::Vec;

    const ECHO: &[u8] = b"\x00\x00\x03\x00\x08\x33\x95\x03\xac\x4d\x40\x00\x00\x04echohi";

    fn deframe(chunks: &[&[u8]]) -> Result<Vec<Message>, FrameError> {
        let wire = Arc::new(Wire::default());
        let mut deframer = Deframer::new(wire.clone());
        let (mut input, mut messages) = (BytesMut::new(), Vec::new());
        for chunk in chunks {
            input.extend_from_slice(chunk);
            while let Some(frame) = deframer.next(&mut input)? {
                let offset = frame.offset();
                let sealed = frame.decode(&wire).map_err(|kind| kind.at(offset))?;
                messages.push(sealed.into_message());
            }
        }
        deframer.finish(&input)?;
        Ok(messages)
    }

    #[test]
    fn the_specifications_example_encodes_and_decodes() {
        let mut message = Message::request("echo");
        message.content = "hi".into();
        let wire = Wire::default();
        let mut out = Vec::new();
        encode_plain(&wire, &message, &message.auth, &mut out).unwrap();
        assert_eq!(out, ECHO);
        let mut payload = Payload::new();
        payload.load(b"echo", b"hi");
        encode(
            &wire,
            MessageType::REQUEST_URI,
            &AuthFields::new(),
            &mut payload,
            &mut out,
        )
        .unwrap();
        assert_eq!(out, [ECHO, ECHO].concat());
        assert_eq!(deframe(&[&out]).unwrap(), [message.clone(), message]);
    }

    #[test]
    fn chunks_make_no_difference() {
        let stream = [ECHO, ECHO, ECHO].concat();
        let whole = deframe(&[&stream]).unwrap();
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(deframe(&bytes).unwrap(), whole);
        assert_eq!(whole.len(), 3);
    }

    #[test]
    fn errors_name_the_offset_and_the_reason() {
        let cases: &[(&[u8], FrameErrorKind)] = &[
            (
                b"\x0e\x00\x03\x00\x02\0\0\0\0",
                FrameErrorKind::UnknownType(14),
            ),
            (
                b"\x00\x20\x01\x00\x02\0\0\0\0",
                FrameErrorKind::AuthTooLong {
                    len: 8193,
                    max: 8192,
                },
            ),
            (
                b"\x00\x00\x03\x00",
                FrameErrorKind::Truncated { missing: 5 },
            ),
            (
                b"\x00\x00\x03\x00\x02\0\0\0\0\x4d\x40",
                FrameErrorKind::Truncated { missing: 3 },
            ),
            (
                b"\x00\x00\x03\x00\x01\0\0\0\0\x4d\x40\x00\x00",
                FrameErrorKind::BodyTooShort { len: 1 },
            ),
            (
                b"\x00\x00\x03\x00\x02\0\0\0\0\x4d\x40\x00\x00\x01",
                FrameErrorKind::UriPastBody {
                    uri_len: 1,
                    room: 0,
                },
            ),
            (
                b"\x00\x00\x03\x00\x02\0\0\0\0\x4a\x40\x00\x00\x00",
                FrameErrorKind::AuthNotADict,
            ),
        ];
        for (bytes, kind) in cases {
            let error = deframe(&[ECHO, bytes]).unwrap_err();
            assert_eq!(
                error,
                FrameError {
                    offset: ECHO.len() as u64,
                    kind: kind.clone()
                }
            );
        }
        let error = deframe(&[b"\x00\x00\x03\x00\x02\0\0\0\0\x4d\x40\x00\x00\x00"]).unwrap_err();
        assert!(matches!(
            error.kind,
            FrameErrorKind::Checksum { found: 0, .. }
        ));
    }

    #[test]
    fn what_is_ahead_is_told_as_far_as_it_is_whole() {
        let deframer = Deframer::new(Arc::new(Wire::default()));
        let ahead = |bytes: &[u8]| {
            let uris = deframer.ahead(bytes).map(|(_, uri)| uri.to_vec());
            uris.collect::<Vec<_>>()
        };
        let two = [ECHO, ECHO].concat();
        for len in 0..two.len() {
            let whole = len / ECHO.len();
            assert_eq!(ahead(&two[..len]), vec![b"echo"; whole], "{len}");
        }
        let (first, _) = deframer.ahead(ECHO).next().unwrap();
        assert_eq!(first, MessageType::REQUEST_URI);
        // Behind a uri that is longer than its frame nothing is looked at.
        let broken = b"\x00\x00\x03\x00\x02\0\0\0\0\x4d\x40\x00\x00\x01";
        assert_eq!(ahead(&[ECHO, broken, ECHO].concat()), [b"echo"]);
    }

    #[test]
    fn an_error_stays_an_error() {
        let wire = Arc::new(Wire::default());
        let mut deframer = Deframer::new(wire);
        let mut input = BytesMut::from(&[0xff; 9][..]);
        assert!(deframer.next(&mut input).is_err());
        input.extend_from_slice(ECHO);
        assert!(deframer.next(&mut input).is_err());
    }

    #[test]
    fn an_absent_auth_section_is_the_empty_one() {
        let frame = b"\x00\x00\x00\x00\x08\x33\x95\x03\xac\x00\x04echohi";
        assert!(deframe(&[frame]).unwrap()[0].auth.is_empty());
    }

    #[test]
    fn datagrams_may_be_longer_than_their_frame_but_not_shorter() {
        let wire = Wire::default();
        let longer = [ECHO, b"tail"].concat();
        let frame = Frame::from_datagram(&wire, BytesMut::from(&longer[..])).unwrap();
        assert_eq!(frame.decode(&wire).unwrap().uri(), b"echo");
        for len in 0..ECHO.len() {
            let cut = BytesMut::from(&ECHO[..len]);
            let error = Frame::from_datagram(&wire, cut).unwrap_err();
            assert!(matches!(error, FrameErrorKind::Truncated { .. }), "{len}");
        }
    }
}
