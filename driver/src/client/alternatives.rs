//! Connecting to one of several servers.

use std::future::Future;
use std::io;

use super::attempts::Failures;
use super::connector::Dial;
use crate::futures::race;
use crate::runtime::Runtime;

impl<R: Runtime> Dial<R> {
    /// Opens a stream to one of the servers that the address lists, with commas between them:
    /// `10.0.0.1:8888,10.0.0.2:8888` are servers that are as good as each other, gateways to one
    /// NATS say. They are tried one after the other until one answers, in an order that is drawn by
    /// chance, so that the clients of one that is gone spread over all others. Each has an equal part of
    /// the time that is left, so that one that says nothing leaves time for the next.
    ///
    /// Without a connector a client does this by itself, and so does netaio-tokio's for TLS. Other
    /// [connectors](super::Connector) may, where a comma is no part of their addresses.
    ///
    /// # Errors
    /// None answers: why, for each.
    pub async fn first_of<T, F>(&self, open: impl Fn(Self) -> F) -> io::Result<T>
    where
        F: Future<Output = io::Result<T>>,
    {
        let mut left: Vec<&str> = self.address().split(',').map(str::trim).collect();
        if left.len() < 2 {
            return open(self.clone()).await;
        }
        shuffle(&mut left)?;
        let mut failures = Failures::new(true);
        while let Some(address) = left.pop() {
            let dial = self.via(address).within_share_of(left.len());
            let until = dial.until();
            let late = async {
                R::sleep_until(until).await;
                Err(io::ErrorKind::TimedOut.into())
            };
            match race(open(dial), late).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failures.add(address, error),
            }
        }
        // What could never work at one may at another.
        failures.sort_by_key(|error| error.kind() != io::ErrorKind::InvalidInput);
        Err(failures.into_error())
    }
}

/// Puts them into an order that is drawn by chance.
fn shuffle(list: &mut [&str]) -> io::Result<()> {
    for end in (1..list.len()).rev() {
        let mut random = [0; 4];
        getrandom::fill(&mut random)?;
        let choices = end.saturating_add(1);
        let random = usize::try_from(u32::from_le_bytes(random)).unwrap_or_default();
        list.swap(end, random.checked_rem(choices).unwrap_or_default());
    }
    Ok(())
}
