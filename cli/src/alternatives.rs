//! Servers that are as good as each other, of which the first one is taken that there is. A client does
//! that by itself where a connection is all that is wanted of them.

use std::io;
use std::time::{Duration, Instant};

use netaio_driver::ConnectError;

use crate::address::Address;
use crate::error::CliError;

/// Those of a list that are not tried yet, and why the others are not taken.
pub(crate) struct Alternatives<'a> {
    list: &'a str,
    /// In an order that is drawn by chance, so that the clients of one that is gone spread over all others.
    left: Vec<Address>,
    until: Instant,
    failures: Vec<(Address, CliError)>,
}

impl<'a> Alternatives<'a> {
    /// Of a list with commas, that has a server at least, within a time.
    ///
    /// # Errors
    /// One is no address, or the system gives no randomness.
    pub(crate) fn new(list: &'a str, timeout: Duration) -> Result<Self, CliError> {
        let drawn = list.split(',').map(|server| {
            let server: Result<Address, _> = server.trim().parse();
            let server = server.map_err(|problem| CliError::Usage(problem.into()))?;
            Ok((getrandom::u32().map_err(CliError::Random)?, server))
        });
        let mut drawn = drawn.collect::<Result<Vec<_>, CliError>>()?;
        drawn.sort();
        Ok(Self {
            list,
            left: drawn.into_iter().map(|(_, server)| server).collect(),
            until: Instant::now() + timeout,
            failures: Vec::new(),
        })
    }

    /// The next one, and when it is to be given up: each has an equal part of the time that is left.
    pub(crate) fn next(&mut self) -> Option<(Address, Instant)> {
        let now = Instant::now();
        let left = u32::try_from(self.left.len()).unwrap_or(u32::MAX);
        let share = self.until.saturating_duration_since(now).checked_div(left);
        Some((self.left.pop()?, now + share.unwrap_or_default()))
    }

    /// Why one is not taken.
    pub(crate) fn failed(&mut self, server: Address, error: CliError) {
        tracing::info!(%server, %error, "this server is not taken");
        self.failures.push((server, error));
    }

    /// Why none is: of one its own error, of several what is wrong with each.
    pub(crate) fn into_error(mut self) -> CliError {
        if self.failures.len() < 2
            && let Some((_, error)) = self.failures.pop()
        {
            return error;
        }
        let mut kind = io::ErrorKind::TimedOut;
        let mut each = Vec::new();
        for (server, error) in self.failures {
            each.push(match error {
                // The last decides on what is advised.
                CliError::Connect(ConnectError { source, .. }) => {
                    kind = source.kind();
                    format!("{server}: {source}")
                }
                error => format!("{server}: {error}"),
            });
        }
        CliError::Connect(ConnectError {
            address: self.list.into(),
            source: io::Error::new(kind, each.join("; ")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_part_of_the_time_that_is_left() {
        let timeout = Duration::from_secs(60);
        let mut servers = Alternatives::new("a:1, b:2,c:3", timeout).unwrap();
        let begun = Instant::now();
        let mut names = Vec::new();
        for parts in [3, 2, 1] {
            let (server, until) = servers.next().unwrap();
            let part = timeout / parts;
            assert!(until <= Instant::now() + part, "{server}");
            // Nothing has taken time so far.
            assert!(until > begun + part / 2, "{server}");
            names.push(server.to_string());
        }
        assert!(servers.next().is_none());
        names.sort();
        assert_eq!(names, ["a:1", "b:2", "c:3"]);
        assert!(Alternatives::new("a:1,", timeout).is_err());
    }

    #[test]
    fn what_is_wrong_with_each_is_told() {
        let refused = |server: &Address| ConnectError {
            address: server.to_string(),
            source: io::ErrorKind::ConnectionRefused.into(),
        };
        let error = |list: &str| {
            let mut servers = Alternatives::new(list, Duration::from_secs(60)).unwrap();
            while let Some((server, _)) = servers.next() {
                let error = match &*server.to_string() {
                    "a:1" => refused(&server).into(),
                    _ => CliError::Usage("late".into()),
                };
                servers.failed(server, error);
            }
            servers.into_error().to_string()
        };
        assert_eq!(error("a:1"), "cannot connect to a:1: connection refused");
        assert_eq!(error("b:1"), "late");
        let both = error("a:1,b:1");
        assert!(both.starts_with("cannot connect to a:1,b:1: "), "{both}");
        for each in ["a:1: connection refused", "b:1: late"] {
            assert!(both.contains(each), "{both}");
        }
    }
}
