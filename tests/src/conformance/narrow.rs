//! A runtime whose UDP sockets never send all that they could.

use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::BytesMut;
use netaio_driver::core::Transmits;
use netaio_driver::{DatagramOptions, DatagramSocket, Received, Runtime, Sent, Undelivered};

/// Another runtime, but for its UDP sockets.
pub(super) struct Narrow<R>(PhantomData<fn() -> R>);

/// A socket that sends one datagram of several, then three, and so on; every seventh call is
/// refused for the sake of an earlier datagram, and every eleventh says so behind what it sent.
pub(super) struct Strait<S> {
    socket: S,
    calls: AtomicUsize,
}

impl<S: DatagramSocket> DatagramSocket for Strait<S> {
    fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_address()
    }

    fn receive(&self, buffer: &mut BytesMut) -> impl Future<Output = io::Result<Received>> + Send {
        self.socket.receive(buffer)
    }

    fn try_receive(&self, buffer: &mut BytesMut) -> io::Result<Option<Received>> {
        self.socket.try_receive(buffer)
    }

    fn try_undelivered(&self, buffer: &mut BytesMut) -> io::Result<Option<Undelivered>> {
        self.socket.try_undelivered(buffer)
    }

    fn send(
        &self,
        bytes: &[u8],
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> impl Future<Output = io::Result<usize>> + Send {
        self.socket.send(bytes, to, from)
    }

    async fn send_many(&self, datagrams: &Transmits, first: usize) -> io::Result<Sent> {
        // Counted once it is done: it may be given up before.
        let call = self.calls.load(Ordering::Relaxed);
        if call % 7 == 6 {
            self.calls.fetch_add(1, Ordering::Relaxed);
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let mut count = 0;
        let most = [1, 3, 2, 5][call % 4];
        let last = datagrams.count().min(first + most);
        for index in first..last {
            match self.socket.send_one(datagrams, index).await {
                Ok(_) => count += 1,
                Err(error) if count == 0 => return Err(error),
                Err(_) => break,
            }
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        let stopped = first + count < last || call % 11 == 10;
        Ok(Sent { count, stopped })
    }

    fn own_addresses(&self) -> io::Result<Vec<IpAddr>> {
        self.socket.own_addresses()
    }
}

impl<R: Runtime> Runtime for Narrow<R> {
    super::wrapped::as_wrapped!();

    type Datagrams = Strait<R::Datagrams>;

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        R::spawn(future);
    }

    async fn bind_datagrams(options: &DatagramOptions) -> io::Result<Self::Datagrams> {
        Ok(Strait {
            socket: R::bind_datagrams(options).await?,
            calls: AtomicUsize::new(0),
        })
    }
}
