//! The options of sockets, the same on every runtime.

mod bind;
mod datagrams;
mod interface;
mod packet_info;
mod resolve;
mod stream;

pub use bind::{BoundDatagrams, bind_datagrams};
pub use datagrams::{Datagrams, PollDatagrams};
pub use interface::own_addresses;
pub use packet_info::ReceiveBuffer;
#[cfg(unix)]
pub use packet_info::send_from;
pub use resolve::parse_address;
pub use stream::{keep_alive, listen, prepare};
