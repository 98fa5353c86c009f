//! The options of sockets, the same on every runtime.

mod batch;
mod bind;
mod datagrams;
#[cfg(any(target_os = "android", target_os = "linux"))]
mod error_queue;
mod groups;
mod interface;
mod open;
mod packet_info;
mod receive_buffer;
mod resolve;
mod segments;
mod slots;
mod socket_address;
mod stream;

pub use batch::Batch;
pub use bind::{BoundDatagrams, adopt_datagrams, bind_datagrams};
pub use datagrams::{Datagrams, PollDatagrams};
#[cfg(any(target_os = "android", target_os = "linux"))]
pub use error_queue::{tells_undelivered, undelivered};
pub use interface::{interfaces, own_addresses};
#[cfg(unix)]
pub use packet_info::send_from;
pub use receive_buffer::ReceiveBuffer;
pub use resolve::parse_address;
pub use socket2::SockRef;
pub use stream::{keep_alive, listen, prepare, read_now};
