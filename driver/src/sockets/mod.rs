//! The options of sockets, the same on every runtime.

mod bind;
mod datagrams;
#[cfg(any(target_os = "android", target_os = "linux"))]
mod error_queue;
mod groups;
mod interface;
mod open;
mod packet_info;
mod resolve;
#[cfg(unix)]
mod socket_address;
mod stream;

pub use bind::{BoundDatagrams, bind_datagrams};
pub use datagrams::{Datagrams, PollDatagrams};
#[cfg(any(target_os = "android", target_os = "linux"))]
pub use error_queue::tells_undelivered;
pub use interface::{interfaces, own_addresses};
pub use packet_info::ReceiveBuffer;
#[cfg(unix)]
pub use packet_info::send_from;
pub use resolve::parse_address;
pub use socket2::SockRef;
pub use stream::{keep_alive, listen, prepare};
