#![cfg_attr(fuzzing, no_main)]

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: netaio_fuzz::Messages<'_>| netaio_fuzz::messages(&input));

#[cfg(not(fuzzing))]
fn main() {
    netaio_fuzz::replay(|input| {
        if let Some(input) = netaio_fuzz::described(input) {
            netaio_fuzz::messages(&input);
        }
    });
}
