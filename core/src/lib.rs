//! The netaio protocol without I/O: small framed messages, handlers keyed by
//! message type, uri and peer, requests with timeouts, publish and subscribe, peers,
//! authentication and encryption in two layers.
//!
//! This crate has no sockets, no clock, no generator of random numbers and no
//! async runtime. Bytes and the time go in, events and bytes come out. Whoever
//! wants a server or a client takes a driver crate (`netaio-tokio` for one);
//! this one is for event loops of one's own, simulators, and fuzzers.
//!
//! # Who uses what
//!
//! - A [`Hub`] is a server, a client or both, for a loop with one thread: a node and all
//!   its links over streams (TCP, TLS, Unix sockets, pipes) behind one
//!   [`poll`](Hub::poll). Begin here.
//! - A [`DatagramHub`] is the same for a datagram socket: netaio's `UDPNode`.
//! - A [`Link`] (or a [`DatagramLink`]) and its [`Node`] apart are for many threads: the
//!   links work at once, and lock their node for look-ups only ([`LockNode`]).
//!
//! A handler is a value of the program's own, such as an enum or a function pointer: this
//! crate finds it and never calls it.
//!
//! # The loop
//!
//! All of them obey one sentence: *after any input or command, drain the outputs until
//! only a deadline is left.* Here is the loop around a hub, whole, over sockets that do
//! not block.
//!
//! Each link wants a generator of random numbers of its own, any [`rand_core::CryptoRng`]
//! of version 0.10. Here it is that of [`chacha20`](https://docs.rs/chacha20) 0.10, with
//! its feature `rng`, seeded by [`getrandom`](https://docs.rs/getrandom) 0.4.
//! `StdRng` of `rand` 0.10 does as well: `|| rand::make_rng::<StdRng>()`.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::error::Error;
//! use std::net::{Shutdown, TcpListener, TcpStream};
//! use std::time::{Duration, Instant};
//!
//! use chacha20::ChaCha20Rng;
//! use netaio_core::rand_core::SeedableRng;
//! use netaio_core::types::REQUEST_URI;
//! use netaio_core::{Hub, LinkConfig, LinkId, Message, Now, Output, RequestOptions};
//!
//! /// What this program's handlers are.
//! #[derive(Clone, Debug)]
//! enum Handler {
//!     Echo,
//! }
//!
//! struct EventLoop {
//!     hub: Hub<Handler>,
//!     streams: BTreeMap<LinkId, TcpStream>,
//!     answers: Vec<Message>,
//! }
//!
//! impl EventLoop {
//!     fn new() -> Result<Self, Box<dyn Error>> {
//!         let mut seed = [0; 32];
//!         getrandom::fill(&mut seed)?;
//!         let mut seeds = ChaCha20Rng::from_seed(seed);
//!         // One for each link.
//!         let make_rng = move || ChaCha20Rng::from_rng(&mut seeds);
//!         let hub = Hub::with_config(LinkConfig::new(), make_rng);
//!         Ok(Self { hub, streams: BTreeMap::new(), answers: Vec::new() })
//!     }
//!
//!     /// Does all that can be done without waiting, and returns until when to wait for
//!     /// the sockets, a reading of the monotonic clock.
//!     fn turn(&mut self, now: Now) -> Option<Duration> {
//!         let hub = &mut self.hub;
//!         // Inputs.
//!         for (link, stream) in &mut self.streams {
//!             hub.writable(now, *link);
//!             hub.read_from(now, *link, stream);
//!         }
//!         // Outputs.
//!         while let Some(output) = hub.poll(now) {
//!             match output {
//!                 Output::Call { call, handler: Handler::Echo, message } => {
//!                     // Now, or later: a call may wait anywhere, for a worker say.
//!                     let answer = Message::respond_uri(message.uri, message.content);
//!                     if let Err(error) = hub.reply(now, call, answer) {
//!                         eprintln!("a reply was not sent as it is: {error}");
//!                     }
//!                 }
//!                 Output::Answered { answer, .. } => self.answers.push(answer.message),
//!                 Output::Failed { error, .. } => eprintln!("a request failed: {error}"),
//!                 Output::Write { link, .. } => {
//!                     if let Some(stream) = self.streams.get_mut(&link) {
//!                         hub.write_to(now, link, stream);
//!                     }
//!                 }
//!                 Output::Shutdown { link } => {
//!                     if let Some(stream) = self.streams.get(&link) {
//!                         // Where it fails the remote is gone, which reading shows.
//!                         let _ = stream.shutdown(Shutdown::Write);
//!                     }
//!                 }
//!                 // All that came was answered, and the answers are written.
//!                 Output::Close { link, .. } => drop(self.streams.remove(&link)),
//!                 other => eprintln!("{other:?}"),
//!             }
//!         }
//!         hub.deadline()
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn Error>> {
//!     let start = Instant::now();
//!     let now = || Now::since(start);
//!     let listener = TcpListener::bind("127.0.0.1:0")?;
//!     let address = listener.local_addr()?;
//!
//!     let mut client = EventLoop::new()?;
//!     let stream = TcpStream::connect(address)?;
//!     stream.set_nonblocking(true)?;
//!     let link = client.hub.connect(now(), Some(address));
//!     client.streams.insert(link, stream);
//!     let mut request = Message::request("echo");
//!     request.content = "hi".into();
//!     client.hub.request(now(), link, &request, &RequestOptions::new())?;
//!
//!     let mut server = EventLoop::new()?;
//!     server.hub.on((REQUEST_URI, "echo"), Handler::Echo, None)?;
//!     let (stream, remote) = listener.accept()?;
//!     stream.set_nonblocking(true)?;
//!     let link = server.hub.accept(now(), Some(remote))?;
//!     server.streams.insert(link, stream);
//!
//!     while client.answers.is_empty() {
//!         client.turn(now());
//!         server.turn(now());
//!         // In earnest: wait for a socket, or until the deadline that a turn returns, for
//!         // `deadline.saturating_sub(now().monotonic)`.
//!         std::thread::yield_now();
//!     }
//!     assert_eq!(client.answers[0].content, "hi");
//!
//!     // A graceful end: what came is answered, what is queued is written.
//!     server.hub.drain(now(), Duration::from_secs(5));
//!     while !server.hub.is_empty() {
//!         client.turn(now());
//!         server.turn(now());
//!         std::thread::yield_now();
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Where the transport is no `std::io::Read` and `Write`, the bytes of [`Output::Write`] are
//! written by hand, and [`Hub::receive_with`], [`Hub::written`] and
//! [`Hub::transport_failed`] are told what came of it. Make a link once its transport is
//! connected: its timeouts begin then, and it may be read from and written to at once.
//!
//! An event loop that is told which sockets are ready looks at those only. The example
//! `mio` in this package is one, with handlers on another thread, publish and subscribe;
//! `smoltcp` has no operating system under it; `threads` has a thread for each connection.
//!
//! # The loop of a datagram socket
//!
//! Datagrams have no end and no backpressure, so that there is less to do. What cannot
//! be sent may be lost, or comes again once the socket is writable:
//!
//! ```
//! use std::error::Error;
//! use std::io::ErrorKind;
//! use std::net::UdpSocket;
//! use std::time::Instant;
//!
//! use chacha20::ChaCha20Rng;
//! use netaio_core::rand_core::SeedableRng;
//! use netaio_core::types::REQUEST_URI;
//! use netaio_core::{DatagramHub, DatagramOutput, LinkConfig, Message, Now, RequestOptions};
//!
//! /// Does all that can be done without waiting, and returns the last answer that came.
//! fn turn(hub: &mut DatagramHub<()>, socket: &UdpSocket, now: Now) -> Option<Message> {
//!     let mut buffer = [0; 65_536];
//!     hub.writable();
//!     while hub.wants_read()
//!         && let Ok((count, from)) = socket.recv_from(&mut buffer)
//!         && hub.receive(now, from, &buffer[..count]).is_ok()
//!     {}
//!     let mut last = None;
//!     while let Some(output) = hub.poll(now) {
//!         match output {
//!             DatagramOutput::Call { call, message, .. } => {
//!                 let answer = Message::respond_uri(message.uri, "noon");
//!                 if let Err(error) = hub.reply(now, call, answer) {
//!                     eprintln!("a reply was not sent as it is: {error}");
//!                 }
//!             }
//!             DatagramOutput::Answered { answer, .. } => last = Some(answer.message),
//!             DatagramOutput::Failed { error, .. } => eprintln!("a request failed: {error}"),
//!             DatagramOutput::Transmit { to, bytes, .. } => {
//!                 if let Err(error) = socket.send_to(bytes, to)
//!                     && error.kind() == ErrorKind::WouldBlock
//!                 {
//!                     hub.not_sent();
//!                 }
//!             }
//!             other => eprintln!("{other:?}"), // peers come and go, say
//!         }
//!     }
//!     last // wait for the socket, or until `hub.deadline()`
//! }
//!
//! fn hub(now: Now) -> Result<DatagramHub<()>, Box<dyn Error>> {
//!     let mut seed = [0; 32];
//!     getrandom::fill(&mut seed)?;
//!     let mut seeds = ChaCha20Rng::from_seed(seed);
//!     let make_rng = || ChaCha20Rng::from_rng(&mut seeds);
//!     Ok(DatagramHub::with_config(now, LinkConfig::new(), None, make_rng))
//! }
//!
//! fn main() -> Result<(), Box<dyn Error>> {
//!     let start = Instant::now();
//!     let now = || Now::since(start);
//!     let sockets = [UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?];
//!     let [at_alice, at_bob] = &sockets;
//!     at_alice.set_nonblocking(true)?;
//!     at_bob.set_nonblocking(true)?;
//!
//!     let mut bob = hub(now())?;
//!     bob.on((REQUEST_URI, "time"), (), None)?;
//!     let mut alice = hub(now())?;
//!     let (to, request) = (at_bob.local_addr()?, Message::request("time"));
//!     alice.request(now(), to, &request, &RequestOptions::new())?;
//!     let answer = loop {
//!         turn(&mut bob, at_bob, now());
//!         if let Some(answer) = turn(&mut alice, at_alice, now()) {
//!             break answer;
//!         }
//!         std::thread::yield_now();
//!     };
//!     assert_eq!(answer.content, "noon");
//!     Ok(())
//! }
//! ```
//!
//! With [`DatagramHub::manage_peers`] nodes find one another and drop those that fall
//! silent. The example `simulation` has a thousand of them in virtual time.
//!
//! The network may deliver a datagram twice, late or not at all: see [`DatagramLink`].
//!
//! # Publish and subscribe
//!
//! - A server that calls [`Hub::serve_subscriptions`] subscribes whoever asks for it.
//!   [`Hub::publish`] then sends `NOTIFY_URI` to the subscribers.
//! - What a client asks to be published (`PUBLISH_URI`) is a request like others: register
//!   a handler for it that calls [`Hub::publish`].
//! - A client subscribes with a [request](Hub::request). Notifications are messages like
//!   others, and without a handler they are dropped. Either take all that has no handler
//!   as [`Output::Message`], or register a handler and reply with `None`:
//!
//! ```
//! use netaio_core::types::NOTIFY_URI;
//! use netaio_core::{Hub, RouteError, Unrouted};
//!
//! fn listen(hub: &mut Hub<&'static str>) -> Result<(), RouteError> {
//!     // Output::Message { link, message }
//!     hub.set_unrouted(Unrouted::Deliver);
//!     // Or: Output::Call { call, handler: "news", message }, and hub.reply(now, call, None)
//!     hub.on((NOTIFY_URI, "news"), "news", None)?;
//!     Ok(())
//! }
//! ```
//!
//! # The way of a message
//!
//! ```text
//! bytes ──> Deframer ──> Frame ──> SealedMessage ── outer check, decrypt ──┐
//!                                                                          │
//!    Answered <── inner check, decrypt <── yes ── a request waits for it? ─┤
//!                                                                          │ no
//!    inner check, decrypt <── its route, or what becomes of those without ─┘
//!      │
//!      └─> when it is its turn: Call { call, handler, message } ──> a handler
//!                                                                          │
//! bytes <── Write <── outer seal <── inner seal <── Hub::reply(call) <─────┘
//! ```
//!
//! Messages of one link are handled in their order, as netaio's clients rely on: a
//! client tells answers by their uri and their order. Where both ends want it, by
//! ids ([`Correlation`]): then handlers run side by side. What a remote is not told yet
//! holds it back: a link reads no more than it may handle
//! ([`wants_read`](Link::wants_read)), and nothing while the application takes no messages
//! ([`pause`](Link::pause)).
//!
//! So that a remote that leaves is noticed while its handler runs, a link reads up to 16 KiB
//! behind what it may handle. [`LinkEvent::HalfClosed`] says that nothing more comes: the
//! subscriptions and the peer of the link are gone, and what was asked for is still answered.
//! Who pipelines more than that behind a handler is noticed later, when that is handled.
//! Handlers run to their end also where their link is closed before, unless [`CallOptions`] say
//! otherwise: [`LinkEvent::Cancelled`] then names the [`Call`]. Those who own links by themselves keep
//! one until its calls have ended; a [`Hub`] does that. They may let a link call the handlers
//! ([`Link::poll_with`], [`CallHandler`]): where an answer is known at once, it takes two thirds of the time.
//!
//! A link ends step by step, each with a deadline: what came before EOF, or before bytes
//! that are no frame, is answered; the answers are written; then the remote's own end is
//! waited for.
//!
//! Each step is a type of its own, and can be used alone: [`Deframer`] and
//! [`Frame`] parse, [`SealedMessage::open`] opens layers, [`Sealer`] makes
//! frames, [`packify`] packs values.
//!
//! # What can be replaced
//!
//! - The auth and cipher plugins: [`plugin::AuthPlugin`], [`plugin::CipherPlugin`].
//! - The format of frames: [`Codec`].
//! - How peers are packed: [`plugin::PeerPlugin`].
//! - The keys of handlers: [`KeyExtractor`].
//! - What becomes of messages without a handler: [`Unrouted`].
//! - The message types: [`MessageTypes`].
//! - Every bound on what a remote controls: [`Limits`].
//!
//! # Errors
//!
//! Their types say whose fault they are: [`SealError`], [`SendError`] and [`ReplyError`]
//! the caller's, [`FrameError`] and [`OpenError`] the remote's. A reply that cannot be
//! sent, since it is too long say, becomes an `ERROR` to the asker. No input makes this
//! crate panic, and none makes it use more memory than [`Limits`] say.
//!
//! What [`Hub::reply`] and [`Hub::request`] return is for the program to note and go on with,
//! not for `?` out of its loop: a remote with a long uri, or many of them, can make either fail.
//!
//! # Cargo features
//!
//! - `std` (on by default): lets checksums and digests choose the processor's
//!   instructions at run time, and brings `Hub::read_from` and `Hub::write_to`. Without it
//!   the crate needs `alloc` only, and behaves the same.
//! - `aead`: `plugin::Aead`, a layer that authenticates all that a receiver acts on, with a replay
//!   window and keys that can be changed (XChaCha20-Poly1305). Needs no `std`; without it its locks spin.
//! - `sha-lanes`: `Sha256StreamCipher` computes several blocks of its keystream at once, on
//!   x86-64 with the SHA extensions, which it looks for at run time. It takes the same
//!   messages, and needs `std` and a crate with `unsafe` code, `netaio-sha-lanes`.
//! - `patterns`: keys of handlers may be a `Pattern` of uris, such as `sensors/{id}`. Without it, a uri
//!   with a brace is refused where a handler is registered, but for `Key::exact`. The drivers have it on.
//! - `serde`: [`packify`] packs and reads what serde knows. Needs no `std`.
//! - `x25519`: `plugin::X25519Cipher`, netaio's cipher between two peers that know
//!   each other's public keys (X25519, XSalsa20 and Poly1305). Needs no `std`; with
//!   it, keys agreed on with recent peers are kept.
//!
//! # Targets
//!
//! Without `std` any target will do that has `alloc` and compare-and-swap on words of a
//! pointer's size, which `Arc` and [`Bytes`](bytes::Bytes) need: thumbv7em does, thumbv6m does
//! not. Nothing here or in a dependency needs atomics of 64 bits, an operating system or a C
//! compiler.
#![no_std]
#![forbid(unsafe_code)]
// Which cargo feature an item needs, on its page.
#![cfg_attr(docsrs, feature(doc_cfg))]
// All of this crate parses, or counts what others parse.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod backoff;
mod budget;
mod calls;
mod config;
mod cookies;
mod correlation;
mod crowds;
mod datagram;
mod delivery;
mod error;
mod events;
mod exchange;
mod flow_control;
mod frame;
mod happy_eyeballs;
mod hashes;
mod hub;
mod limits;
mod lines;
mod link;
mod lossy_queue;
mod membership;
mod message;
mod network;
mod node;
mod now;
mod options;
pub mod parts;
mod peers;
mod place;
pub mod plugin;
mod printable;
mod rate_limit;
mod requests;
mod routes;
mod seal;
mod shared;
mod shared_frame;
mod small_bytes;
mod subscriptions;
mod sync;
/// The program of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

#[cfg(test)]
mod testing;
mod wire;

/// Contents and byte strings are slices of shared buffers: [`bytes::Bytes`].
pub use bytes;
/// A generator of random numbers is whatever implements [`rand_core::CryptoRng`].
pub use rand_core;

/// The version of this crate. It speaks the protocol of netaio 0.0.9.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub use backoff::{Backoff, BackoffConfig};
pub use budget::{MailboxAccount, Pressure};
pub use calls::{Call, CallId, ReplyError};
pub use config::{AuthErrorHandler, AuthErrorReply, FailedCheck, LinkConfig, NodeSeed};
pub use correlation::Correlation;
pub use datagram::{
    DatagramCounters, DatagramEvent, DatagramLink, FanOut, Receivers, ReplyBudget,
    SuppressedReplies, Transmits,
};
pub use delivery::{Delivery, Fate};
pub use error::*;
pub use events::{Deadline, DeadlineReason, Dropped, Refusal, Response};
pub use flow_control::FlowControl;
pub use frame::{Deframer, Frame, SealedMessage};
pub use happy_eyeballs::HappyEyeballs;
pub use hub::{DatagramHub, DatagramHubEvent, DatagramOutput, Hub, HubEvent, Output};
pub use limits::{Limits, LimitsError, SlowConsumerPolicy};
pub use link::{CallHandler, Called, Link, LinkEvent};
pub use lossy_queue::{Droppable, LossyQueue};
pub use membership::{Membership, MembershipChange};
pub use message::*;
#[doc(inline)]
pub use netaio_packify as packify;
pub use network::{Network, Origin};
pub use node::{LastRoute, LockNode, Node, PeerManagementError, Routing};
pub use now::Now;
pub use options::{CallOptions, CancelReason, RequestOptions, SendOptions};
pub use peers::{
    Discovery, Expired, IntroductionError, KnownPeer, ManagementConfig, ManagementError,
    PeerChange, PeerEvent, PeerMessage, PeerRefused, PeerTable, RemovalReason,
};
pub use place::{LinkId, Place};
pub use plugin::{Layer, Peer};
pub use printable::Printable;
pub use rate_limit::RateLimiter;
pub use requests::RequestId;
#[cfg(feature = "patterns")]
pub use routes::{Captures, Pattern};
pub use routes::{Key, KeyExtractor, PatternError, Route, RouteError, RouteId};
pub use seal::Sealer;
pub use shared::default_reply;
pub use shared::{Destination, NodeReply, SharedNode, Unrouted};
pub use shared_frame::SharedFrame;
pub use subscriptions::{SubscribeError, Subscribers, Subscriptions, Wildcards};
pub use wire::Wire;
