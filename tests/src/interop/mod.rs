//! The real Python netaio and ours, each answering the other, with every
//! combination of layers, over every transport, on any runtime.
//!
//! Whoever asks goes through the same [`exchanges`]: what one answers, the
//! other must too. [`table`] is what `docs/interop.md` says of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "these are tests, although not in a test target: they fail by panicking"
)]

mod cases;
pub mod covers;
pub mod exchanges;
mod ids;
pub mod packed;
pub mod peers;
pub mod services;
pub mod slow;
pub mod stops;
pub mod table;
pub mod tcp;
pub mod udp;

use std::thread;
use std::time::Duration;

use futures_channel::oneshot;

pub use cases::{Case, cases, inner_layer, outer_layer};
pub use udp::node;

/// How long Python waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long Python waits for what must not come.
const SHORT: Duration = Duration::from_millis(300);

/// Runs what blocks on a thread of its own: the runtime may have but one.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, value) = oneshot::channel();
    thread::spawn(move || {
        // Whoever waits no longer has failed already.
        let _ = done.send(work());
    });
    value.await.expect("the other thread failed")
}
