//! What carries the bytes: connectors, listeners, streams and sockets of one's own.

pub use crate::datagrams::{Udp, UdpDatagrams};
pub use crate::stream::{
    TcpReader, TcpWriter, byte_stream, connect_stream, connect_stream_with, dial_tcp, serve_stream,
    serve_stream_with,
};
#[cfg(unix)]
pub use crate::unix::UnixConnector;
pub use netaio_driver::sockets::keep_alive;
pub use netaio_driver::{Connector, Listener, ReadHalf, WriteHalf};

pub use crate::aliases::{ByteStream, Dial, Incoming};
