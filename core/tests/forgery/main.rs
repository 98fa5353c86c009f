//! What netaio accepts from somebody who knows no secret, or what harms it, tried on
//! a link over a stream and on one over datagrams.
//!
//! Its MACs as lists of numbers are in `forgery_by_list.rs`.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of tests fail as tests do"
)]

#[path = "../forger/mod.rs"]
mod forger;

mod checksums;
mod fields;
mod handlers;
mod splits;
