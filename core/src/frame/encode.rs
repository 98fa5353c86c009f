//! Messages to bytes.

use alloc::vec::Vec;

use crate::error::SealError;
use crate::message::{AuthFields, Header, Message, MessageType, Payload};
use crate::wire::Wire;

/// Appends a frame to `out`; on an error `out` is as before.
///
/// # Errors
/// A section does not fit its length field.
pub(crate) fn encode(
    wire: &Wire,
    message_type: MessageType,
    auth: &AuthFields,
    payload: &mut Payload,
    out: &mut Vec<u8>,
) -> Result<(), SealError> {
    let section = payload.section(&wire.codec);
    encode_sections(wire, message_type, auth, &[section], out)
}

/// As [`encode`], with netaio's body section given in its three parts.
pub(crate) fn encode_plain(
    wire: &Wire,
    message: &Message,
    auth: &AuthFields,
    out: &mut Vec<u8>,
) -> Result<(), SealError> {
    let uri_len = u16::try_from(message.uri.len())
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    let parts = [&uri_len[..], &message.uri, &message.content];
    encode_sections(wire, message.message_type, auth, &parts, out)
}

fn encode_sections(
    wire: &Wire,
    message_type: MessageType,
    auth: &AuthFields,
    body: &[&[u8]],
    out: &mut Vec<u8>,
) -> Result<(), SealError> {
    let start = out.len();
    let header_end = start.saturating_add(wire.codec.header_len());
    let body_len = body.iter().map(|part| part.len()).sum();
    let result = encode_after_header(wire, auth, body, header_end, out).and_then(|auth_len| {
        let mut checksum = crc32fast::Hasher::new();
        body.iter().for_each(|part| checksum.update(part));
        let header = Header {
            message_type,
            auth_len,
            body_len,
            checksum: Some(checksum.finalize()),
        };
        write_header(wire, &header, start, header_end, out)
    });
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn encode_after_header(
    wire: &Wire,
    auth: &AuthFields,
    body: &[&[u8]],
    header_end: usize,
    out: &mut Vec<u8>,
) -> Result<usize, SealError> {
    let body_len: usize = body.iter().map(|part| part.len()).sum();
    out.reserve(body_len.saturating_add(AUTH_ROOM));
    out.resize(header_end, 0);
    match wire.codec.custom_auth() {
        None => auth.encode(out)?,
        Some(format) => format.encode(auth, out)?,
    }
    let auth_len = out.len().saturating_sub(header_end);
    body.iter().for_each(|part| out.extend_from_slice(part));
    Ok(auth_len)
}

/// Header and auth section of most messages, in bytes: only a reservation.
const AUTH_ROOM: usize = 160;

/// Writes the header into the room left for it, once the lengths are known.
fn write_header(
    wire: &Wire,
    header: &Header,
    start: usize,
    end: usize,
    out: &mut Vec<u8>,
) -> Result<(), SealError> {
    // The header is appended and moved: a format may only append, and a fixed
    // buffer would bound its length.
    let frame_end = out.len();
    wire.codec.encode_header(header, out)?;
    if out.len().saturating_sub(frame_end) != end.saturating_sub(start) {
        return Err(SealError::Plugin(
            "the header format wrote another length than it has",
        ));
    }
    out.copy_within(frame_end.., start);
    out.truncate(frame_end);
    Ok(())
}
