//! The loops of the examples, driven through the edges: answers that are too long,
//! garbage behind a request, half-closed clients, answers that fill all buffers.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of tests fail as tests do"
)]

mod datagrams;
mod raw;
mod tcp;
mod virtual_time;

// Their `main` has no caller here, nor what only it calls.
#[allow(dead_code, unreachable_pub)]
#[path = "../../examples/mio/main.rs"]
mod mio_example;
#[allow(dead_code, unreachable_pub)]
#[path = "../../examples/simulation/main.rs"]
mod simulation_example;
#[allow(dead_code, unreachable_pub)]
#[path = "../../examples/smoltcp/main.rs"]
mod smoltcp_example;
#[allow(dead_code, unreachable_pub)]
#[path = "../../examples/threads.rs"]
mod threads_example;
