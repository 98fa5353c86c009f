#![no_main]

use libfuzzer_sys::fuzz_target;
use netaio_core::fuzzing::{self, Messages};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

fuzz_target!(|input: Messages<'_>| fuzzing::messages(&input));
