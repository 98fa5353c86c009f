//! What the process of a server needs, by the names that Prometheus has for it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the process needs now. What the system does not say is `None`.
pub(super) struct Process {
    /// When it was started, since 1970.
    pub(super) start: Option<Duration>,
    /// The memory that it has, in bytes.
    pub(super) memory: Option<u64>,
    /// The time of processors that it took.
    pub(super) processor: Option<Duration>,
}

/// The time by the clock, since 1970.
pub(super) fn clock() -> Option<Duration> {
    SystemTime::now().duration_since(UNIX_EPOCH).ok()
}

impl Process {
    /// Of a process that was started then.
    pub(super) fn now(start: Option<Duration>) -> Self {
        Self {
            start,
            memory: memory(),
            processor: processor(),
        }
    }
}

/// Linux says it in a file.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(unix)]
fn processor() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};

    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).ok()?;
    Some(Duration::new(seconds, u32::try_from(time.tv_nsec).ok()?))
}

#[cfg(not(unix))]
fn processor() -> Option<Duration> {
    None
}
