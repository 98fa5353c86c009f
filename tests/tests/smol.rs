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
