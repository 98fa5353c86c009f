//! Messages to bytes.

use alloc::vec::Vec;

use crate::error::SealError;
use crate::message::{AuthFields, EMPTY_DICT, Header, Message, MessageType, Payload};
use crate::packify::put_single_field;
use crate::wire::Wire;

/// Bytes of the length in front of a uri.
const URI_LEN: usize = size_of::<u16>();

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
    if wire.codec.is_netaio() && auth.is_empty() {
        return encode_bare(wire, message, None, out);
    }
    let uri_len = u16::try_from(message.uri.len())
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    let parts = [&uri_len[..], &message.uri, &message.content];
    encode_sections(wire, message.message_type, auth, &parts, out)
}

/// As [`encode_plain`], in netaio's own format, without fields or with one: its name, and its
/// packed value. That is what most frames are where no plugin is. All that the frame begins
/// with is put there at once.
pub(crate) fn encode_bare(
    wire: &Wire,
    message: &Message,
    field: Option<(&str, &[u8])>,
    out: &mut Vec<u8>,
) -> Result<(), SealError> {
    const MAX: usize = u16::MAX as usize;
    /// A section of one short field, and the length of the uri: only a reservation.
    const ROOM: usize = 64;

    let (uri, content) = (&message.uri[..], &message.content[..]);
    let uri_len = u16::try_from(uri.len()).map_err(|_| SealError::UriTooLong {
        len: uri.len(),
        max: MAX,
    })?;
    let body_len = URI_LEN
        .saturating_add(uri.len())
        .saturating_add(content.len());
    let len = u16::try_from(body_len).map_err(|_| SealError::BodyTooLong {
        len: body_len,
        max: MAX,
    })?;
    let [u0, u1] = uri_len.to_be_bytes();
    let [b0, b1] = len.to_be_bytes();
    let [d0, d1, d2] = EMPTY_DICT;
    let kind = message.message_type.value();
    let begin = out.len();
    out.reserve(body_len.saturating_add(Header::LEN).saturating_add(ROOM));
    match field {
        None => {
            let auth_len = EMPTY_DICT.len() as u8;
            let start = [kind, 0, auth_len, b0, b1, 0, 0, 0, 0, d0, d1, d2, u0, u1];
            out.extend_from_slice(&start);
        }
        Some((name, value)) => {
            out.extend_from_slice(&[kind, 0, 0, b0, b1, 0, 0, 0, 0]);
            let auth = out.len();
            let put = put_single_field(out, name, value.len()).map_err(SealError::Auth);
            out.extend_from_slice(value);
            let len = out.len().saturating_sub(auth);
            let fits = put.and_then(|()| {
                u16::try_from(len).map_err(|_| SealError::AuthTooLong { len, max: MAX })
            });
            match fits {
                Ok(len) => {
                    let place = begin.saturating_add(Header::AUTH_LEN);
                    put_at(out, place, len.to_be_bytes());
                }
                Err(error) => {
                    out.truncate(begin);
                    return Err(error);
                }
            }
            out.extend_from_slice(&[u0, u1]);
        }
    }
    let body = out.len().saturating_sub(URI_LEN);
    out.extend_from_slice(uri);
    out.extend_from_slice(content);
    let checksum = wire.codec.checksum(out.get(body..).unwrap_or_default());
    let place = begin.saturating_add(Header::CHECKSUM);
    put_at(out, place, checksum.to_be_bytes());
    Ok(())
}

fn put_at<const N: usize>(out: &mut [u8], at: usize, bytes: [u8; N]) {
    if let Some(place) = out.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = bytes;
    }
}

fn encode_sections(
    wire: &Wire,
    message_type: MessageType,
    auth: &AuthFields,
    body: &[&[u8]],
    out: &mut Vec<u8>,
) -> Result<(), SealError> {
    match auth.section() {
        Some(auth) if wire.codec.is_netaio() => encode_netaio(wire, message_type, auth, body, out),
        _ => encode_any(wire, message_type, auth, body, out),
    }
}

/// As [`encode_sections`], in netaio's own format: how long all is, is known from the outset.
#[inline]
fn encode_netaio(
    wire: &Wire,
    message_type: MessageType,
    auth: &[u8],
    body: &[&[u8]],
    out: &mut Vec<u8>,
) -> Result<(), SealError> {
    let body_len = body.iter().map(|part| part.len()).sum::<usize>();
    let mut header = [0; Header::LEN];
    Header {
        message_type,
        auth_len: auth.len(),
        body_len,
        checksum: None,
    }
    .encode(&mut header)?;
    let begin = out.len();
    let sections = auth.len().saturating_add(body_len);
    out.reserve(sections.saturating_add(Header::LEN));
    out.extend_from_slice(&header);
    out.extend_from_slice(auth);
    let start = out.len();
    body.iter().for_each(|part| out.extend_from_slice(part));
    let checksum = wire.codec.checksum(out.get(start..).unwrap_or_default());
    let place = begin.saturating_add(Header::CHECKSUM);
    put_at(out, place, checksum.to_be_bytes());
    Ok(())
}

/// As [`encode_sections`], in any format.
fn encode_any(
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
        out.resize(start.saturating_add(wire.codec.header_len()), 0);
        let auth_start = out.len();
        match wire.codec.custom_auth() {
            None => auth.encode(out)?,
            Some(format) => format.encode(auth, out)?,
        }
        let body_start = out.len();
        body.iter().for_each(|part| out.extend_from_slice(part));
        let checksum = wire
            .codec
            .checksum(out.get(body_start..).unwrap_or_default());
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
