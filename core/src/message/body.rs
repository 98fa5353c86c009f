//! The body section: a uri and a content.

use core::ops::Range;

use crate::error::FrameErrorKind;

/// netaio's body section: `uri_length` (u16, big-endian), the uri, the content.
#[derive(Clone, Copy, Debug)]
pub struct Body;

impl Body {
    /// The most bytes of uri and content together that netaio sends:
    /// `len(content) + len(uri)` must be below 65,536 - 9 (header) - 104 (its
    /// estimate of what lower layers add). A receiver takes up to 65,533.
    pub const MAX_PAYLOAD: usize = 65_536 - 9 - 104 - 1;
    /// The longest uri that its length field can express.
    pub const MAX_URI: usize = 65_535;

    /// Finds uri and content in a section.
    ///
    /// # Errors
    /// The section has no room for the uri's length, or the uri ends past it.
    #[inline]
    pub fn decode(section: &[u8]) -> Result<(Range<usize>, Range<usize>), FrameErrorKind> {
        let Some((&len, rest)) = section.split_first_chunk::<2>() else {
            return Err(FrameErrorKind::BodyTooShort { len: section.len() });
        };
        let uri_len = usize::from(u16::from_be_bytes(len));
        if uri_len > rest.len() {
            return Err(FrameErrorKind::UriPastBody {
                uri_len,
                room: rest.len(),
            });
        }
        let content = uri_len.saturating_add(2);
        Ok((2..content, content..section.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_finds_its_parts() {
        assert_eq!(Body::decode(&[0, 2, 1, 2, 3]), Ok((2..4, 4..5)));
        assert_eq!(Body::decode(&[0, 0]), Ok((2..2, 2..2)));
        assert_eq!(Body::decode(&[0, 2, 1, 2]), Ok((2..4, 4..4)));
        assert_eq!(
            Body::decode(&[0]),
            Err(FrameErrorKind::BodyTooShort { len: 1 })
        );
        assert_eq!(
            Body::decode(&[0, 3, 1, 2]),
            Err(FrameErrorKind::UriPastBody {
                uri_len: 3,
                room: 2
            })
        );
    }
}
