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

#[cfg(unix)]
#[test]
fn unix_sockets_by_their_paths() {
    use std::os::unix::net::UnixListener;

    let bind =
        |path: &std::path::Path| smol::Async::<UnixListener>::bind(path).expect("a new path");
    let connector = netaio_async_std::transport::UnixConnector;
    let test = netaio_tests::unix::a_path_is_an_address::<AsyncStd, _>(bind, connector);
    guarded(|| task::block_on(task::spawn(test)));
}
