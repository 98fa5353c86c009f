//! The time of processors, and open files, where the system has such things.

/// The name of the threads whose time counts.
pub(crate) const SERVER: &str = "server";

/// Has the system allow this process so many open files, as far as its hard limit goes, and says how
/// many it may have.
#[cfg(target_os = "linux")]
pub(crate) fn allow_files(wanted: u64) -> std::io::Result<u64> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= wanted {
        return Ok(soft);
    }
    setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard), hard)?;
    Ok(wanted.min(hard))
}

/// How long the threads of this process that are called [`SERVER`] have run, or all threads of
/// another, in nanoseconds.
#[cfg(target_os = "linux")]
pub(crate) fn on_processor(process: Option<u32>) -> u64 {
    use std::fs::{read_dir, read_to_string};

    let path = match process {
        Some(id) => format!("/proc/{id}/task"),
        None => "/proc/self/task".to_string(),
    };
    let threads = read_dir(path).into_iter().flatten().flatten();
    let counted = threads.filter(|thread| {
        let name = read_to_string(thread.path().join("comm"));
        process.is_some() || name.is_ok_and(|name| name.trim() == SERVER)
    });
    let times = counted.filter_map(|thread| {
        let times = read_to_string(thread.path().join("schedstat")).ok()?;
        times.split(' ').next()?.parse::<u64>().ok()
    });
    times.sum()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn allow_files(wanted: u64) -> std::io::Result<u64> {
    Ok(wanted)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn on_processor(_: Option<u32>) -> u64 {
    0
}

/// How long this thread has run, in nanoseconds; where the system does not say, how much time has gone
/// by.
#[cfg(target_os = "linux")]
#[allow(dead_code, reason = "not all of the benchmarks have such threads")]
pub(crate) fn of_this_thread() -> u64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = times.split(' ').next().and_then(|it| it.parse().ok());
    first.unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
#[allow(dead_code, reason = "not all of the benchmarks have such threads")]
pub(crate) fn of_this_thread() -> u64 {
    static BEGUN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let begun = BEGUN.get_or_init(std::time::Instant::now);
    u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
