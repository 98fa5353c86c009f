//! The formats of a frame: netaio's own, and custom ones in its place.
//!
//! netaio lets a program replace the classes of header, auth fields and body.
//! Here each is a trait, and a [`Codec`] holds the three. The default codec
//! holds none: its format is compiled in, and costs one branch.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use super::{AuthFields, Body, Header};
use crate::error::{FrameErrorKind, SealError};
use crate::packify::DecodeLimits;

/// A header format. It has a fixed length, since a receiver must know how many
/// bytes to wait for before it can read any of them.
pub trait HeaderFormat: Send + Sync {
    /// Length of every header, in bytes.
    fn header_len(&self) -> usize;

    /// Reads a header from exactly [`header_len`](Self::header_len) bytes.
    ///
    /// # Errors
    /// The bytes are no header; the connection is then closed.
    fn decode(&self, bytes: &[u8]) -> Result<Header, FrameErrorKind>;

    /// Fills `out`, which is [`header_len`](Self::header_len) bytes long.
    ///
    /// # Errors
    /// A length does not fit: [`SealError::AuthTooLong`] or
    /// [`SealError::BodyTooLong`].
    fn encode(&self, header: &Header, out: &mut [u8]) -> Result<(), SealError>;
}

/// A format of the auth section.
pub trait AuthFormat: Send + Sync {
    /// Reads a section, which is at most [`Limits::auth_section`](crate::Limits)
    /// bytes long.
    ///
    /// # Errors
    /// The bytes are no auth section in this format.
    fn decode(&self, section: &[u8], limits: &DecodeLimits) -> Result<AuthFields, FrameErrorKind>;

    /// Appends the section.
    ///
    /// # Errors
    /// A field cannot be expressed in this format.
    fn encode(&self, fields: &AuthFields, out: &mut Vec<u8>) -> Result<(), SealError>;
}

/// A format of the body section, which carries a uri and a content.
pub trait BodyFormat: Send + Sync {
    /// Finds uri and content in a section, as ranges of it in this order.
    ///
    /// # Errors
    /// The bytes are no body in this format.
    fn decode(&self, section: &[u8]) -> Result<(Range<usize>, Range<usize>), FrameErrorKind>;

    /// Appends the section for a uri of at most [`max_uri`](Self::max_uri) bytes.
    fn encode(&self, uri: &[u8], content: &[u8], out: &mut Vec<u8>);

    /// The longest uri, in bytes.
    fn max_uri(&self) -> usize;

    /// The most bytes of uri and content together that a message may carry.
    fn max_payload(&self) -> usize;
}

/// The formats of header, auth section and body that one link uses.
///
/// ```
/// use netaio_core::{Codec, FrameErrorKind, Header, HeaderFormat, MessageType, SealError};
/// use std::sync::Arc;
///
/// /// Type, then 32-bit lengths; no checksum.
/// struct WideHeader;
///
/// impl HeaderFormat for WideHeader {
///     fn header_len(&self) -> usize {
///         9
///     }
///     fn decode(&self, bytes: &[u8]) -> Result<Header, FrameErrorKind> {
///         let [kind, a0, a1, a2, a3, b0, b1, b2, b3] = *bytes else {
///             return Err(FrameErrorKind::Custom("a wide header has nine bytes"));
///         };
///         Ok(Header {
///             message_type: MessageType::new(kind),
///             auth_len: u32::from_be_bytes([a0, a1, a2, a3]) as usize,
///             body_len: u32::from_be_bytes([b0, b1, b2, b3]) as usize,
///             checksum: None,
///         })
///     }
///     fn encode(&self, header: &Header, out: &mut [u8]) -> Result<(), SealError> {
///         let auth = u32::try_from(header.auth_len).map_err(|_| SealError::AuthTooLong {
///             len: header.auth_len,
///             max: u32::MAX as usize,
///         })?;
///         let body = u32::try_from(header.body_len).map_err(|_| SealError::BodyTooLong {
///             len: header.body_len,
///             max: u32::MAX as usize,
///         })?;
///         out[0] = header.message_type.value();
///         out[1..5].copy_from_slice(&auth.to_be_bytes());
///         out[5..9].copy_from_slice(&body.to_be_bytes());
///         Ok(())
///     }
/// }
///
/// let codec = Codec::netaio().with_header(Arc::new(WideHeader));
/// assert_eq!(codec.header_len(), 9);
/// ```
#[derive(Clone, Default)]
pub struct Codec {
    header: Option<Arc<dyn HeaderFormat>>,
    auth: Option<Arc<dyn AuthFormat>>,
    body: Option<Arc<dyn BodyFormat>>,
    /// Of no bytes yet: a new one looks up what the processor can.
    hasher: crc32fast::Hasher,
}

impl Codec {
    /// netaio's own format.
    #[must_use]
    pub fn netaio() -> Self {
        Self::default()
    }

    /// Replaces the header format.
    #[must_use]
    pub fn with_header(mut self, format: Arc<dyn HeaderFormat>) -> Self {
        self.header = Some(format);
        self
    }

    /// Replaces the format of the auth section.
    #[must_use]
    pub fn with_auth(mut self, format: Arc<dyn AuthFormat>) -> Self {
        self.auth = Some(format);
        self
    }

    /// Replaces the body format.
    #[must_use]
    pub fn with_body(mut self, format: Arc<dyn BodyFormat>) -> Self {
        self.body = Some(format);
        self
    }

    /// Length of every header, in bytes.
    #[must_use]
    pub fn header_len(&self) -> usize {
        match &self.header {
            None => Header::LEN,
            Some(format) => format.header_len(),
        }
    }

    /// The longest uri, in bytes.
    #[must_use]
    pub fn max_uri(&self) -> usize {
        match &self.body {
            None => Body::MAX_URI,
            Some(format) => format.max_uri(),
        }
    }

    /// The most bytes of uri and content together that can be sent.
    #[must_use]
    pub fn max_payload(&self) -> usize {
        match &self.body {
            None => Body::MAX_PAYLOAD,
            Some(format) => format.max_payload(),
        }
    }

    /// The checksum of a body section: CRC-32 with the polynomial of IEEE 802.3, as Python's
    /// `zlib.crc32` makes it.
    #[inline]
    pub(crate) fn checksum(&self, section: &[u8]) -> u32 {
        let mut hasher = self.hasher.clone();
        hasher.update(section);
        hasher.finalize()
    }

    /// Whether every part is in netaio's own format.
    #[inline]
    pub(crate) fn is_netaio(&self) -> bool {
        self.header.is_none() && self.auth.is_none() && self.body.is_none()
    }

    /// The format of the header, where it is not netaio's.
    #[inline]
    pub(crate) fn custom_header(&self) -> Option<&dyn HeaderFormat> {
        self.header.as_deref()
    }

    pub(crate) fn encode_header(&self, header: &Header, out: &mut [u8]) -> Result<(), SealError> {
        match &self.header {
            None => header.encode(out),
            Some(format) => format.encode(header, out),
        }
    }

    /// The format of the auth section, where it is not netaio's.
    #[inline]
    pub(crate) fn custom_auth(&self) -> Option<&dyn AuthFormat> {
        self.auth.as_deref()
    }

    /// The body format, where it is not netaio's.
    #[inline]
    pub(crate) fn custom_body(&self) -> Option<&dyn BodyFormat> {
        self.body.as_deref()
    }
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |custom: bool| if custom { "custom" } else { "netaio" };
        f.debug_struct("Codec")
            .field("header", &name(self.header.is_some()))
            .field("auth", &name(self.auth.is_some()))
            .field("body", &name(self.body.is_some()))
            .finish()
    }
}
