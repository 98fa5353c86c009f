//! Tools for tests of services: connections and networks without a socket.
//!
//! - [`Server::call`](crate::Server::call) hands a server one message, and has its answer.
//! - [`connect`] joins a client to a server by a pipe in memory. What it returns are the handles
//!   of both ends, to call handlers with: a [`Remote`](crate::Remote) is made of a
//!   [`Connection`](crate::Connection), and a [`Publisher`](crate::Publisher) is that of
//!   [`Server::publisher`](crate::Server::publisher).
//! - [`Network`] is a network within the process for nodes and connections of several programs,
//!   which delays, loses and doubles by a seed.
//!
//! All of it works on every runtime. The chapter `guide::testing` of `netaio-tokio` says when to use what.

mod call;
mod conditions;
mod ends;
mod fabric;
mod inbox;
mod network;
mod pipe;
mod socket;
mod streams;

pub use self::call::Call;
pub use self::conditions::Conditions;
pub use self::ends::{Ends, connect, connect_with};
pub use self::fabric::NetworkCounters;
pub use self::network::Network;
pub use self::pipe::{Reader, Stream, Wire, Writer};
pub use self::socket::NetworkSocket;
pub use self::streams::{NetworkConnector, NetworkListener};
