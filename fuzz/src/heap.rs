//! How much memory something takes at most.

use std::sync::atomic::{AtomicUsize, Ordering};

use peak_alloc::PeakAlloc;

/// The highest peak of the measurement under way that others inside it have
/// made the allocator forget.
static FORGOTTEN: AtomicUsize = AtomicUsize::new(0);

/// What `work` gives, and the most bytes that were allocated at once while it
/// ran, more than before; 0 where the program's allocator is another than
/// [`PeakAlloc`]. For programs with one thread; may be nested.
pub(super) fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = PeakAlloc.current_usage();
    let of_outer = FORGOTTEN
        .load(Ordering::Relaxed)
        .max(PeakAlloc.peak_usage());
    FORGOTTEN.store(0, Ordering::Relaxed);
    PeakAlloc.reset_peak_usage();
    let result = work();
    let peak = FORGOTTEN
        .load(Ordering::Relaxed)
        .max(PeakAlloc.peak_usage());
    FORGOTTEN.store(of_outer.max(peak), Ordering::Relaxed);
    (result, peak - before)
}

/// The most that something may take: so many bytes for each byte of its input,
/// and so many besides.
#[derive(Clone, Copy)]
pub(super) struct Bound(pub(super) usize, pub(super) usize);

impl Bound {
    /// Holds what was taken for an input of `len` bytes against the bound.
    pub(super) fn check(self, what: &str, len: usize, taken: usize) {
        let Self(factor, besides) = self;
        assert!(
            taken <= factor * len + besides,
            "{what} takes {taken} bytes of memory at once for {len}: more than {factor} times that and {besides}"
        );
    }

    /// What `work` gives, which must not take more for an input of `len` bytes.
    pub(super) fn hold<T>(self, what: &str, len: usize, work: impl FnOnce() -> T) -> T {
        let (result, taken) = peak(work);
        self.check(what, len, taken);
        result
    }
}
