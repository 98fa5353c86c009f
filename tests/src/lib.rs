//! What the tests of the whole share. The tests themselves are in `tests/tests`.
//!
//! - [`mod@conformance`] is one suite of behaviours, run on every runtime.
//! - [`contest`] has what benchmarks over sockets compare, on every runtime.
//! - [`figures`] says what the rounds of a measurement come to, and [`plot`] draws it.
//! - [`futures_io`] tests streams on the runtimes that share futures-io's traits.
//! - [`interop`] lets the real netaio and ours talk to each other.
//! - [`lines`] is a log that tests can read.
//! - [`puppet`] has servers, clients and nodes that do what a test says, in Python and here.
//! - [`python`] drives the real netaio 0.0.9: its server, its client, and a judge of frames.
//! - [`vectors`] loads the frames of `tests/data`, which the real netaio has judged.
//! - [`judge`] says what this implementation makes of a frame.
//! - [`limits`] says what limits there are.
//! - [`namespaces`] has two hosts with a real network between them.
//! - [`network`] is one of many nodes in virtual time, with all the faults of real ones.
//! - [`process`] is a program that is measured, in a process of its own.
//! - [`replay`] plays one recorded scenario with the core alone and with every driver.
//! - [`store`] is the little server that both are in those tests.
//! - [`tables`] reads the tables in `docs`, and says whether the tests that they name exist.
//! - `unix` tests Unix sockets on every runtime, where there are some.
//! - [`script`] is a random generator that draws what it is told to.
//! - [`x25519`] loads the boxes of `tests/data`, and has the package seal and open others.

pub mod conformance;
pub mod contest;
pub mod figures;
pub mod futures_io;
pub mod interop;
pub mod judge;
pub mod limits;
pub mod lines;
pub mod namespaces;
pub mod network;
pub mod plain;
pub mod plot;
pub mod process;
pub mod puppet;
pub mod python;
pub mod replay;
pub mod script;
pub mod store;
pub mod tables;
#[cfg(unix)]
pub mod unix;
pub mod vectors;
pub mod x25519;

/// The README's program, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
