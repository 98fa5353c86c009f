//! A runtime whose UDP sockets never run dry: whatever else comes, one more
//! datagram is always there.

use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use netaio_driver::core::types::NOTIFY_URI;
use netaio_driver::{DatagramOptions, DatagramSocket, Received, Runtime};

use super::raw::frame;

/// Another runtime, but for its UDP sockets.
pub(super) struct Torrent<R>(PhantomData<fn() -> R>);

/// Where the torrent comes from: an address that nobody has.
const SOURCE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 1);

/// A socket that hands out what it receives and a datagram of the torrent by
/// turns.
pub(super) struct Spring<S> {
    socket: S,
    datagram: Vec<u8>,
    torrents_turn: AtomicBool,
}

impl<S: DatagramSocket> Spring<S> {
    fn draw(&self, buffer: &mut BytesMut) -> io::Result<Received> {
        if !self.torrents_turn.fetch_xor(true, Ordering::Relaxed)
            && let Some(received) = self.socket.try_receive(buffer)?
        {
            return Ok(received);
        }
        buffer.extend_from_slice(&self.datagram);
        Ok(Received::new(self.datagram.len(), SOURCE))
    }
}

impl<S: DatagramSocket> DatagramSocket for Spring<S> {
    fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_address()
    }

    async fn receive(&self, buffer: &mut BytesMut) -> io::Result<Received> {
        self.draw(buffer)
    }

    fn try_receive(&self, buffer: &mut BytesMut) -> io::Result<Option<Received>> {
        self.draw(buffer).map(Some)
    }

    fn send(
        &self,
        bytes: &[u8],
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> impl Future<Output = io::Result<usize>> + Send {
        self.socket.send(bytes, to, from)
    }

    fn own_addresses(&self) -> io::Result<Vec<IpAddr>> {
        self.socket.own_addresses()
    }
}

impl<R: Runtime> Runtime for Torrent<R> {
    super::wrapped::as_wrapped!();

    type Datagrams = Spring<R::Datagrams>;

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        R::spawn(future);
    }

    async fn bind_datagrams(options: &DatagramOptions) -> io::Result<Self::Datagrams> {
        Ok(Spring {
            socket: R::bind_datagrams(options).await?,
            datagram: frame(NOTIFY_URI, "torrent", "drop"),
            torrents_turn: AtomicBool::new(false),
        })
    }
}
