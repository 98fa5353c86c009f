//! Frames: bytes to messages and back, before any dispatch.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod deframe;
mod encode;
mod sealed;
#[cfg(test)]
mod tests;

pub use self::deframe::{Deframer, Frame};
pub(crate) use self::encode::{encode, encode_bare, encode_plain};
pub use self::sealed::SealedMessage;
