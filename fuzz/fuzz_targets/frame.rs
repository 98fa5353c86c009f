#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| netaio_core::fuzzing::frame(data));
