//! Byte streams: TCP connections, and what else may be served.

use std::future::Future;
use std::io;

use bytes::BytesMut;

/// The half of a byte stream that is read from.
pub trait ReadHalf: Send + 'static {
    /// Waits until a read is likely to return at once. A connection that is
    /// idle then needs no buffer. A stream that cannot tell is always ready.
    ///
    /// # Errors
    /// The stream failed.
    fn readable(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// Whether [`readable`](Self::readable) really waits.
    const WAITS_WITHOUT_BUFFER: bool = false;

    /// Appends what there is, at least one byte, into the buffer's spare
    /// capacity, and returns how much it was; 0 is the end. Cancel-safe.
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

    /// Whether [`flush`](Self::flush) does anything: `true` for streams that
    /// may keep written bytes back, as TLS does.
    const NEEDS_FLUSH: bool = false;

    /// Sends on what the stream keeps back. Cancel-safe.
    ///
    /// # Errors
    /// The stream failed.
    fn flush(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// Ends the stream in this direction.
    ///
    /// # Errors
    /// The stream failed.
    fn shutdown(&mut self) -> impl Future<Output = io::Result<()>> + Send;
}
