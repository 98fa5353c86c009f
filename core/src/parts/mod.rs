//! Bodies that are longer than a frame, sent in parts: an extension that both ends have to
//! want. docs/protocol.md describes it.
//!
//! A [`LongRequest`] is the asker's side and an [`Inbox`] the other one. Both are plain state
//! machines over ordinary requests for the uri [`PARTS_URI`] and their answers, so they need nothing
//! of a link, and work over streams and datagrams and through every layer.

mod held;
mod inbox;
mod long_request;
mod room;
#[cfg(test)]
mod tests;
mod words;

pub use self::inbox::{Inbox, Received, Ticket};
pub use self::long_request::{LongRequest, Next, PartsError};

/// The uri of the requests that carry parts.
pub const PARTS_URI: &str = "netaio/parts";

/// Bytes of a content that a frame carries: netaio sends 65,422 of uri and content together, of
/// which layers need some.
pub const PART_LEN: usize = 56 * 1024;

/// Length of the random number of a request, in bytes.
pub const ID_LEN: usize = 16;
