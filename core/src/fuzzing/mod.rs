//! What the fuzz targets do with their input: no part of the public interface.
//!
//! Each function takes any bytes, or anything of a type, and panics where a
//! promise of this crate does not hold. The programs in `fuzz/` are thin bins over
//! them; here they run over the committed corpus as ordinary tests.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "to panic is what a fuzz target is for, and nobody else calls one"
)]

mod described;
mod discovery;
mod frame;
mod heap;
mod input;
mod link;
mod messages;
mod packify;
mod plugins;
#[cfg(test)]
mod replay;
mod tables;
mod values;

pub use self::frame::frame;
pub use self::link::link;
pub use self::messages::{Messages, messages};
pub use self::packify::packify;
pub use self::plugins::plugins;
pub use self::values::{Values, values};
