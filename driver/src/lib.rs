//! What netaio's drivers share: servers, clients and handlers, written once
//! over a [`Runtime`] trait.
//!
//! Programs use a runtime's own crate, `netaio-tokio` for one, whose `Server`
//! and `Client` are these with the runtime filled in. This crate is for
//! those who bring netaio to another runtime: implement [`Runtime`], [`ReadHalf`],
//! [`WriteHalf`] and, for UDP, [`DatagramSocket`], and name the aliases.
//!
//! One task drives one connection, from its first byte to its last: it owns the
//! core's [`Link`](netaio_core::Link), reads, calls handlers, and writes. Its
//! handles give it commands through a bounded queue. Nothing holds a lock across a handler,
//! a write or a cipher, and the answers to all messages of one read leave with one
//! write.
//!
//! # Cargo features
//!
//! All of them are off by default; the runtimes' crates turn on what they need.
//!
//! - `futures-io`: the module `futures_io`, connections over any stream with the
//!   polling traits of futures-io.
//! - `async-io`: the modules `async_io` and `unix`, TCP, UDP, Unix sockets and timers for
//!   executors over async-io, as smol's and async-std's are. It brings the other two along.
//! - `socket2`: the module `sockets`, TCP's and UDP's options that every runtime sets,
//!   multicast groups among them.
//! - `aead`: `plugin::Aead` of the core.
//! - `testing`: the module `testing`, and `Server::call`: servers, clients and nodes without sockets.
//! - `metrics`: `Metrics::record`, for the recorder of the `metrics` crate.
//! - `sha-lanes`: a faster `plugin::Sha256StreamCipher` of the core, with a crate that has `unsafe` code.
//! - `json`, `packed`, `postcard`: `Json`, `Packed` and `Postcard`, contents of values that serde knows.
//! - `x25519`: `plugin::X25519Cipher` of the core.
#![deny(unsafe_code)]
// Which cargo feature an item needs, on its page.
#![cfg_attr(docsrs, feature(doc_cfg))]

// The modules stand in floors, from the bottom to the top: a module imports from
// its own floor and from those before it, never in a circle.

// The runtime, and what async code needs everywhere.
mod address;
mod binding;
mod bounded_queue;
mod connection_id;
mod count;
mod futures;
mod heap;
mod histogram;
pub mod key_files;
mod runtime;
mod sync;
mod traffic;

// Sockets, for the crates of the runtimes.
#[cfg(feature = "async-io")]
pub mod async_io;
#[cfg(feature = "socket2")]
pub mod sockets;

// Vocabulary: errors, options, events, time, logs.
mod clock;
mod context;
mod error;
mod events;
mod logging;
mod lookup;
mod options;
mod panics;
mod peer_events;
mod random;
mod receivers;
mod sources;
mod states;

// What handles and tasks are made of.
mod background;
mod callers;
mod caught;
mod fanout;
mod mailbox;
mod shared_request;
mod timeouts;
mod timer;

// Handles, and what is asked of them.
mod connection;
mod identity;
mod long_answer;
mod long_request;
mod methods;
mod remote;
mod request;
mod subscriptions;
mod udp_handle;

// Handlers, and the node that finds them.
mod handler;
mod metrics;
mod middleware;
mod observed;
mod parts;
mod registrations;
mod router;
mod service;

// What handlers take, and tasks.
mod address_book;
mod asking;
mod byte_stream;
mod peers;
mod publisher;
mod roster;
mod task;

// What servers keep, and whom they tell.
pub mod resources;

// Servers, clients and nodes.
mod client;
#[cfg(feature = "futures-io")]
pub mod futures_io;
mod server;
mod setup;
#[cfg(feature = "testing")]
pub mod testing;
mod udp;
#[cfg(all(unix, feature = "async-io"))]
pub mod unix;

pub use byte_stream::ByteStream;
pub use client::{
    AutoReconnect, Balance, Client, ClientBuilder, ClientEvent, ClientEvents, Connector, Dial,
    GaveUp, Heartbeat, LossyMessages, Messages, Reconnected, Unsolicited,
};
pub use clock::Clock;
pub use connection::Connection;
pub use connection_id::ConnectionId;
#[cfg(feature = "serde")]
pub use error::FormatError;
pub use error::{
    BodyLost, BuildError, ConnectError, ErrorResponse, Lagged, LongRequestError, RefusedConnection,
    RequestError, TaskPanicked,
};
pub use events::Events;
pub use futures::BoxFuture;
#[cfg(feature = "json")]
pub use handler::Json;
#[cfg(feature = "packed")]
pub use handler::Packed;
#[cfg(feature = "postcard")]
pub use handler::Postcard;
pub use handler::{AnyFunction, Extractors, Middleware, Next, debug_async_handler, debug_handler};
pub use handler::{
    Awaited, BodyStream, Content, Deferred, Direct, Extension, Failure, FromPath, FromRequest,
    FromRequestAsync, FromSegment, Handler, HandlerFuture, IntoErrorReply, IntoReply, NoReply,
    Outcome, Path, PathError, Reply, Request, RouteOptions, Spares, State, Text, Uri, path_segment,
};
pub use histogram::Histogram;
pub use identity::{Identity, PeerIdentity};
pub use long_answer::LongAnswer;
pub use long_request::LongRequest;
pub use metrics::{Metrics, Refusals, prometheus};
pub use middleware::{ConcurrencyLimit, RateLimit, Timeout, Trace};
pub use netaio_core as core;
pub use netaio_core::{Delivery, PeerManagementError};
pub use options::ConnectionOptions;
pub use peer_events::{KnownPeer, PeerEvent, PeerEvents};
pub use peers::Peers;
pub use publisher::Publisher;
pub use remote::Remote;
pub use request::{RequestBuilder, Response};
pub use router::Router;
pub use runtime::{
    DatagramOptions, DatagramSocket, Interface, Interfaces, Keepalive, ReadHalf, Received, Runtime,
    Sent, Undelivered, WriteHalf,
};
pub use server::{
    Incoming, Listener, Server, ServerBuilder, ServerEvent, ServerEvents, listen_all,
};
pub use subscriptions::{Missed, NotSubscribed, Notification, SubscribeBuilder, Subscription};
pub use timeouts::TimedOut;
pub use udp::{UdpEvent, UdpEvents, UdpNode, UdpNodeBuilder};

/// What a runtime's crate shows its users, besides the aliases that name the
/// runtime: `pub use netaio_driver::api::*`. At the top is what a server or a client of a
/// usual kind names; the modules have the rest, and [`core`] is the protocol itself.
pub mod api {
    #[cfg(feature = "json")]
    pub use crate::Json;
    #[cfg(feature = "packed")]
    pub use crate::Packed;
    #[cfg(feature = "postcard")]
    pub use crate::Postcard;
    pub use crate::resources;
    pub use crate::{
        BodyStream, Connection, Content, Extension, Failure, LongRequest, NoReply, Path, Publisher,
        Remote, Reply, Response, Router, State, Subscription, Text, Uri,
    };
    /// The protocol without I/O: `netaio-core`.
    pub use netaio_core as core;
    #[doc(inline)]
    pub use netaio_core::{Message, MessageType, Peer, plugin, types};

    /// What becomes of servers, clients, nodes and their messages, and counters of it.
    pub mod events {
        pub use crate::{
            ClientEvent, ClientEvents, Events, GaveUp, Histogram, KnownPeer, Lagged, LossyMessages,
            Messages, Metrics, Missed, Notification, PeerEvent, PeerEvents, Reconnected, Refusals,
            ServerEvent, ServerEvents, TimedOut, UdpEvent, UdpEvents, Unsolicited, prometheus,
        };
        #[doc(inline)]
        pub use netaio_core::{CancelReason, CloseReason, Dropped, Refusal, RemovalReason};
    }

    /// What can fail.
    pub mod error {
        #[cfg(feature = "serde")]
        pub use crate::FormatError;
        pub use crate::{
            BodyLost, BuildError, ConnectError, ErrorResponse, LongRequestError, NotSubscribed,
            RefusedConnection, RequestError, TaskPanicked,
        };
        #[doc(inline)]
        pub use netaio_core::parts::PartsError;
        #[doc(inline)]
        pub use netaio_core::{
            IntroductionError, LayerError, LimitsError, PeerManagementError, ReplyError, SealError,
            SendError, SubscribeError,
        };
    }

    /// Handlers: what they are called for, what they take, and what they return.
    pub mod handler {
        pub use crate::{
            ConnectionId, FromPath, FromRequest, FromRequestAsync, FromSegment, Handler,
            HandlerFuture, Identity, IntoErrorReply, IntoReply, Outcome, PathError, PeerIdentity,
            Peers, Request, RouteOptions, Spares, debug_async_handler, debug_handler, path_segment,
        };
        #[doc(inline)]
        pub use netaio_core::{
            CallOptions, Captures, Key, KeyExtractor, Pattern, PatternError, RouteError,
        };
    }

    /// Functions around handlers.
    pub mod middleware {
        pub use crate::{ConcurrencyLimit, Middleware, Next, RateLimit, Timeout, Trace};
        #[doc(inline)]
        pub use netaio_core::RateLimiter;
    }

    /// Builders, and what they are told.
    pub mod config {
        pub use crate::{
            Balance, Clock, ConnectionOptions, Heartbeat, Interface, Keepalive, RequestBuilder,
            SubscribeBuilder,
        };
        #[doc(inline)]
        pub use netaio_core::{
            AuthErrorHandler, AuthErrorReply, Codec, Correlation, Delivery, FailedCheck,
            FlowControl, Limits, ManagementConfig, MessageTypes, RequestOptions, SendOptions,
            SlowConsumerPolicy, Unrouted,
        };
    }
}

/// The types of servers, clients and nodes in a runtime's crate, with the runtime filled in, and
/// its module `config`, with what else is to be there: beside `pub use netaio_driver::api::*`.
#[macro_export]
macro_rules! runtime_types {
    ($runtime:ident, $name:literal $(, $more:path)* $(,)?) => {
        #[doc = concat!("A server on ", $name, ".")]
        pub type Server = $crate::Server<$runtime>;
        #[doc = concat!("A client on ", $name, ".")]
        pub type Client = $crate::Client<$runtime>;
        #[doc = concat!("The reconnection policy of a client on ", $name, ".")]
        pub type AutoReconnect = $crate::AutoReconnect<$runtime>;
        #[doc = concat!("A UDP node on ", $name, ".")]
        pub type UdpNode = $crate::UdpNode<$runtime>;

        /// Builders, and what they are told.
        pub mod config {
            #[doc(inline)]
            pub use $crate::api::config::*;
            $(pub use $more;)*

            /// A server before it listens.
            pub type ServerBuilder = $crate::ServerBuilder<super::$runtime>;
            /// A client before it connects.
            pub type ClientBuilder = $crate::ClientBuilder<super::$runtime>;
            /// A UDP node before it is bound.
            pub type UdpNodeBuilder = $crate::UdpNodeBuilder<super::$runtime>;
        }
    };
}
