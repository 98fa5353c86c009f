//! netaio on async-std: not written yet. Use `netaio-tokio` until then.
//!
//! async-std is unmaintained (RUSTSEC-2025-0052). This crate will be for
//! programs that are on it already: new ones are better off with `netaio-smol`,
//! its successor. Nothing depends on this crate, and no default build reaches it.
#![forbid(unsafe_code)]
