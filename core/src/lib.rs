//! The netaio protocol without I/O: small framed messages, handlers keyed by
//! message type, uri and peer, requests with timeouts, authentication and
//! encryption in two layers.
//!
//! This crate has no sockets, no clock, no generator of random numbers and no
//! async runtime. Bytes and the time go in, events and bytes come out. Whoever
//! wants a server or a client takes a driver crate (`netaio-tokio` for one);
//! this one is for event loops of one's own, simulators, and fuzzers.
//!
//! # The loop
//!
//! Three things make a node. A [`Link`] is one end of one connection. A
//! [`Node`] holds the handlers, which are whatever the program says they are: it
//! finds them and never calls them. [`LinkConfig`] says how both speak. The loop
//! around them obeys one sentence: *after any input or command, drain the
//! outputs until only a deadline is left.*
//!
//! Here it is, whole, over blocking sockets:
//!
//! ```
//! use std::io::{ErrorKind, Read, Write};
//! use std::net::{TcpListener, TcpStream};
//! use std::sync::Arc;
//! use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
//!
//! use netaio_core::plugin::HmacAuth;
//! use netaio_core::types::REQUEST_URI;
//! use netaio_core::*;
//! # use netaio_core::rand_core::SeedableRng;
//!
//! /// What this program's handlers are.
//! #[derive(Clone)]
//! enum Handler {
//!     Echo,
//! }
//!
//! struct Clock(Instant);
//!
//! impl Clock {
//!     fn now(&self) -> Now {
//!         let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
//!         Now::new(self.0.elapsed(), unix.as_secs())
//!     }
//! }
//!
//! /// Drives a link until it has an answer, or is closed.
//! fn drive(
//!     link: &mut Link,
//!     node: &mut Node<Handler>,
//!     stream: &mut TcpStream,
//!     clock: &Clock,
//! ) -> std::io::Result<Option<Answer>> {
//!     let mut out = Vec::new();
//!     let mut buffer = [0; 4096];
//!     loop {
//!         // Outputs: events first, for handling them makes bytes.
//!         while let Some(event) = link.poll_event() {
//!             match event {
//!                 Event::Message(inbound) => match link.dispatch(clock.now(), inbound, node) {
//!                     Dispatched::Call { handler: Handler::Echo, message, reply } => {
//!                         let answer = Message::respond_uri(message.uri, message.content);
//!                         link.reply(clock.now(), &reply, &answer).expect("it fits");
//!                     }
//!                     Dispatched::Unrouted { message, reply } => {
//!                         if let Some(answer) = Node::<Handler>::default_answer(message.message_type) {
//!                             link.reply(clock.now(), &reply, &answer).expect("it fits");
//!                         }
//!                     }
//!                     Dispatched::Refused => {}
//!                 },
//!                 Event::Answered { answer, .. } => return Ok(Some(answer)),
//!                 Event::Closed(_) => return Ok(None),
//!                 other => println!("{other:?}"),
//!             }
//!         }
//!         while link.poll_outbound(&mut out) {
//!             stream.write_all(&out)?;
//!         }
//!         // Only a deadline is left: wait for it, or for bytes.
//!         let wait = link.poll_deadline().map(|deadline| {
//!             let wait = deadline.at.saturating_sub(clock.now().monotonic);
//!             wait.max(Duration::from_millis(1))
//!         });
//!         stream.set_read_timeout(wait)?;
//!         match stream.read(&mut buffer) {
//!             Ok(0) => link.handle_eof(clock.now()),
//!             Ok(count) => link.receive(clock.now(), &buffer[..count]),
//!             Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
//!                 link.handle_timeout(clock.now());
//!             }
//!             Err(error) => return Err(error),
//!         }
//!     }
//! }
//!
//! # /// Seeded by a constant here; by the operating system in earnest.
//! # fn generator() -> Box<dyn rand_core::CryptoRng + Send> {
//! #     Box::new(chacha20::ChaCha8Rng::from_seed([7; 32]))
//! # }
//! #
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let outer = Layer::new().with_auth(HmacAuth::new("secret"));
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let address = listener.local_addr()?;
//!
//! let config = Arc::new(LinkConfig::new(Role::Server).with_outer(outer.clone()));
//! let server = std::thread::spawn(move || {
//!     let (mut stream, remote) = listener.accept()?;
//!     let clock = Clock(Instant::now());
//!     let mut node = Node::new();
//!     node.on((REQUEST_URI, "echo"), Handler::Echo, Layer::new());
//!     let mut link = Link::new(clock.now(), config, Some(remote), generator());
//!     drive(&mut link, &mut node, &mut stream, &clock)
//! });
//!
//! let mut stream = TcpStream::connect(address)?;
//! let clock = Clock(Instant::now());
//! let config = Arc::new(LinkConfig::new(Role::Client).with_outer(outer));
//! let mut link = Link::new(clock.now(), config, Some(address), generator());
//! let mut request = Message::request("echo");
//! request.content = "hi".into();
//! link.request(clock.now(), &request, &RequestOptions::new())?;
//! let answer = drive(&mut link, &mut Node::new(), &mut stream, &clock)?;
//! assert_eq!(answer.expect("the server answers").message.content, "hi");
//!
//! drop(stream);
//! assert!(server.join().expect("no panic")?.is_none());
//! # Ok(())
//! # }
//! ```
//!
//! The package's examples are longer: `threads` is a server with a thread for
//! each connection, `mio` one with all of them on one thread, which does not let
//! a connection starve the others, and does not read from a remote that does not
//! read its answers.
//!
//! # The way of a message
//!
//! ```text
//! bytes ──> Deframer ──> Frame ──> SealedMessage ── outer check, decrypt ──┐
//!                                                                          │
//!    Event::Answered <── a request waits for this uri? ── yes ── inner ────┤
//!                                                                          │ no
//!    Event::Message(Inbound) ──> Link::dispatch ── Node: route by key      │
//!                                     └── inner check, decrypt ──> handler │
//!                                                                          │
//! bytes <── Link::poll_outbound <── outer seal <── inner seal <── reply <──┘
//! ```
//!
//! A netaio peer's answers are told by their uri and their order; where both ends
//! want it, by ids ([`Correlation`]).
//!
//! Each step is a type of its own, and can be used alone: [`Deframer`] and
//! [`Frame`] parse, [`SealedMessage::open`] opens layers, [`Sealer`] makes
//! frames, [`packify`] packs values.
//!
//! # What can be replaced
//!
//! - The auth and cipher plugins: [`plugin::AuthPlugin`], [`plugin::CipherPlugin`].
//! - The format of frames: [`Codec`].
//! - The keys of handlers: [`KeyExtractor`].
//! - The message types: [`MessageTypes`].
//! - Every bound on what a remote controls: [`Limits`].
//!
//! # Errors
//!
//! Their types say whose fault they are: [`SealError`] and [`SendError`] the
//! caller's, [`FrameError`] and [`OpenError`] the remote's. No input makes this
//! crate panic, and none makes it use more memory than [`Limits`] say.
//!
//! # Cargo features
//!
//! - `std` (on by default): lets checksums and digests choose the processor's
//!   instructions at run time. Without it the crate needs `alloc` only, and
//!   behaves the same.
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
mod correlation;
mod datagram;
mod error;
mod events;
mod exchange;
mod frame;
mod hub;
mod limits;
mod link;
mod message;
mod node;
mod now;
mod options;
mod peers;
mod place;
pub mod plugin;
mod requests;
mod routes;
mod seal;
mod shared;
mod subscriptions;
mod sync;
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
pub use budget::Pressure;
pub use calls::{Call, ReplyError};
pub use config::{AuthErrorHandler, AuthErrorReply, FailedCheck, LinkConfig};
pub use correlation::Correlation;
pub use datagram::{
    DatagramCounters, DatagramEvent, DatagramLink, ReplyBudget, SuppressedReplies, Transmits,
};
pub use error::*;
pub use events::{Answer, Deadline, DeadlineReason, Dropped, Refusal};
pub use frame::{Deframer, Frame, SealedMessage};
pub use hub::{DatagramHub, DatagramHubEvent, DatagramOutput, Delivery, Hub, HubEvent, Output};
pub use limits::{Limits, LimitsError, SlowConsumerPolicy};
pub use link::{Event, Link};
pub use message::*;
#[doc(inline)]
pub use netaio_packify as packify;
pub use node::{Node, PeerManagementError};
pub use now::Now;
pub use options::{RequestOptions, SendOptions};
pub use peers::{
    Discovery, Expired, IntroductionError, Known, ManagementConfig, ManagementError, PeerChange,
    PeerEvent, PeerMessage, PeerRefused, Peers, RemovalReason,
};
pub use place::{LinkId, Place};
pub use plugin::{Layer, Peer};
pub use requests::RequestId;
pub use routes::{Key, KeyExtractor, Route, RouteId};
pub use seal::Sealer;
pub use shared::{Destination, SharedNode, Unrouted};
pub use subscriptions::{SubscribeError, Subscribers, Subscriptions};
pub use wire::Wire;
