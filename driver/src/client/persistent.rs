//! Connecting, and staying connected.

use std::io;
use std::sync::atomic::Ordering;

use super::Client;
use super::servers::Position;
use super::shared::Shared;
use crate::connection::Connection;
use crate::error::ConnectError;
use crate::futures::{race, wait_for};
use crate::logging::limited;
use crate::options::ConnectionOptions;
use crate::runtime::Runtime;

impl<R: Runtime> Client<R> {
    /// Connects, and stays connected: what fails is tried again, the first time too, and what is
    /// lost is reconnected, as [`AutoReconnect`](crate::AutoReconnect) says that is
    /// [set](crate::ClientBuilder::auto_reconnect), or as
    /// [`AutoReconnect::persistent`](crate::AutoReconnect::persistent) does, without end. Requests
    /// of the client and subscriptions may be made meanwhile.
    ///
    /// Cancel-safe: dropped early, there is no connection.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use netaio_driver::{Client, ClientEvent, Runtime};
    ///
    /// # async fn run<R: Runtime>(client: Client<R>) -> Result<(), Box<dyn std::error::Error>> {
    /// client.connect_persistent("collector.example:8888").await?;
    /// let mut orders = client.subscribe("orders").await?;
    /// // While the server restarts this waits, and is made again should it be cut off.
    /// let state = client.request("state").timeout(Duration::from_secs(60));
    /// let state = state.idempotent().await?.into_result()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The tries are used up, where their number is limited: why the last one failed. The address
    /// is none that could ever work ([`io::ErrorKind::InvalidInput`]). Or the client was
    /// [closed](Self::close) meanwhile ([`io::ErrorKind::NotConnected`]).
    pub async fn connect_persistent(
        &self,
        address: impl ToString,
    ) -> Result<Connection, ConnectError> {
        self.connect_persistent_with(address, ConnectionOptions::new())
            .await
    }

    /// As [`connect_persistent`](Self::connect_persistent), with another name than the address, or
    /// without an outer plugin. Cancel-safe in the same way.
    ///
    /// # Errors
    /// As [`connect_persistent`](Self::connect_persistent).
    pub async fn connect_persistent_with(
        &self,
        address: impl ToString,
        mut options: ConnectionOptions,
    ) -> Result<Connection, ConnectError> {
        let address = address.to_string();
        options.name.get_or_insert_with(|| address.as_str().into());
        options.persistent = true;
        let shared = &self.shared;
        let closes = shared.closes.load(Ordering::Acquire);
        let is_closed = || (shared.closes.load(Ordering::Acquire) != closes).then_some(());
        let closed = async {
            wait_for(&shared.changed, is_closed).await;
            Err(closed_meanwhile(&address))
        };
        let connection = race(closed, self.connect_patiently(&address, &options)).await?;
        if is_closed().is_some() {
            // It may have been made too late to be closed with the others.
            connection.abort();
            return Err(closed_meanwhile(&address));
        }
        Ok(connection)
    }

    /// Tries until there is a connection, or no more is to be tried.
    async fn connect_patiently(
        &self,
        address: &str,
        options: &ConnectionOptions,
    ) -> Result<Connection, ConnectError> {
        let shared = &self.shared;
        let (time, logs) = (shared.service.context.time(), &shared.service.context.logs);
        let _connecting = Connecting::new(shared);
        let mut tries = shared.reconnect.backoff();
        let mut last = None;
        while let Some(at) = tries.next(time.now()) {
            R::sleep_until(time.instant(at)).await;
            let opened = self.open(address, shared.reconnect.connect_timeout()).await;
            let made = opened.and_then(|stream| {
                self.start(stream, options.clone(), Some(address), Position::Last)
            });
            let source = match made {
                Ok(connection) => return Ok(connection),
                Err(source) => source,
            };
            shared.reconnect.failure(&mut tries, time.now());
            let attempt = tries.failures();
            let error = ConnectError {
                address: address.into(),
                source,
            };
            limited!(logs, WARN, "not connected", server = address, attempt, %error);
            shared.monitor.connect_failed(attempt, &error);
            if error.source.kind() == io::ErrorKind::InvalidInput {
                return Err(error);
            }
            last = Some(error);
        }
        Err(last.unwrap_or_else(|| ConnectError {
            address: address.into(),
            source: io::Error::other("there are to be no tries"),
        }))
    }
}

/// Why there is no connection of a client that was closed.
fn closed_meanwhile(address: &str) -> ConnectError {
    let source = io::Error::new(io::ErrorKind::NotConnected, "the client was closed");
    ConnectError {
        address: address.into(),
        source,
    }
}

/// Counts a first connection that is being made.
struct Connecting<'a>(&'a Shared);

impl<'a> Connecting<'a> {
    fn new(client: &'a Shared) -> Self {
        client.connecting.fetch_add(1, Ordering::AcqRel);
        Self(client)
    }
}

impl Drop for Connecting<'_> {
    fn drop(&mut self) {
        self.0.connecting.fetch_sub(1, Ordering::AcqRel);
        self.0.changed.notify(usize::MAX);
    }
}
