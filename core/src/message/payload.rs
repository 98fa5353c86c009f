//! A uri and a content in one buffer, for ciphers.

use alloc::vec::Vec;

use bytes::BytesMut;

use super::Codec;

/// A uri and a content that cipher layers work on, one behind the other in one
/// buffer, so that a cipher works in place.
///
/// A cipher reads [`uri`](Self::uri) and [`content`](Self::content), changes both
/// as [`bytes_mut`](Self::bytes_mut), may put bytes before them or remove some,
/// and sets where the uri ends.
#[derive(Clone, Debug)]
pub struct Payload {
    buffer: BytesMut,
    start: usize,
    uri_len: usize,
    /// Where another body format is in use: the section, encoded on demand.
    section: Vec<u8>,
}

impl Payload {
    /// Room in front for the uri's length and for what ciphers put before the
    /// payload (a nonce, a tag, an inner length), so that it need not be moved.
    const HEADROOM: usize = 96;

    /// An empty payload, to be filled by [`load`](Self::load).
    pub(crate) fn new() -> Self {
        Self {
            buffer: BytesMut::new(),
            start: 0,
            uri_len: 0,
            section: Vec::new(),
        }
    }

    /// Replaces uri and content, in the same buffer.
    pub(crate) fn load(&mut self, uri: &[u8], content: &[u8]) {
        match self.buffer.len() < Self::HEADROOM {
            true => self.buffer.resize(Self::HEADROOM, 0),
            // What is left there of the one before is overwritten by who uses it.
            false => self.buffer.truncate(Self::HEADROOM),
        }
        self.buffer.reserve(uri.len().saturating_add(content.len()));
        self.buffer.extend_from_slice(uri);
        self.buffer.extend_from_slice(content);
        self.start = Self::HEADROOM;
        self.uri_len = uri.len();
    }

    /// A received uri and content where they are: from `start` to the end.
    pub(crate) fn within(buffer: BytesMut, start: usize, uri_len: usize) -> Self {
        Self {
            buffer,
            start,
            uri_len,
            section: Vec::new(),
        }
    }

    /// The buffer, where uri and content start in it, and the uri's length. In
    /// front of the uri stands its length, where there is room.
    pub(crate) fn into_buffer(mut self) -> (BytesMut, usize, usize) {
        self.write_uri_len();
        (self.buffer, self.start, self.uri_len)
    }

    /// The uri.
    #[must_use]
    pub fn uri(&self) -> &[u8] {
        self.bytes().get(..self.uri_len).unwrap_or_default()
    }

    /// The content.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        self.bytes().get(self.uri_len..).unwrap_or_default()
    }

    /// Length of the uri, in bytes.
    #[must_use]
    pub fn uri_len(&self) -> usize {
        self.uri_len
    }

    /// Length of uri and content together, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Whether uri and content are both empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Uri and content, one behind the other.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Uri and content, to be worked on in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.buffer.get_mut(self.start..).unwrap_or_default()
    }

    /// The content, to be worked on in place.
    pub fn content_mut(&mut self) -> &mut [u8] {
        let start = self.start.saturating_add(self.uri_len);
        self.buffer.get_mut(start..).unwrap_or_default()
    }

    /// Lets the uri be the first `len` bytes. With a length past the end it is all
    /// of them, and the content is empty.
    pub fn set_uri_len(&mut self, len: usize) {
        self.uri_len = len.min(self.len());
    }

    /// Puts `bytes` in front; they become part of the uri.
    pub fn prepend(&mut self, bytes: &[u8]) {
        match self.start.checked_sub(bytes.len()) {
            Some(start) => {
                if let Some(room) = self.buffer.get_mut(start..self.start) {
                    room.copy_from_slice(bytes);
                }
                self.start = start;
            }
            None => {
                let mut longer = BytesMut::with_capacity(
                    Self::HEADROOM
                        .saturating_add(bytes.len())
                        .saturating_add(self.len()),
                );
                longer.resize(Self::HEADROOM, 0);
                longer.extend_from_slice(bytes);
                longer.extend_from_slice(self.bytes());
                self.buffer = longer;
                self.start = Self::HEADROOM;
            }
        }
        self.uri_len = self.uri_len.saturating_add(bytes.len());
    }

    /// Puts `bytes` between uri and content; they become part of the content.
    /// This moves the uri, which is the shorter of the two as a rule.
    pub fn prepend_to_content(&mut self, bytes: &[u8]) {
        let uri_len = self.uri_len;
        self.prepend(bytes);
        self.swap_front(bytes.len(), uri_len);
        self.uri_len = uri_len;
    }

    /// Removes the first `count` bytes of the content, or all where there are
    /// fewer. This moves the uri.
    pub fn trim_content_front(&mut self, count: usize) {
        let (uri_len, count) = (self.uri_len, count.min(self.content().len()));
        self.swap_front(uri_len, count);
        self.trim_front(count);
        self.uri_len = uri_len;
    }

    /// Exchanges the first `first` bytes with the `second` bytes behind them.
    fn swap_front(&mut self, first: usize, second: usize) {
        let both = first.saturating_add(second);
        if let Some(front) = self.bytes_mut().get_mut(..both) {
            front.rotate_left(first);
        }
    }

    /// Removes the first `count` bytes, or all where there are fewer; the uri
    /// shrinks by as many.
    pub fn trim_front(&mut self, count: usize) {
        let count = count.min(self.len());
        self.start = self.start.saturating_add(count);
        self.uri_len = self.uri_len.saturating_sub(count);
    }

    /// The body section as it goes over the wire.
    pub(crate) fn section(&mut self, codec: &Codec) -> &[u8] {
        if let Some(format) = codec.custom_body() {
            let mut section = core::mem::take(&mut self.section);
            section.clear();
            format.encode(self.uri(), self.content(), &mut section);
            self.section = section;
            return &self.section;
        }
        // A payload starts with at least these two bytes in front. If a cipher has
        // used them, the payload is moved.
        if self.start < 2 {
            let uri_len = self.uri_len;
            self.prepend(&[0, 0]);
            self.trim_front(2);
            self.uri_len = uri_len;
        }
        self.write_uri_len();
        let start = self.start.saturating_sub(2);
        self.buffer.get(start..).unwrap_or_default()
    }

    fn write_uri_len(&mut self) {
        let len = u16::try_from(self.uri_len)
            .unwrap_or(u16::MAX)
            .to_be_bytes();
        let place = self
            .start
            .checked_sub(2)
            .and_then(|start| self.buffer.get_mut(start..self.start));
        if let Some(place) = place {
            place.copy_from_slice(&len);
        }
    }

    /// Frees each buffer that is larger than `keep` bytes.
    pub(crate) fn shrink(&mut self, keep: usize) {
        if self.buffer.capacity() > keep {
            self.buffer = BytesMut::new();
        }
        if self.section.capacity() > keep {
            self.section = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_grows_and_shrinks_in_place() {
        let mut payload = Payload::new();
        payload.load(b"uri", b"content");
        assert_eq!(payload.section(&Codec::netaio()), b"\0\x03uricontent");
        payload.prepend(&[0, 3]);
        payload.set_uri_len(4);
        assert_eq!(
            (payload.uri(), payload.content()),
            (&b"\0\x03ur"[..], &b"icontent"[..])
        );
        payload.trim_front(2);
        assert_eq!(
            (payload.uri(), payload.content()),
            (&b"ur"[..], &b"icontent"[..])
        );
        payload.prepend_to_content(b"--");
        assert_eq!(
            (payload.uri(), payload.content()),
            (&b"ur"[..], &b"--icontent"[..])
        );
        payload.trim_content_front(3);
        assert_eq!(
            (payload.uri(), payload.content()),
            (&b"ur"[..], &b"content"[..])
        );
        payload.prepend_to_content(b"--i");
        let (buffer, start, uri_len) = payload.into_buffer();
        assert_eq!(
            (&buffer[start - 2..], uri_len),
            (&b"\0\x02ur--icontent"[..], 2)
        );
    }

    #[test]
    fn no_more_content_is_taken_than_there_is() {
        let mut payload = Payload::new();
        payload.load(b"uri", b"content");
        payload.trim_content_front(100);
        assert_eq!((payload.uri(), payload.content()), (&b"uri"[..], &b""[..]));
        payload.trim_content_front(1);
        assert_eq!(payload.bytes(), b"uri");
    }

    #[test]
    fn prepending_past_the_headroom_moves_once() {
        let mut payload = Payload::new();
        payload.load(b"u", b"c");
        for _ in 0..200 {
            payload.prepend(b"x");
        }
        assert_eq!(payload.len(), 202);
        assert_eq!(payload.uri_len(), 201);
        assert_eq!(payload.section(&Codec::netaio()).len(), 204);
    }

    #[test]
    fn a_section_without_room_in_front_still_encodes() {
        let mut payload = Payload::within(BytesMut::from(&b"ab"[..]), 0, 1);
        assert_eq!(payload.section(&Codec::netaio()), b"\0\x01ab");
        assert_eq!(payload.uri(), b"a");
    }

    #[test]
    fn a_buffer_that_is_small_enough_is_kept() {
        let mut payload = Payload::new();
        assert!(payload.is_empty());
        payload.load(b"uri", b"content");
        assert!(!payload.is_empty());
        let room = payload.buffer.capacity();
        payload.shrink(room);
        assert_eq!(payload.buffer.capacity(), room);
        payload.shrink(room.saturating_sub(1));
        assert_eq!(payload.buffer.capacity(), 0);
        // The section in a custom format, too.
        payload.section = alloc::vec![0; 100];
        payload.shrink(100);
        assert_eq!(payload.section.len(), 100);
        payload.shrink(99);
        assert_eq!(payload.section.capacity(), 0);
    }
}
