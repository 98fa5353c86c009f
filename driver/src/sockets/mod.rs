//! The options of sockets, the same on every runtime.

mod bind;
mod datagrams;
mod interface;
mod stream;

pub use bind::{BoundDatagrams, bind_datagrams};
pub use datagrams::{Datagrams, PollDatagrams};
pub use interface::own_addresses;
pub use stream::{listen, prepare};
