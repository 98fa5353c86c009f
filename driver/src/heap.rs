//! Memory that was let go, for the system to have back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// A thread is about to do it.
static PENDING: AtomicBool = AtomicBool::new(false);

/// Gives the system back what was let go: to be called when much was. It returns at once;
/// the work takes some ten milliseconds for each 100 MiB, on a thread of its own, in a
/// second, when what is about to be let go is. However often it is called meanwhile, there
/// is one such thread.
///
/// glibc's allocator gives back the end of its heaps alone, and the smallest piece that is
/// in use there keeps all before it. Others do better, or have no such call.
pub(crate) fn give_back() {
    if PENDING.swap(true, Ordering::AcqRel) {
        return;
    }
    let work = || {
        thread::sleep(Duration::from_secs(1));
        // What is let go from here on is for the next call.
        PENDING.store(false, Ordering::Release);
        trim();
    };
    let thread = thread::Builder::new().name("netaio-heap".into());
    if thread.spawn(work).is_err() {
        // Where there is no thread to be had, there are other worries.
        PENDING.store(false, Ordering::Release);
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(
    unsafe_code,
    reason = "glibc gives nothing back by itself: of the 280 MiB that were held for 900 \
              subscribers, 264 stayed when they had gone, and 13 with this call"
)]
fn trim() {
    // SAFETY: it takes no pointer and has no precondition; glibc locks its heaps itself.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn however_often_memory_is_let_go_there_is_one_thread() {
        for _ in 0..1000 {
            give_back();
        }
        let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let names =
            threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok());
        assert!(names.filter(|name| name.trim() == "netaio-heap").count() <= 1);
    }
}
