//! An allocator that counts. All threads of a program share it, so these programs have
//! one test, and those that allow no allocation no harness.
#![allow(dead_code, reason = "each program uses some of it")]

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Bytes that are allocated now.
pub(crate) fn now() -> usize {
    ALLOCATOR.current_usage()
}

/// The most bytes that were allocated at once while `work` ran, more than before.
pub(crate) fn peak<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = work();
    (ALLOCATOR.peak_usage() - before, result)
}

/// Runs `work`, which must not allocate, not even for a moment.
pub(crate) fn without_allocating<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (peak, result) = peak(work);
    assert_eq!(peak, 0, "bytes allocated by {what}");
    result
}
