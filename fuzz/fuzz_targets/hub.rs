#![cfg_attr(fuzzing, no_main)]

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| netaio_fuzz::hub(data));

#[cfg(not(fuzzing))]
fn main() {
    netaio_fuzz::replay(netaio_fuzz::hub);
}
