//! tokio's time as netaio's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use netaio_driver::Clock;
use netaio_driver::core::Now;
use tokio::time::Instant;

/// tokio's own time, for tests whose runtime is [paused](https://docs.rs/tokio/latest/tokio/time/fn.pause.html):
/// deadlines come as soon as nothing else is left to do, and an hour takes no time.
///
/// Unless it is given to the builder, deadlines are those of the system's clock, which a paused
/// runtime does not wait for: it would look again and again whether they have come. Give every
/// server, client and node of a test a clone of one clock, which is made within the runtime.
///
/// ```
/// use std::time::Duration;
///
/// use netaio_tokio::types::REQUEST_URI;
/// use netaio_tokio::error::RequestError;
/// use netaio_tokio::config::TokioClock;
/// use netaio_tokio::{Client, NoReply, Server};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(async {
/// let clock = TokioClock::new();
/// let silent = Server::builder().clock(clock).on(REQUEST_URI, || NoReply);
/// let server = silent.bind("127.0.0.1:0").await?;
/// let client = Client::builder().clock(clock).build()?;
/// client.connect(server.local_addr()).await?;
///
/// const HOUR: Duration = Duration::from_secs(3600);
/// let started = tokio::time::Instant::now();
/// let late = client.request("u").timeout(HOUR).await;
/// assert_eq!(late, Err(RequestError::TimedOut(HOUR)));
/// assert!(started.elapsed() >= HOUR);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    origin: Instant,
    /// The Unix time at the origin, in seconds.
    unix: u64,
}

impl TokioClock {
    /// A clock whose Unix time begins at the system's.
    #[must_use]
    pub fn new() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        Self::starting_at(unix.unwrap_or_default().as_secs())
    }

    /// A clock whose Unix time begins here, in seconds, so that a run can be repeated.
    #[must_use]
    pub fn starting_at(unix: u64) -> Self {
        Self {
            origin: Instant::now(),
            unix,
        }
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Now {
        let elapsed = self.origin.elapsed();
        Now::new(elapsed, self.unix.saturating_add(elapsed.as_secs()))
    }

    fn instant(&self, monotonic: Duration) -> std::time::Instant {
        let at = self.origin.checked_add(monotonic);
        // A century: such a time means "never".
        let never = || self.origin + Duration::from_secs(100 * 365 * 24 * 60 * 60);
        at.unwrap_or_else(never).into_std()
    }
}
