//! The attempts to connect to one of several addresses.

use std::fmt::Display;
use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Instant;

use netaio_core::HappyEyeballs;

use crate::address::canonical;
use crate::clock::Time;
use crate::futures::{BoxFuture, race};
use crate::runtime::{Keepalive, Runtime};

/// A TCP connection and its remote address.
pub(super) type Stream<R> = (
    <R as Runtime>::Reader,
    <R as Runtime>::Writer,
    Option<SocketAddr>,
);

type Halves<R> = (<R as Runtime>::Reader, <R as Runtime>::Writer);

/// Attempts that run side by side, as [`HappyEyeballs`] begins them.
pub(super) struct Attempts<'a, R: Runtime> {
    eyeballs: HappyEyeballs,
    keepalive: Option<Keepalive>,
    time: &'a Time,
    /// When those are given up that still run.
    until: Instant,
    running: Vec<(SocketAddr, BoxFuture<io::Result<Halves<R>>>)>,
    failures: Failures<SocketAddr>,
}

/// Why attempts have failed, and whether there are several addresses to try.
pub(super) struct Failures<A> {
    several: bool,
    each: Vec<(A, io::Error)>,
}

/// What happened first.
enum Step<T> {
    Ended(SocketAddr, io::Result<T>),
    /// The next attempt is to begin.
    Due,
    /// The time is up.
    Late,
}

impl<'a, R: Runtime> Attempts<'a, R> {
    pub(super) fn new(
        addresses: Vec<SocketAddr>,
        keepalive: Option<Keepalive>,
        time: &'a Time,
        until: Instant,
    ) -> Self {
        let several = addresses.len() > 1;
        Self {
            eyeballs: HappyEyeballs::new(addresses.into_iter().map(canonical)),
            keepalive,
            time,
            until,
            running: Vec::new(),
            failures: Failures::new(several),
        }
    }

    /// The first connection that is made; the other attempts are given up.
    pub(super) async fn first(mut self) -> io::Result<Stream<R>> {
        loop {
            while let Some(address) = self.eyeballs.next(self.time.now()) {
                let attempt = R::connect(address, self.keepalive);
                self.running.push((address, Box::pin(attempt)));
            }
            if self.eyeballs.is_over() {
                return Err(self.failures.into_error());
            }
            match self.step().await {
                Step::Ended(address, Ok((reader, writer))) => {
                    return Ok((reader, writer, Some(address)));
                }
                Step::Ended(address, Err(error)) => {
                    self.failures.add(address, error);
                    self.eyeballs.failure(self.time.now());
                }
                Step::Due => {}
                Step::Late => {
                    let late = self.running.iter().map(|(address, _)| {
                        let error = io::ErrorKind::TimedOut.into();
                        (*address, error)
                    });
                    self.failures.each.extend(late);
                    return Err(self.failures.into_error());
                }
            }
        }
    }

    async fn step(&mut self) -> Step<Halves<R>> {
        let (deadline, until) = (self.eyeballs.deadline(), self.until);
        let time = self.time;
        let due = async {
            match deadline {
                Some(at) => R::sleep_until(time.instant(at)).await,
                None => pending().await,
            }
            Step::Due
        };
        let late = async {
            R::sleep_until(until).await;
            Step::Late
        };
        let running = &mut self.running;
        let ended = poll_fn(|context| {
            for (index, (address, attempt)) in running.iter_mut().enumerate() {
                if let Poll::Ready(result) = attempt.as_mut().poll(context) {
                    let address = *address;
                    drop(running.swap_remove(index));
                    return Poll::Ready(Step::Ended(address, result));
                }
            }
            Poll::Pending
        });
        race(ended, race(late, due)).await
    }
}

impl<A: Display> Failures<A> {
    pub(super) fn new(several: bool) -> Self {
        Self {
            several,
            each: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, address: A, error: io::Error) {
        self.each.push((address, error));
    }

    /// Puts them in order: the last decides on the kind of the whole.
    pub(super) fn sort_by_key<K: Ord>(&mut self, key: impl Fn(&io::Error) -> K) {
        self.each.sort_by_key(|(_, error)| key(error));
    }

    /// Why none of the addresses was reached: of one what the system says, of several what it
    /// says of each. The kind is that of the last.
    pub(super) fn into_error(mut self) -> io::Error {
        let Some((address, last)) = self.each.pop() else {
            return io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address");
        };
        if !self.several {
            return last;
        }
        let kind = last.kind();
        self.each.push((address, last));
        let each = self.each.iter();
        let each = each.map(|(address, error)| format!("{address}: {error}"));
        io::Error::new(kind, each.collect::<Vec<_>>().join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_failures_are_told() {
        let error = |several, each: &[(&str, io::ErrorKind)]| {
            let each = each.iter();
            let each = each.map(|(address, kind)| (address.parse().unwrap(), (*kind).into()));
            let each: Vec<(SocketAddr, io::Error)> = each.collect();
            let error = Failures { several, each }.into_error();
            (error.kind(), error.to_string())
        };
        let (refused, late) = (io::ErrorKind::ConnectionRefused, io::ErrorKind::TimedOut);
        let one = error(false, &[("[::1]:5", refused)]);
        assert_eq!(one, (refused, "connection refused".into()));
        let first = error(true, &[("[::1]:5", late)]);
        assert_eq!(first, (late, "[::1]:5: timed out".into()));
        let both = error(true, &[("[::1]:5", refused), ("127.0.0.1:5", late)]);
        let text = "[::1]:5: connection refused; 127.0.0.1:5: timed out";
        assert_eq!(both, (late, text.into()));
        assert_eq!(error(true, &[]).0, io::ErrorKind::AddrNotAvailable);
    }
}
