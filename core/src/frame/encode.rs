//! Messages to bytes.

use alloc::vec::Vec;

use crate::error::SealError;
use crate::message::{AuthFields, Header, Message, MessageType, Payload};
use crate::wire::Wire;

/// Appends a frame to `out`; on an error `out` is unchanged.
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
    /// Header and auth section of most messages, in bytes: only a reservation.
    const ROOM: usize = 160;

    let start = out.len();
    let body_len = body.iter().map(|part| part.len()).sum::<usize>();
    out.reserve(body_len.saturating_add(ROOM));
    let result = (|| {
        match wire.codec.header_len() {
            // Room for netaio's header, without a call to fill it.
            Header::LEN => out.extend_from_slice(&[0; Header::LEN]),
            len => out.resize(start.saturating_add(len), 0),
        }
        let auth_start = out.len();
        match wire.codec.custom_auth() {
            None => auth.encode(out)?,
            Some(format) => format.encode(auth, out)?,
        }
        let body_start = out.len();
        body.iter().for_each(|part| out.extend_from_slice(part));
        let checksum = crc32fast::hash(out.get(body_start..).unwrap_or_default());
        let header = Header {
            message_type,
            auth_len: body_start.saturating_sub(auth_start),
            body_len,
            checksum: Some(checksum),
        };
        let place = out.get_mut(start..auth_start).unwrap_or_default();
        wire.codec.encode_header(&header, place)
    })();
    if result.is_err() {
        out.truncate(start);
    }
    result
}
