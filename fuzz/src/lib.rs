//! What the fuzz targets do with their input.
//!
//! Each function takes any bytes, or anything of a type, and panics where a
//! promise of netaio-core or netaio-packify does not hold. The programs in
//! `fuzz_targets` are thin bins over them; `cargo test -p netaio-fuzz` runs them
//! over the committed corpora on any toolchain.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod budget;
mod datagram;
mod described;
mod discovery;
mod frame;
mod heap;
mod hub;
mod input;
mod link;
mod mac;
mod messages;
mod meter;
mod packify;
mod plugins;
mod replay;
mod tables;
mod traffic;
mod values;

pub use self::budget::budget;
pub use self::datagram::datagram;
pub use self::frame::frame;
pub use self::hub::hub;
pub use self::link::link;
pub use self::messages::{Messages, messages};
pub use self::packify::packify;
pub use self::plugins::plugins;
pub use self::replay::{described, replay};
pub use self::values::{Values, values};
