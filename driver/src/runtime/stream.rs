//! Byte streams: TCP connections, and others that can be served.

use std::future::{Future, poll_fn};
use std::io;
use std::task::{Context, Poll};

use bytes::BytesMut;

/// The half of a byte stream that is read from.
///
/// It is polled, so that a connection that waits holds no futures. What returns
/// [`Poll::Pending`] has done nothing yet, and wakes the task of the last context once it is
/// worth being called again.
pub trait ReadHalf: Send + 'static {
    /// Whether a read is likely to return at once, so that an idle connection needs no buffer. A
    /// stream without readiness is always ready.
    ///
    /// # Errors
    /// The stream failed.
    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = context;
        Poll::Ready(Ok(()))
    }

    /// Whether [`poll_readable`](Self::poll_readable) really waits.
    const WAITS_WITHOUT_BUFFER: bool = false;

    /// Appends what is available, at least one byte, to the buffer's spare capacity,
    /// and returns the number of bytes; 0 is EOF.
    ///
    /// # Errors
    /// The stream failed.
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>>;

    /// As [`poll_read`](Self::poll_read), for what has come by now and was not told of: the last look
    /// before an end. It may ask the system where `poll_read` waits to be told by it, and is not
    /// polled again for that.
    ///
    /// # Errors
    /// The stream failed.
    fn poll_read_now(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        self.poll_read(context, buffer)
    }

    /// [`poll_read`](Self::poll_read) as a future. Cancel-safe.
    ///
    /// # Errors
    /// The stream failed.
    fn read(&mut self, buffer: &mut BytesMut) -> impl Future<Output = io::Result<usize>> + Send {
        poll_fn(|context| self.poll_read(context, buffer))
    }
}

/// The half of a byte stream that is written to.
///
/// It is polled as [`ReadHalf`] is, and by the same task.
pub trait WriteHalf: Send + 'static {
    /// Writes some of the bytes, at least one, and returns how many.
    ///
    /// # Errors
    /// The stream failed.
    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Whether [`poll_flush`](Self::poll_flush) does anything: `true` for streams that buffer
    /// written bytes, as TLS does.
    const NEEDS_FLUSH: bool = false;

    /// Sends the bytes that the stream buffers.
    ///
    /// # Errors
    /// The stream failed.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = context;
        Poll::Ready(Ok(()))
    }

    /// Half-closes the stream: no more bytes will be written.
    ///
    /// # Errors
    /// The stream failed.
    fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// [`poll_write`](Self::poll_write) as a future. Cancel-safe.
    ///
    /// # Errors
    /// The stream failed.
    fn write(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> + Send {
        poll_fn(|context| self.poll_write(context, bytes))
    }

    /// [`poll_flush`](Self::poll_flush) as a future. Cancel-safe.
    ///
    /// # Errors
    /// The stream failed.
    fn flush(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        poll_fn(|context| self.poll_flush(context))
    }

    /// [`poll_shutdown`](Self::poll_shutdown) as a future. Cancel-safe.
    ///
    /// # Errors
    /// The stream failed.
    fn shutdown(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        poll_fn(|context| self.poll_shutdown(context))
    }
}
