//! What netaio's drivers share: servers, clients and handlers, written once
//! over a [`Runtime`] trait.
//!
//! Programs use a runtime's own crate, `netaio-tokio` for one, whose `Server`
//! and `Client` are these with the runtime filled in. This crate is for whoever
//! brings netaio to another runtime: implement [`Runtime`], [`ReadHalf`],
//! [`WriteHalf`] and, for UDP, [`DatagramSocket`], and name the aliases.
//!
//! One task drives one connection, from its first byte to its last: it owns the
//! core's [`Link`](netaio_core::Link), reads, calls handlers, and writes. Others
//! speak to it through a bounded queue. Nothing holds a lock across a handler,
//! a write or a cipher, and answers to what came with one read leave with one
//! write.
//!
//! # Cargo features
//!
//! All of them are off by default; the runtimes' crates turn on what they need.
//!
//! - `futures-io`: the module `futures_io`, connections over any stream with the
//!   polling traits of futures-io.
//! - `async-io`: the module `async_io`, TCP, UDP and timers for executors over
//!   async-io, as smol's and async-std's are. It brings the other two along.
//! - `socket2`: the module `sockets`, TCP's and UDP's options that every runtime sets,
//!   multicast groups among them.
//! - `x25519`: `plugin::X25519Cipher` of the core.
#![forbid(unsafe_code)]

#[cfg(feature = "async-io")]
pub mod async_io;
mod budget;
mod callers;
mod client;
mod clock;
mod connection;
mod errands;
mod error;
mod events;
mod futures;
#[cfg(feature = "futures-io")]
pub mod futures_io;
mod handler;
mod logging;
mod mailbox;
mod methods;
mod options;
mod peers;
mod publisher;
mod random;
mod remote;
mod runtime;
mod server;
mod service;
mod setup;
mod slots;
#[cfg(feature = "socket2")]
pub mod sockets;
mod sources;
mod sync;
mod task;
mod timeouts;
mod udp;

pub use client::{
    AutoReconnect, Client, ClientBuilder, GaveUp, Messages, Reconnected, Unsolicited,
};
pub use clock::Clock;
pub use connection::{Connection, RequestBuilder, Response};
pub use error::{BuildError, ConnectError, ErrorAnswer, RequestError};
pub use events::Events;
pub use futures::BoxFuture;
pub use handler::{
    Content, Deferred, Direct, FromRequest, Handler, IntoReply, Outcome, Reply, Request, State,
    Text, Uri,
};
pub use netaio_core as core;
pub use options::ConnectionOptions;
pub use peers::{KnownPeer, PeerEvent, PeerEvents, PeerManagementError, Peers};
pub use publisher::{Delivery, Publisher, SubscriptionError};
pub use remote::Remote;
pub use runtime::{DatagramOptions, DatagramSocket, Interface, ReadHalf, Runtime, WriteHalf};
pub use server::{
    RefusedConnection, Server, ServerBuilder, ServerCounters, ServerEvent, ServerEvents,
};
pub use timeouts::TimedOut;
pub use udp::{UdpEvent, UdpEvents, UdpNode, UdpNodeBuilder};

/// What a runtime's crate shows its users, besides the aliases that name the
/// runtime: `pub use netaio_driver::api::*`.
pub mod api {
    pub use crate::{
        BuildError, Clock, ConnectError, Connection, ConnectionOptions, Content, Delivery,
        ErrorAnswer, Events, FromRequest, GaveUp, Handler, Interface, IntoReply, KnownPeer,
        Messages, PeerEvent, PeerEvents, PeerManagementError, Peers, Publisher, Reconnected,
        RefusedConnection, Remote, Reply, Request, RequestBuilder, RequestError, Response,
        ServerCounters, ServerEvent, ServerEvents, State, SubscriptionError, Text, TimedOut,
        UdpEvent, UdpEvents, Unsolicited, Uri,
    };
    pub use netaio_core::*;
}
