//! The suite of behaviours on async-std, and streams of its own.
//!
//!     cargo test -p netaio-tests --features async-std --test async_std

use async_std::task;
use netaio_async_std::AsyncStd;
use netaio_tests::conformance::{self, guarded};
use netaio_tests::futures_io;

macro_rules! on_async_std {
    ($($subject:ident { $($name:ident)* })*) => {
        $(mod $subject {
            use super::*;
            $(#[test]
            fn $name() {
                // Spawned, so that it runs on the executor like everything else.
                guarded(|| task::block_on(task::spawn(conformance::$subject::$name::<AsyncStd>())));
            })*
        })*
    };
}

netaio_tests::conformance!(on_async_std);

#[cfg(unix)]
#[test]
fn unix_sockets() {
    let pair = async_std::os::unix::net::UnixStream::pair().unwrap();
    guarded(|| task::block_on(futures_io::a_stream_carries_messages::<AsyncStd, _>(pair)));
}
