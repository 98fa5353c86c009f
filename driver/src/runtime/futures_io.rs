//! The halves of a stream with the polling traits of futures-io.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use futures_lite::io::{AsyncRead, AsyncWrite};

use super::{ReadHalf, WriteHalf};

/// The most that is read at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// The reading half of a stream.
#[derive(Debug)]
pub struct Reader<T>(pub T);

impl<T: AsyncRead + Unpin + Send + 'static> ReadHalf for Reader<T> {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        poll_read(&mut self.0, context, buffer)
    }
}

/// The writing half of a stream.
#[derive(Debug)]
pub struct Writer<T>(pub T);

impl<T: AsyncWrite + Unpin + Send + 'static> WriteHalf for Writer<T> {
    const NEEDS_FLUSH: bool = true;

    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(context)
    }
}

/// Reads into the spare capacity of a buffer.
///
/// Without `unsafe` it has to be filled with zeros first. The cost is small: the size
/// of a connection's buffer follows what was received lately.
pub(crate) fn poll_read(
    stream: &mut (impl AsyncRead + Unpin),
    context: &mut Context<'_>,
    buffer: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    let start = buffer.len();
    let room = buffer.capacity().saturating_sub(start).clamp(1, CHUNK);
    buffer.resize(start.saturating_add(room), 0);
    let spare = buffer.get_mut(start..).unwrap_or_default();
    let polled = Pin::new(stream).poll_read(context, spare);
    // A faulty stream may report more than it could read.
    let polled = polled.map_ok(|count| count.min(room));
    let read = match &polled {
        Poll::Ready(Ok(count)) => *count,
        _ => 0,
    };
    // Also where nothing was read: a caller that is dropped leaves no zeros.
    buffer.truncate(start.saturating_add(read));
    polled
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    /// A stream that gives so much, claims so much, and is ready or not.
    struct Giving(&'static [u8], Poll<usize>);

    impl AsyncRead for Giving {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            buffer[..self.0.len()].copy_from_slice(self.0);
            self.1.map(Ok)
        }
    }

    fn read(mut stream: Giving, buffer: &mut BytesMut) -> Poll<usize> {
        let mut context = Context::from_waker(Waker::noop());
        poll_read(&mut stream, &mut context, buffer).map(|count| count.unwrap())
    }

    #[test]
    fn what_is_read_is_appended() {
        let mut buffer = BytesMut::with_capacity(16);
        buffer.extend_from_slice(b"ab");
        assert_eq!(
            read(Giving(b"cd", Poll::Ready(2)), &mut buffer),
            Poll::Ready(2)
        );
        assert_eq!(&buffer[..], b"abcd");
        assert_eq!(
            read(Giving(b"", Poll::Ready(0)), &mut buffer),
            Poll::Ready(0)
        );
        assert_eq!(&buffer[..], b"abcd");
    }

    #[test]
    fn a_buffer_without_room_grows() {
        let mut buffer = BytesMut::new();
        assert_eq!(
            read(Giving(b"x", Poll::Ready(1)), &mut buffer),
            Poll::Ready(1)
        );
        assert_eq!(&buffer[..], b"x");
    }

    #[test]
    fn a_read_that_waits_leaves_no_trace() {
        let mut buffer = BytesMut::with_capacity(16);
        buffer.extend_from_slice(b"ab");
        assert_eq!(
            read(Giving(b"noise", Poll::Pending), &mut buffer),
            Poll::Pending
        );
        assert_eq!(&buffer[..], b"ab");
    }

    #[test]
    fn no_more_is_believed_than_there_was_room_for() {
        let mut buffer = BytesMut::with_capacity(16);
        let count = read(Giving(b"", Poll::Ready(1000)), &mut buffer);
        assert!(matches!(count, Poll::Ready(count) if count == buffer.len()));
    }
}
