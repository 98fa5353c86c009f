//! One suite of behaviours, for every runtime.
//!
//! A behaviour is an async function, generic over the
//! [`Runtime`](netaio_driver::Runtime). It says what it tests in its name and
//! its first line, uses real sockets on the loopback interface (or pipes in
//! memory, where every byte counts), waits for events and never sleeps.
//! [`conformance!`](crate::conformance!) lists them all, so that a runtime's
//! tests are one short file; `tests/tokio.rs` is one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "these are tests, although not in a test target: they fail by panicking"
)]

pub mod acquaintances;
pub mod addresses;
pub mod aead;
pub mod bursts;
pub mod client;
pub mod client_events;
pub mod concurrency;
pub mod connectors;
pub mod cookies;
pub mod correlation;
pub mod covers;
pub mod datagrams;
pub mod endings;
pub mod events;
pub mod extensions;
pub mod extractors;
pub mod flushes;
pub mod formats;
pub mod full_tables;
pub mod groups;
pub mod halves;
pub mod handler_panics;
pub mod handlers;
pub mod heartbeats;
pub mod held_requests;
pub mod hostile;
pub mod identities;
pub mod introductions;
pub mod late_answers;
pub mod late_datagrams;
pub mod layers;
pub mod leases;
pub mod leavers;
pub mod life_cycle;
pub mod long_requests;
pub mod long_streams;
pub mod memory;
pub mod metrics;
pub mod middlewares;
pub mod node_handlers;
pub mod node_layers;
pub mod node_peers;
pub mod node_publishing;
pub mod node_stops;
pub mod node_subscriptions;
pub mod nodes;
pub mod options;
pub mod panics;
pub mod patterns;
pub mod peer_management;
pub mod persistence;
pub mod publishing;
pub mod reconnecting;
pub mod refusals;
pub mod refused_peers;
pub mod requests;
pub mod server_peers;
pub mod several_servers;
pub mod side_by_side;
pub mod slow;
pub mod strangers;
pub mod streams;
pub mod subscriptions;
pub mod testing;
pub mod timeouts;
pub mod undelivered;
pub mod unsolicited;
pub mod wildcards;

mod list;
mod narrow;
mod pipe;
mod raw;
mod raw_node;
mod stage;
mod stamps;
mod support;
mod torrent;
mod watched;
mod wrapped;

use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Runs a test on a thread of its own, and gives it up where it hangs: a guard,
/// no measurement. It holds even where the test keeps its thread busy.
pub fn guarded(test: impl FnOnce() + Send + 'static) {
    const PATIENCE: Duration = Duration::from_secs(60);
    let (done, wait) = channel::<()>();
    let name = thread::current().name().unwrap_or("test").to_owned();
    let thread = thread::Builder::new().name(name);
    let running = thread.spawn(move || {
        let _done = done;
        test();
    });
    if wait.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
        panic!("the test hangs");
    }
    if let Err(panic) = running.expect("a thread can be started").join() {
        // Where a runtime's thread has panicked, its message may be in the output of another test.
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied());
        eprintln!("{}", text.unwrap_or("panicked"));
        resume_unwind(panic);
    }
}
