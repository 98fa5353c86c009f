//! What makes the streams of a client.

use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempts::{Attempts, Stream};
use crate::byte_stream::ByteStream;
use crate::clock::Time;
use crate::futures::race;
use crate::runtime::{Keepalive, Runtime};

/// Opens the streams of a client: to begin with, and whenever it reconnects. TCP unless
/// [`ClientBuilder::connector`](crate::ClientBuilder::connector) sets another one.
///
/// A function of a [`Dial`] is one. Each runtime's crate has ready ones for Unix sockets, and
/// netaio-tokio for TLS.
///
/// ```
/// use std::io;
///
/// use netaio_driver::{ByteStream, Client, Dial, Runtime};
///
/// /// Connects over TCP, and to one address by a way of its own.
/// fn client<R: Runtime>(
///     other: impl Fn() -> io::Result<ByteStream<R>> + Send + Sync + Clone + 'static,
/// ) -> Result<Client<R>, netaio_driver::BuildError> {
///     Client::builder()
///         .connector(move |dial: Dial<R>| {
///             let other = other.clone();
///             async move {
///                 match dial.address() {
///                     "the other way" => other(),
///                     _ => dial.tcp_stream().await,
///                 }
///             }
///         })
///         .build()
/// }
/// ```
pub trait Connector<R: Runtime>: Send + Sync + 'static {
    /// Opens a stream. The future is dropped when the time is up that a try may take.
    ///
    /// # Errors
    /// Nothing answers there, or not as it should.
    fn connect(&self, dial: Dial<R>) -> impl Future<Output = io::Result<ByteStream<R>>> + Send;
}

impl<R, F, T> Connector<R> for F
where
    R: Runtime,
    F: Fn(Dial<R>) -> T + Send + Sync + 'static,
    T: Future<Output = io::Result<ByteStream<R>>> + Send,
{
    fn connect(&self, dial: Dial<R>) -> impl Future<Output = io::Result<ByteStream<R>>> + Send {
        self(dial)
    }
}

/// What is to be reached, and until when; for a [`Connector`].
pub struct Dial<R: Runtime> {
    address: Arc<str>,
    keepalive: Option<Keepalive>,
    time: Time,
    timeout: Duration,
    until: Instant,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Dial<R> {
    /// The address, as it was given to [`Client::connect`](crate::Client::connect): a list of
    /// [several servers](Self::first_of), maybe.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The host of the address: what is before its port, without the brackets of IPv6.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = match self.address.rsplit_once(':') {
            Some((host, _)) => host,
            None => &self.address,
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        bare.unwrap_or(host)
    }

    /// The [keepalive](crate::ClientBuilder::keepalive) of the client.
    #[must_use]
    pub fn keepalive(&self) -> Option<Keepalive> {
        self.keepalive
    }

    /// Connects over TCP to another address on the way: to a proxy, say.
    #[must_use]
    pub fn via(&self, address: impl Into<String>) -> Self {
        Self {
            address: address.into().into(),
            ..self.clone()
        }
    }

    /// When it is given up.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// With the part of the time that is left which one of this and so many others has.
    pub(super) fn within_share_of(mut self, others: usize) -> Self {
        let now = self.time.instant(self.time.monotonic());
        let left = self.until.saturating_duration_since(now);
        let parts = u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1);
        self.timeout = left.checked_div(parts).unwrap_or_default();
        self.until = self.time.instant_after(self.timeout);
        self
    }

    /// Connects to the address, `host:port`, over TCP, as [`Client`](crate::Client) does
    /// without a connector. Its halves, and whom they lead to.
    ///
    /// # Errors
    /// The host does not resolve, or no address of it accepts in time.
    pub async fn tcp(&self) -> io::Result<Stream<R>> {
        let (timeout, until) = (self.timeout, self.until);
        let late = async {
            R::sleep_until(until).await;
            let problem = format!("the name was not resolved within {timeout:?}");
            Err(io::Error::new(io::ErrorKind::TimedOut, problem))
        };
        let addresses = race(R::resolve(&self.address), late).await?;
        Attempts::<R>::new(addresses, self.keepalive, &self.time, until)
            .first()
            .await
    }

    /// As [`tcp`](Self::tcp), as a stream.
    ///
    /// # Errors
    /// As [`tcp`](Self::tcp).
    pub async fn tcp_stream(&self) -> io::Result<ByteStream<R>> {
        let (reader, writer, remote) = self.tcp().await?;
        Ok(ByteStream::new(reader, writer).with_remote(remote))
    }
}

impl<R: Runtime> Clone for Dial<R> {
    fn clone(&self) -> Self {
        Self {
            address: self.address.clone(),
            time: self.time.clone(),
            ..*self
        }
    }
}

impl<R: Runtime> fmt::Debug for Dial<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dial")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// The connector of a client, be it TCP or of any type.
pub(super) struct Dialer<R: Runtime>(Option<Arc<dyn AnyConnector<R>>>);

trait AnyConnector<R: Runtime>: Send + Sync {
    fn connect<'a>(
        &'a self,
        dial: Dial<R>,
    ) -> Pin<Box<dyn Future<Output = io::Result<ByteStream<R>>> + Send + 'a>>;
}

impl<R: Runtime, C: Connector<R>> AnyConnector<R> for C {
    fn connect<'a>(
        &'a self,
        dial: Dial<R>,
    ) -> Pin<Box<dyn Future<Output = io::Result<ByteStream<R>>> + Send + 'a>> {
        Box::pin(Connector::connect(self, dial))
    }
}

impl<R: Runtime> Dialer<R> {
    pub(super) const TCP: Self = Self(None);

    pub(super) fn of(connector: impl Connector<R>) -> Self {
        Self(Some(Arc::new(connector)))
    }

    /// Opens a stream within the timeout.
    pub(super) async fn open(
        &self,
        address: &str,
        keepalive: Option<Keepalive>,
        time: &Time,
        timeout: Duration,
    ) -> io::Result<ByteStream<R>> {
        let until = time.instant_after(timeout);
        let dial = Dial {
            address: address.into(),
            keepalive,
            time: time.clone(),
            timeout,
            until,
            runtime: PhantomData,
        };
        let Some(connector) = &self.0 else {
            return dial.first_of(async |dial| dial.tcp_stream().await).await;
        };
        let late = async {
            R::sleep_until(until).await;
            let problem = format!("there was no stream within {timeout:?}");
            Err(io::Error::new(io::ErrorKind::TimedOut, problem))
        };
        race(connector.connect(dial), late).await
    }
}

impl<R: Runtime> Clone for Dialer<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
