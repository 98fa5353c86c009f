//! netaio on [smol]: small framed messages over TCP and UDP, handlers keyed by message
//! type, uri and peer, requests with timeouts, and authentication and
//! encryption in two layers, wire-compatible with the Python package `netaio`.
//!
//! ```
//! use netaio_smol::plugin::HmacAuth;
//! use netaio_smol::types::{CREATE_URI, REQUEST_URI};
//! use netaio_smol::{Client, Content, Server, Uri};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! smol::block_on(async {
//!     let server = Server::builder()
//!         .auth(HmacAuth::new("secret"))
//!         .on((REQUEST_URI, "echo"), |content: Content| async move { content })
//!         .on(CREATE_URI, |uri: Uri| format!("{uri} created"))
//!         .inner_auth(HmacAuth::new("admin").with_hmac_field("camh"))
//!         .bind("127.0.0.1:0")
//!         .await?;
//!
//!     let client = Client::builder().auth(HmacAuth::new("secret")).build()?;
//!     client.connect(server.local_addr()).await?;
//!     let response = client.request("echo").content("hi").await?.into_result()?;
//!     assert_eq!(&response.content[..], b"hi");
//!
//!     // Without the admin's secret the inner check fails, and the server says so.
//!     let refused = client.create("new", "content").await?;
//!     assert!(refused.into_result().is_err());
//!     server.stop().await;
//!     Ok(())
//! })
//! # }
//! ```
//!
//! The whole API is documented at the types below, which are those of
//! `netaio-driver` with smol filled in.
//! The guide, a chapter for each subject, is in the documentation of `netaio-tokio`: its programs are the same here
//! but for the name of the crate and for what tokio alone has.
//!
//! Connections and handlers run on smol's global executor, wherever they are
//! started from. It has one thread, or as many as the environment variable
//! `SMOL_THREADS` says. For an executor of your own, implement
//! [`netaio_driver::async_io::Executor`] as [`Smol`] does.
//!
//! Scripts can do without async: see [`blocking`].
//!
//! # Cargo features
//!
//! - `aead`: `plugin::Aead`, the layer that authenticates whole messages; off by default.
//! - `json`, `packed`, `postcard`: `Json`, `Packed` and `Postcard`, contents of values that serde knows.
//! - `metrics`: `Metrics::record`, for the recorder of the `metrics` crate; off by default.
//! - `sha-lanes`: `plugin::Sha256StreamCipher` at some twice the speed, on x86-64 with
//!   the SHA extensions; off by default, as it brings a crate with `unsafe` code.
//! - `testing`: `testing` and `Server::call`, to test a service without sockets; off by default.
//! - `x25519`: `plugin::X25519Cipher`, encryption between two peers; off by
//!   default.
#![forbid(unsafe_code)]
// Which cargo feature an item needs, on its page.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod blocking;
pub mod transport;

use std::any::Any;
use std::io;
use std::net::TcpStream;

use netaio_driver::async_io::Executor;
use netaio_driver::{Keepalive, sockets};
use smol::Async;

pub use netaio_driver::api::*;
pub use netaio_driver::key_files;
#[cfg(feature = "testing")]
pub use netaio_driver::testing;

netaio_driver::runtime_types!(Smol, "smol");

/// The smol runtime: its global executor, and the timers and sockets, TCP and
/// UDP, of async-io.
#[derive(Clone, Copy, Debug)]
pub struct Smol;

impl Executor for Smol {
    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(future).detach();
    }

    fn keep_alive(stream: &dyn Any, keepalive: Keepalive) -> io::Result<()> {
        if let Some(stream) = stream.downcast_ref::<Async<TcpStream>>() {
            return sockets::keep_alive(stream.get_ref(), keepalive);
        }
        match stream.downcast_ref::<smol::net::TcpStream>() {
            Some(stream) => sockets::keep_alive(stream, keepalive),
            None => Ok(()),
        }
    }
}

/// The program of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use socket2::SockRef;

    use super::*;

    #[test]
    fn streams_that_are_handed_over_are_kept_alive() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        smol::block_on(async {
            let stream = smol::net::TcpStream::connect(address).await.unwrap();
            assert!(!SockRef::from(&stream).keepalive().unwrap());
            Smol::keep_alive(&stream, Keepalive::new()).unwrap();
            assert!(SockRef::from(&stream).keepalive().unwrap());
            Smol::keep_alive(&"no stream", Keepalive::new()).unwrap();
            let stream = Async::<TcpStream>::connect(address).await.unwrap();
            Smol::keep_alive(&stream, Keepalive::new()).unwrap();
            assert!(SockRef::from(stream.get_ref()).keepalive().unwrap());
        });
    }
}
