//! What carries the bytes: connectors, listeners, streams and sockets of one's own.

pub use netaio_driver::futures_io::{
    byte_stream, connect_stream, connect_stream_with, serve_stream, serve_stream_with,
};
pub use netaio_driver::sockets::keep_alive;
#[cfg(unix)]
pub use netaio_driver::unix::UnixConnector;
pub use netaio_driver::{Connector, Listener, ReadHalf, WriteHalf};

/// A stream of bytes on smol.
pub type ByteStream = netaio_driver::ByteStream<crate::Smol>;
/// What a client's connector is to reach, on smol.
pub type Dial = netaio_driver::Dial<crate::Smol>;
/// What a server's listener has accepted, on smol.
pub type Incoming = netaio_driver::Incoming<crate::Smol>;
