//! The same API without async, for scripts.
//!
//! [`Wait`] gives everything that can be awaited a method that waits for it.
//! Connections and handlers still run on smol's global executor, in threads of
//! its own, so that a script may take its time.
//!
//! ```
//! use netaio_smol::blocking::{iter, Wait};
//! use netaio_smol::types::{REQUEST_URI, SUBSCRIBE_URI};
//! use netaio_smol::{Client, Connection, Content, Message, Publisher, Server, Uri};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::builder()
//!     .on((REQUEST_URI, "echo"), |content: Content| content)
//!     .on(SUBSCRIBE_URI, |uri: Uri, who: Connection, publisher: Publisher| {
//!         publisher.subscribe(uri.0, &who).map_or("refused", |_| "")
//!     })
//!     .bind("127.0.0.1:0")
//!     .wait()?;
//!
//! let client = Client::builder().build()?;
//! client.connect(server.local_addr()).wait()?;
//! let answer = client.request("echo").content("hi").wait()?.into_result()?;
//! assert_eq!(&answer.content[..], b"hi");
//!
//! let mut messages = client.messages();
//! client.subscribe("news").request().wait()?.into_result()?;
//! server.publisher().notify("news", &Message::notify("news", "it works"))?;
//! let news = iter(&mut messages).next().expect("the client is there");
//! assert_eq!(&news.message.content[..], b"it works");
//! server.stop().wait();
//! # Ok(())
//! # }
//! ```

use std::future::IntoFuture;

use netaio_driver::{Messages, Unsolicited};

/// Waits for a future on this thread: a request, a connection, anything of this
/// crate that can be awaited. Not to be called from within a future: it would block
/// the executor.
pub trait Wait: IntoFuture {
    /// Waits until it is ready.
    fn wait(self) -> Self::Output;
}

impl<T: IntoFuture> Wait for T {
    fn wait(self) -> Self::Output {
        smol::block_on(self.into_future())
    }
}

/// Unsolicited messages, each waited for, until the client is dropped.
pub fn iter(messages: &mut Messages) -> impl Iterator<Item = Unsolicited> + '_ {
    std::iter::from_fn(|| messages.next().wait())
}
