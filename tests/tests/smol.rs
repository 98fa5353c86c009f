//! The suite of behaviours on smol.

use netaio_smol::Smol;
use netaio_tests::conformance::{self, guarded};

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
