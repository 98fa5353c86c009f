//! Bodies that are longer than a frame, sent in parts: an extension that both ends have to
//! want. docs/protocol.md describes it.
//!
//! A [`LongRequest`] is the asker's side and an [`Inbox`] the other one. Both are plain state
//! machines over ordinary requests for the uri [`PARTS_URI`] and their answers, so they need nothing
//! of a link, and work over streams and datagrams and through every layer.
//!
//! Several parts are on their way at once, as many as the other end has room for. Either end may
//! take what comes as a stream: then more is sent only as it is taken.

mod arriving;
mod error;
mod fetching;
mod held;
mod inbox;
mod long_request;
mod pieces;
mod room;
mod sending;
#[cfg(test)]
mod tests;
mod words;

pub use self::error::PartsError;
pub use self::inbox::{Inbox, Received, Taken, Ticket};
pub use self::long_request::{Asked, LongRequest, Next};

/// The uri of the requests that carry parts.
pub const PARTS_URI: &str = "netaio/parts";

/// Bytes of a content that a frame carries: netaio sends 65,422 of uri and content together, of
/// which layers need some.
pub const PART_LEN: usize = 56 * 1024;

/// Length of the random number of a request, in bytes.
pub const ID_LEN: usize = 16;

/// The most that is on its way at once over datagrams, in bytes: what the receive buffer of a socket has room
/// for that is as long as Linux makes them by default.
pub const DATAGRAM_WINDOW: usize = 2 * PART_LEN;
