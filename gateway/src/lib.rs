//! Many netaio servers behave as one: a gateway to [NATS].
//!
//! A [`Gateway`] is a [`Store`] and a [`Bus`]: handlers of a netaio server that keep resources and
//! publish work on it as they do on those of one server alone. Whatever NATS does besides stays NATS's.
//!
//! - **Publications** go to the subscribers of all gateways: each has one subscription at NATS for
//!   each uri that has subscribers there. `OK` says that the NATS server has it. Publications of one
//!   publisher to one uri stay in order. Where some may have been lost (the connection was away, a
//!   subscription was too slow), the next one to each uri says so with a [gap](netaio_driver::core::Gap)
//!   of 1, which stands for any number.
//! - **Resources** are in a key-value bucket of JetStream: of two that create the same, on whatever
//!   servers, one is told `cannot overwrite`. `OK` says that JetStream has it. Subscribers of a uri at
//!   every gateway are notified of each change, in the order of the bucket. Reads ask the leader of the
//!   bucket, so that they are never stale, or [a cache](GatewayOptions::with_cached_reads).
//! - **Services**: [`Gateway::service`] answers the requests of a uri in whatever process; those that
//!   answer the same one share them. [`Gateway::ask`] asks them.
//! - **Peers**, [if wished](GatewayOptions::with_presence): [`Gateway::share_peers`] tells others who is connected
//!   to a server here, and [`Gateway::send_to`] reaches a peer wherever it is.
//! - Where NATS cannot be reached, requests wait for [a time](GatewayOptions::with_timeout), and are
//!   then answered with the `ERROR` `unavailable`: whether they were done is not known.
//!
//! netaio's layers end at the gateway. Who a message came from travels in headers of NATS, and
//! whoever may publish to the gateway's subjects is believed: give no one else the right to.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use netaio_driver::resources::{LocalBus, Store, StoreError};
//! use netaio_gateway::{Gateway, GatewayOptions};
//! use netaio_tokio::types::{CREATE_URI, REQUEST_URI};
//! use netaio_tokio::{Content, Server, State, Uri};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let local = Arc::new(LocalBus::new());
//! let options = GatewayOptions::new("nats://127.0.0.1:4222")?;
//! let gateway = Gateway::connect(options, local.clone()).await?;
//! let server = Server::builder()
//!     .state(gateway)
//!     .on(REQUEST_URI, async |uri: Uri, gateway: State<Gateway>| {
//!         gateway.read(&uri).await.map(Content)
//!     })
//!     .on(CREATE_URI, async |uri: Uri, content: Content, gateway: State<Gateway>| {
//!         gateway.create(uri.0, content.0).await
//!     })
//!     .bind("0.0.0.0:8888")
//!     .await?;
//! local.add(server.publisher().clone());
//! # Ok(())
//! # }
//! ```
//!
//! [NATS]: https://nats.io
#![forbid(unsafe_code)]

mod bus;
mod cache;
mod error;
mod gateway;
mod headers;
mod inbox;
mod inbox_room;
mod interest;
mod nats;
mod options;
mod outbox;
mod presence;
mod resources;
mod service;
mod sharing;
pub mod subject;

pub use crate::error::{ConnectError, NatsError, PeerError};
pub use crate::gateway::Gateway;
pub use crate::options::GatewayOptions;
pub use crate::service::{Service, ServiceRequest};
pub use crate::sharing::SharedPeers;
#[doc(no_inline)]
pub use netaio_driver::resources::{Bus, Store};
