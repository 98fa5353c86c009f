//! Datagrams on their way out.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::ops::Range;

use crate::requests::RequestId;

/// Datagrams to be sent, in one buffer.
#[derive(Debug, Default)]
pub struct Transmits {
    bytes: Vec<u8>,
    datagrams: Vec<Datagram>,
    /// The requests among them, by index, in its order.
    requests: Vec<(usize, RequestId)>,
    /// Bytes that they hold: each datagram once, and an entry for each address more.
    held: usize,
}

/// One of them.
#[derive(Clone, Debug)]
struct Datagram {
    to: SocketAddr,
    from: Option<IpAddr>,
    range: Range<usize>,
}

impl Transmits {
    /// Buffers larger than this go back when a burst is over, in bytes.
    const KEEP: usize = 64 * 1024;
    /// What one more address takes, in bytes.
    pub(super) const ENTRY: usize = size_of::<Datagram>();

    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            datagrams: Vec::new(),
            requests: Vec::new(),
            held: 0,
        }
    }

    /// Each datagram, and where it goes, in the order of the sends.
    pub fn iter(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        self.datagrams.iter().map(|Datagram { to, range, .. }| {
            let bytes = self.bytes.get(range.clone());
            (*to, bytes.unwrap_or_default())
        })
    }

    /// The datagram at an index, and where it goes.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<(SocketAddr, &[u8])> {
        let Datagram { to, range, .. } = self.datagrams.get(index)?;
        Some((*to, self.bytes.get(range.clone())?))
    }

    /// The address of this node that the datagram at an index is to leave from, since what it
    /// answers came there; `None` where the socket has one only, or the choice is the
    /// system's. See [`DatagramLink::receive_at`](crate::DatagramLink::receive_at).
    #[must_use]
    pub fn source(&self, index: usize) -> Option<IpAddr> {
        self.datagrams.get(index)?.from
    }

    /// How many datagrams from an index on, of `most` at most, are as long as the first, go to the
    /// same address and leave from the same one, and the bytes of all of them: what a system can
    /// cut into datagrams by itself.
    #[must_use]
    pub fn alike(&self, first: usize, most: usize) -> (usize, &[u8]) {
        let all = self.datagrams.get(first..).unwrap_or_default();
        let Some(one) = all.first() else {
            return (0, &[]);
        };
        let (len, mut end) = (one.range.len(), one.range.start);
        let alike = all.iter().take(most).take_while(|next| {
            let follows = next.range.start == end && next.range.len() == len;
            end = next.range.end;
            follows && next.to == one.to && next.from == one.from
        });
        let count = alike.count();
        let end = one.range.start.saturating_add(len.saturating_mul(count));
        let bytes = self.bytes.get(one.range.start..end);
        (count, bytes.unwrap_or_default())
    }

    /// The request that the datagram at an index is.
    pub(super) fn request(&self, index: usize) -> Option<RequestId> {
        let found = self.requests.binary_search_by_key(&index, |(at, _)| *at);
        let (_, request) = self.requests.get(found.ok()?)?;
        Some(*request)
    }

    /// Says that the last datagram is a request.
    pub(super) fn mark_request(&mut self, request: RequestId) {
        if let Some(last) = self.datagrams.len().checked_sub(1) {
            self.requests.push((last, request));
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Number of datagrams.
    #[must_use]
    pub fn count(&self) -> usize {
        self.datagrams.len()
    }

    /// Bytes that are held: a datagram that goes to many is there once.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Appends a datagram of the bytes that `make` appends, and returns how many
    /// they are.
    pub(super) fn push<E>(
        &mut self,
        to: SocketAddr,
        from: Option<IpAddr>,
        make: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let start = self.bytes.len();
        if let Err(error) = make(&mut self.bytes) {
            self.bytes.truncate(start);
            return Err(error);
        }
        let range = start..self.bytes.len();
        let len = range.len();
        self.datagrams.push(Datagram { to, from, range });
        self.held = self.held.saturating_add(len);
        Ok(len)
    }

    /// Appends a datagram.
    pub(super) fn append(&mut self, to: SocketAddr, from: Option<IpAddr>, datagram: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        let range = start..self.bytes.len();
        self.datagrams.push(Datagram { to, from, range });
        self.held = self.held.saturating_add(datagram.len());
    }

    /// Sends the last datagram to one more address.
    pub(super) fn repeat(&mut self, to: SocketAddr, from: Option<IpAddr>) {
        if let Some(Datagram { range, .. }) = self.datagrams.last().cloned() {
            self.held = self.held.saturating_add(Self::ENTRY);
            self.datagrams.push(Datagram { to, from, range });
        }
    }

    /// Takes the last datagram back, which goes to one address, and returns how
    /// long it was.
    pub(super) fn pop(&mut self) -> usize {
        let Some(Datagram { range, .. }) = self.datagrams.pop() else {
            return 0;
        };
        let left = self.datagrams.len();
        self.requests.pop_if(|(index, _)| *index >= left);
        self.bytes.truncate(range.start);
        self.held = self.held.saturating_sub(range.len());
        range.len()
    }

    /// The last datagram.
    pub(super) fn last(&self) -> &[u8] {
        let last = self.datagrams.last();
        let bytes = last.and_then(|last| self.bytes.get(last.range.clone()));
        bytes.unwrap_or_default()
    }

    /// The length of the last datagram.
    pub(super) fn last_len(&self) -> usize {
        self.datagrams.last().map_or(0, |last| last.range.len())
    }

    /// Gives what there is for what has been sent.
    pub(super) fn swap(&mut self, sent: &mut Self) {
        sent.bytes.clear();
        sent.datagrams.clear();
        sent.requests.clear();
        sent.held = 0;
        core::mem::swap(self, sent);
        if self.bytes.capacity() > Self::KEEP.max(sent.bytes.len().saturating_mul(4)) {
            *self = Self::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn push(transmits: &mut Transmits, to: u16, bytes: &[u8], fails: bool) -> Result<usize, ()> {
        transmits.push(at(to), None, |out| {
            out.extend_from_slice(bytes);
            match fails {
                true => Err(()),
                false => Ok(()),
            }
        })
    }

    #[test]
    fn datagrams_are_kept_apart_and_one_may_go_to_many() {
        let mut transmits = Transmits::new();
        assert!(transmits.is_empty() && transmits.get(0).is_none());
        assert_eq!((transmits.pop(), transmits.last_len()), (0, 0));
        transmits.repeat(at(1), None);
        assert_eq!(transmits.count(), 0);

        assert_eq!(push(&mut transmits, 1, b"one", false), Ok(3));
        assert_eq!(push(&mut transmits, 2, b"fails", true), Err(()));
        assert_eq!(push(&mut transmits, 3, b"three", false), Ok(5));
        transmits.repeat(at(4), Some([127, 0, 0, 9].into()));
        let expected = [(at(1), &b"one"[..]), (at(3), b"three"), (at(4), b"three")];
        assert_eq!(transmits.iter().collect::<Vec<_>>(), expected);
        assert_eq!(transmits.get(2), Some(expected[2]));
        let sources = [0, 1, 2, 3].map(|index| transmits.source(index));
        assert_eq!(sources, [None, None, Some([127, 0, 0, 9].into()), None]);
        assert!(transmits.get(3).is_none() && !transmits.is_empty());
        assert_eq!(
            (transmits.count(), transmits.held()),
            (3, 8 + Transmits::ENTRY)
        );
        assert_eq!(transmits.last_len(), 5);
    }

    #[test]
    fn the_last_one_is_taken_back() {
        let mut transmits = Transmits::new();
        push(&mut transmits, 1, b"one", false).unwrap();
        push(&mut transmits, 2, b"wrong", false).unwrap();
        assert_eq!(transmits.pop(), 5);
        push(&mut transmits, 2, b"two", false).unwrap();
        let expected = [(at(1), &b"one"[..]), (at(2), b"two")];
        assert_eq!(transmits.iter().collect::<Vec<_>>(), expected);
        assert_eq!(transmits.held(), 6);
    }

    #[test]
    fn what_was_sent_makes_room_for_what_was_not() {
        let (mut queue, mut sent) = (Transmits::new(), Transmits::new());
        push(&mut queue, 1, b"one", false).unwrap();
        queue.swap(&mut sent);
        assert!(queue.is_empty());
        assert_eq!(queue.last_len(), 0);
        assert_eq!((sent.count(), sent.held()), (1, 3));
        push(&mut queue, 2, b"two", false).unwrap();
        queue.swap(&mut sent);
        assert_eq!(sent.get(0), Some((at(2), &b"two"[..])));
        assert!(queue.is_empty() && queue.bytes.capacity() > 0);
    }

    #[test]
    fn datagrams_that_are_alike_are_found_together() {
        let mut transmits = Transmits::new();
        assert_eq!(transmits.alike(0, 9), (0, &b""[..]));
        for (to, bytes) in [(1, "one"), (1, "two"), (1, "ten"), (1, "four"), (2, "five")] {
            push(&mut transmits, to, bytes.as_bytes(), false).unwrap();
        }
        transmits.repeat(at(2), None);
        transmits.append(at(2), Some([127, 0, 0, 9].into()), b"nine");
        for (first, most, count, bytes) in [
            (0, 9, 3, "onetwoten"),
            (0, 2, 2, "onetwo"),
            (0, 0, 0, ""),
            (2, 9, 1, "ten"),
            (3, 9, 1, "four"),
            // The same bytes again are not behind themselves.
            (4, 9, 1, "five"),
            (5, 9, 1, "five"),
            (6, 9, 1, "nine"),
            (7, 9, 0, ""),
        ] {
            let expected = (count, bytes.as_bytes());
            assert_eq!(transmits.alike(first, most), expected, "{first}");
        }
    }

    #[test]
    fn requests_are_known_by_their_datagrams() {
        let request = |serial| RequestId { serial, slot: 0 };
        let mut transmits = Transmits::new();
        transmits.mark_request(request(1));
        for (to, serial) in [(1, None), (2, Some(2)), (3, None), (4, Some(4))] {
            push(&mut transmits, to, b"it", false).unwrap();
            if let Some(serial) = serial {
                transmits.mark_request(request(serial));
            }
        }
        let requests = [0, 1, 2, 3, 4].map(|index| transmits.request(index));
        let expected = [None, Some(request(2)), None, Some(request(4)), None];
        assert_eq!(requests, expected);
        transmits.pop();
        push(&mut transmits, 5, b"another", false).unwrap();
        assert_eq!(transmits.request(3), None);
        let mut sent = Transmits::new();
        transmits.swap(&mut sent);
        assert_eq!(
            (sent.request(1), transmits.request(1)),
            (Some(request(2)), None)
        );
    }
}
