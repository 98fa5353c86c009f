//! Processors for servers and their load.

/// The processors that this process may run on; none where the system does not say.
#[must_use]
pub fn processors() -> Vec<usize> {
    #[cfg(target_os = "linux")]
    {
        use nix::sched::{CpuSet, sched_getaffinity};
        use nix::unistd::Pid;
        let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else {
            return Vec::new();
        };
        let all = 0..CpuSet::count();
        all.filter(|at| set.is_set(*at) == Ok(true)).collect()
    }
    #[cfg(not(target_os = "linux"))]
    Vec::new()
}

/// Keeps this thread, and the threads and processes that it starts from now on, on one processor,
/// if one is named and the system lets itself be told.
pub fn pin(processor: Option<usize>) {
    #[cfg(target_os = "linux")]
    if let Some(processor) = processor {
        use nix::sched::{CpuSet, sched_setaffinity};
        use nix::unistd::Pid;
        let mut set = CpuSet::new();
        let set_it = set.set(processor);
        // Else it runs anywhere, as it does on other systems.
        let _ = set_it.and_then(|()| sched_setaffinity(Pid::from_raw(0), &set));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = processor;
}

/// A processor for servers and one for their load, where there are two.
#[must_use]
pub fn apart() -> [Option<usize>; 2] {
    match processors()[..] {
        [first, .., last] => [Some(first), Some(last)],
        _ => [None; 2],
    }
}
