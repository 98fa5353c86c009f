//! Byte streams: TCP connections, and others that can be served.

use std::future::Future;
use std::io;

use bytes::BytesMut;

/// The half of a byte stream that is read from.
pub trait ReadHalf: Send + 'static {
    /// Waits until a read is likely to return at once, so that an idle connection needs
    /// no buffer. A stream without readiness is always ready.
    ///
    /// # Errors
    /// The stream failed.
    fn readable(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// Whether [`readable`](Self::readable) really waits.
    const WAITS_WITHOUT_BUFFER: bool = false;

    /// Appends what is available, at least one byte, to the buffer's spare capacity,
    /// and returns the number of bytes; 0 is EOF. Cancel-safe.
    ///
    /// # Errors
    /// The stream failed.
    fn read(&mut self, buffer: &mut BytesMut) -> impl Future<Output = io::Result<usize>> + Send;
}

/// The half of a byte stream that is written to.
pub trait WriteHalf: Send + 'static {
    /// Writes some of the bytes, at least one, and returns how many. Cancel-safe.
    ///
    /// # Errors
    /// The stream failed.
    fn write(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// Whether [`flush`](Self::flush) does anything: `true` for streams that buffer
    /// written bytes, as TLS does.
    const NEEDS_FLUSH: bool = false;

    /// Sends the bytes that the stream buffers. Cancel-safe.
    ///
    /// # Errors
    /// The stream failed.
    fn flush(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// Half-closes the stream: no more bytes will be written.
    ///
    /// # Errors
    /// The stream failed.
    fn shutdown(&mut self) -> impl Future<Output = io::Result<()>> + Send;
}
