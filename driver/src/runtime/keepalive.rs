//! Noticing that the path to a remote is dead.

use std::time::Duration;

/// When a TCP connection is given up whose remote is silent: the machine was switched off,
/// say, or a firewall has forgotten the connection.
///
/// After [`idle`](Self::idle) without a byte the system sends a probe, and another one every
/// [`interval`](Self::interval). Where [`probes`](Self::probes) of them have no answer, the
/// connection ends with an error. What was sent and is not acknowledged is given up after the
/// same time, [`dead_after`](Self::dead_after), 55 s unless set: no probe is sent while there
/// is any.
///
/// Linux and Android do all of it (`TCP_KEEPIDLE`, `TCP_KEEPINTVL`, `TCP_KEEPCNT`,
/// `TCP_USER_TIMEOUT`). They also give up a remote that is alive and takes nothing for as long
/// as that, unless [`user_timeout`](Self::with_user_timeout) is off. Servers have closed it
/// before as a rule, by [`Limits::write_timeout`](netaio_core::Limits::write_timeout), with a
/// reason of their own.
///
/// Windows, macOS, iOS and the BSDs but OpenBSD have the probes only:
/// there what is not acknowledged is given up when the system says so, after some minutes as a
/// rule (`write_timeout` ends it earlier where much waits). Others, OpenBSD for one, probe as the whole system is set.
///
/// ```
/// use std::time::Duration;
///
/// use netaio_driver::Keepalive;
///
/// let quick = Keepalive::new()
///     .with_idle(Duration::from_secs(5))
///     .with_interval(Duration::from_secs(1))
///     .with_probes(5);
/// assert_eq!(quick.dead_after(), Duration::from_secs(10));
/// assert_eq!(Keepalive::new().dead_after(), Duration::from_secs(55));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    idle: Duration,
    interval: Duration,
    probes: u32,
    user_timeout: bool,
}

impl Keepalive {
    /// The shortest and the longest time that systems take.
    const TIMES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(32_767)];

    /// The most probes that systems take.
    const MOST_PROBES: u32 = 127;

    /// 25 s until the first of 3 probes, and 10 s between them: with what a system's timers
    /// are late, a dead path is noticed within 60 s.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            idle: Duration::from_secs(25),
            interval: Duration::from_secs(10),
            probes: 3,
            user_timeout: true,
        }
    }

    /// The time without a byte before the first probe; whole seconds, from 1 s to 32,767 s:
    /// what is less or more counts as that.
    #[must_use]
    pub fn with_idle(mut self, idle: Duration) -> Self {
        self.idle = Self::whole_seconds(idle);
        self
    }

    /// The time between two probes, within the bounds of [`with_idle`](Self::with_idle).
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = Self::whole_seconds(interval);
        self
    }

    /// The number of probes without an answer that end the connection, from 1 to 127: what is
    /// less or more counts as that.
    #[must_use]
    pub fn with_probes(mut self, probes: u32) -> Self {
        self.probes = probes.clamp(1, Self::MOST_PROBES);
        self
    }

    /// Whether [`dead_after`](Self::dead_after) is the time, too, for what was sent and is not
    /// acknowledged, where the system can do that; on unless set.
    ///
    /// Off, a remote that is alive and takes nothing is waited for: for a client whose server
    /// may work on something for minutes without reading, say. A path that dies while
    /// something is on its way is then noticed when the system says so, after some 15 minutes
    /// on Linux.
    #[must_use]
    pub const fn with_user_timeout(mut self, user_timeout: bool) -> Self {
        self.user_timeout = user_timeout;
        self
    }

    /// The time without a byte before the first probe.
    #[must_use]
    pub const fn idle(&self) -> Duration {
        self.idle
    }

    /// The time between two probes.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// The number of probes without an answer that end the connection.
    #[must_use]
    pub const fn probes(&self) -> u32 {
        self.probes
    }

    /// See [`with_user_timeout`](Self::with_user_timeout).
    #[must_use]
    pub const fn user_timeout(&self) -> bool {
        self.user_timeout
    }

    /// The time after which a dead path is noticed.
    #[must_use]
    pub fn dead_after(&self) -> Duration {
        let probing = self.interval.saturating_mul(self.probes);
        self.idle.saturating_add(probing)
    }

    /// Systems count in seconds, and take a part of one for none.
    fn whole_seconds(time: Duration) -> Duration {
        let [shortest, longest] = Self::TIMES;
        Duration::from_secs(time.clamp(shortest, longest).as_secs())
    }
}

impl Default for Keepalive {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use netaio_core::Limits;

    use super::*;

    /// Who takes nothing is closed for that, and not for a path that seems dead; and that is
    /// noticed within 60 s where a timer of 25 s is 2 s late, and one of 10 s a quarter of one.
    #[test]
    fn a_server_closes_who_takes_nothing_before_the_system_does() {
        let dead_after = Keepalive::new().dead_after();
        assert!(Limits::default().write_timeout().unwrap() < dead_after);
        assert!(dead_after + Duration::from_secs(3) < Duration::from_secs(60));
    }

    #[test]
    fn what_no_system_takes_is_brought_within_bounds() {
        let least = Keepalive::new()
            .with_idle(Duration::ZERO)
            .with_interval(Duration::from_millis(999))
            .with_probes(0);
        let second = Duration::from_secs(1);
        assert_eq!((least.idle(), least.interval()), (second, second));
        assert_eq!((least.probes(), least.dead_after()), (1, 2 * second));
        let most = Keepalive::new()
            .with_idle(Duration::MAX)
            .with_interval(Duration::MAX)
            .with_probes(u32::MAX);
        assert_eq!(most.dead_after(), 32_767 * 128 * second);
        let parts = Keepalive::new().with_idle(Duration::from_millis(2_500));
        assert_eq!(parts.idle(), 2 * second);
    }
}
