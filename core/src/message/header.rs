//! The nine bytes in front of every frame.

use super::MessageType;
use crate::error::{FrameErrorKind, SealError};

/// A frame's header, in whichever format it is on the wire.
///
/// netaio's is nine bytes, big-endian: message type (1), length of the auth
/// section (2), length of the body section (2), checksum (4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The message type, which may be one that is not registered.
    pub message_type: MessageType,
    /// Bytes of the auth section.
    pub auth_len: usize,
    /// Bytes of the body section.
    pub body_len: usize,
    /// CRC-32 (IEEE) of the body section, as zlib computes it. `None` where a
    /// header format carries none: nothing is then compared.
    pub checksum: Option<u32>,
}

impl Header {
    /// Length of netaio's header, in bytes.
    pub const LEN: usize = 9;
    /// Where the checksum is in it.
    pub(crate) const CHECKSUM: usize = 5;
    /// Where the length of the auth section is.
    pub(crate) const AUTH_LEN: usize = 1;

    /// Reads netaio's header.
    ///
    /// # Errors
    /// There are not exactly nine bytes.
    #[inline]
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameErrorKind> {
        let &[kind, a0, a1, b0, b1, c0, c1, c2, c3] = bytes else {
            return Err(FrameErrorKind::Custom("a header has nine bytes"));
        };
        Ok(Self {
            message_type: MessageType::new(kind),
            auth_len: usize::from(u16::from_be_bytes([a0, a1])),
            body_len: usize::from(u16::from_be_bytes([b0, b1])),
            checksum: Some(u32::from_be_bytes([c0, c1, c2, c3])),
        })
    }

    /// Fills `out`, which is nine bytes long, with netaio's header.
    ///
    /// # Errors
    /// A section is longer than 65,535 bytes, or `out` is of another length.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> Result<(), SealError> {
        const MAX: usize = u16::MAX as usize;
        let auth_len = u16::try_from(self.auth_len).map_err(|_| SealError::AuthTooLong {
            len: self.auth_len,
            max: MAX,
        })?;
        let body_len = u16::try_from(self.body_len).map_err(|_| SealError::BodyTooLong {
            len: self.body_len,
            max: MAX,
        })?;
        let [a0, a1] = auth_len.to_be_bytes();
        let [b0, b1] = body_len.to_be_bytes();
        let [c0, c1, c2, c3] = self.checksum.unwrap_or(0).to_be_bytes();
        match <&mut [u8; Self::LEN]>::try_from(out) {
            Ok(out) => *out = [self.message_type.value(), a0, a1, b0, b1, c0, c1, c2, c3],
            Err(_) => return Err(SealError::Plugin("a header has nine bytes")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_is_nine_bytes_big_endian() {
        let header = Header {
            message_type: MessageType::NOT_FOUND,
            auth_len: 0x0102,
            body_len: 0x0304,
            checksum: Some(0x0506_0708),
        };
        let mut out = [0; 9];
        header.encode(&mut out).unwrap();
        assert_eq!(out, [24, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(Header::decode(&out), Ok(header));
        assert!(Header::decode(&out[..8]).is_err());
    }

    #[test]
    fn lengths_over_16_bits_are_the_callers_error() {
        let mut header = Header {
            message_type: MessageType::OK,
            auth_len: 65_536,
            body_len: 0,
            checksum: None,
        };
        let mut out = [0; 9];
        assert!(matches!(
            header.encode(&mut out),
            Err(SealError::AuthTooLong { .. })
        ));
        header.auth_len = 0;
        header.body_len = 65_536;
        assert!(matches!(
            header.encode(&mut out),
            Err(SealError::BodyTooLong { .. })
        ));
        assert_eq!(out, [0; 9]);
    }
}
