//! The suite of behaviours on smol, and streams of its own.

use netaio_smol::Smol;
use netaio_tests::conformance::{self, guarded};
use netaio_tests::futures_io;

macro_rules! on_smol {
    ($($subject:ident { $($name:ident)* })*) => {
        $(mod $subject {
            use super::*;
            $(#[test]
            fn $name() {
                // Spawned, so that it runs on the executor like everything else.
                guarded(|| smol::block_on(smol::spawn(conformance::$subject::$name::<Smol>())));
            })*
        })*
    };
}

netaio_tests::conformance!(on_smol);

#[cfg(unix)]
#[test]
fn unix_sockets() {
    let pair = smol::net::unix::UnixStream::pair().unwrap();
    guarded(|| smol::block_on(futures_io::a_stream_carries_messages::<Smol, _>(pair)));
}

#[cfg(unix)]
#[test]
fn unix_sockets_by_their_paths() {
    use std::os::unix::net::UnixListener;

    let bind =
        |path: &std::path::Path| smol::Async::<UnixListener>::bind(path).expect("a new path");
    let connector = netaio_smol::transport::UnixConnector;
    let test = netaio_tests::unix::a_path_is_an_address::<Smol, _>(bind, connector);
    guarded(|| smol::block_on(smol::spawn(test)));
}
