//! One recorded scenario, played with the core alone and with every driver.
//!
//! Same seed, same inputs, same bytes out: [`alone`](fn@alone) and
//! [`driven`](fn@driven) give the same [`Log`], to the byte. The scenario is
//! `tests/data/scenario.jsonl`. Time passes only where it says so, nonces follow
//! from the seeds that it gives, and what is on its way arrives only when
//! nothing else goes on.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "these are tests, although not in a test target: they fail by panicking"
)]

mod acts;
mod alone;
mod cast;
mod driven;
mod forge;
mod log;
mod scenario;
mod wire;

use std::time::Duration;

use netaio_core::Now;
use netaio_driver::Runtime;

pub use self::log::Log;

/// The recorded scenario.
const SCENARIO: &str = include_str!("../../data/scenario.jsonl");

/// The Unix time at which every run begins.
const EPOCH: u64 = 1_700_000_000;

/// What time it is after so much of a run.
fn now_at(elapsed: Duration) -> Now {
    Now::new(elapsed, EPOCH + elapsed.as_secs())
}

/// Plays the scenario with the core alone.
#[must_use]
pub fn alone() -> Log {
    alone::play(&scenario::read(SCENARIO))
}

/// Plays the scenario with the driver, on a runtime. It is called from within
/// the runtime, whose tasks run everything; time and network are the scenario's.
pub async fn driven<R: Runtime>() -> Log {
    driven::play::<R>(&scenario::read(SCENARIO)).await
}

/// Sees that a run went as with the core alone, to the byte.
#[track_caller]
pub fn assert_as_alone(log: &Log) {
    let (found, expected) = (log.text(), alone().text());
    // The first line that differs says more than two hashes.
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(log.hash(), alone().hash(), "one of them ends early");
}
