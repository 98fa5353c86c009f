//! Types of streams with the runtime filled in.

use crate::Tokio;

/// A stream of bytes on tokio.
pub type ByteStream = netaio_driver::ByteStream<Tokio>;
/// What a client's connector is to reach, on tokio.
pub type Dial = netaio_driver::Dial<Tokio>;
/// What a server's listener has accepted, on tokio.
pub type Incoming = netaio_driver::Incoming<Tokio>;
