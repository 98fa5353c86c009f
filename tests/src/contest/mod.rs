//! What benchmarks over sockets compare, on every runtime: servers of ours beside *floors*, which
//! are written by hand with the runtime's own sockets and nothing else. The servers of a runtime are
//! in a process of their own, and on a processor of their own where the program
//! [pins](pin) it.

mod floors;
mod load;
mod pins;
mod redis;
mod server;
mod sockets;

use std::error::Error;
use std::io;

pub use floors::{ROOM, bare, minimal};
pub use load::{Load, Question, Rate, round};
pub use pins::{apart, pin, processors};
pub use redis::Redis;
pub use server::{Servers, serve_if_asked};
pub use sockets::{Socket, Sockets};

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The runtimes that there are: async-std with the feature of its name.
pub const RUNTIMES: &[&str] = &[
    "tokio",
    "smol",
    #[cfg(feature = "async-std")]
    "async-std",
];

/// Something to do on a runtime.
pub trait Work {
    /// What comes of it.
    type Output;

    /// Does it. It blocks.
    fn on<R: Sockets>(self) -> Self::Output;
}

/// Does something on the runtime of a name.
///
/// # Errors
/// There is none of that name.
pub fn on<W: Work>(runtime: &str, work: W) -> io::Result<W::Output> {
    match runtime {
        "tokio" => Ok(work.on::<netaio_tokio::Tokio>()),
        "smol" => Ok(work.on::<netaio_smol::Smol>()),
        #[cfg(feature = "async-std")]
        "async-std" => Ok(work.on::<netaio_async_std::AsyncStd>()),
        _ => Err(io::Error::other(format!("no runtime {runtime}"))),
    }
}

/// The variables that give smol and async-std so many threads; tokio is told otherwise.
#[must_use]
pub fn threads(count: usize) -> [(&'static str, String); 2] {
    ["SMOL_THREADS", "ASYNC_STD_THREAD_COUNT"].map(|name| (name, count.to_string()))
}
