//! Connections through a network in memory, as clients and servers make them.

use std::collections::BTreeMap;
use std::fmt;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_channel::{Receiver, Sender};

use super::fabric::{Fabric, Road};
use super::pipe::{self, Stream, Wire};
use crate::byte_stream::ByteStream;
use crate::client::{Connector, Dial};
use crate::runtime::{Keepalive, Runtime};
use crate::server::{Incoming, Listener};
use crate::sync::{Mutex, lock};

/// Streams that wait to be accepted; one more is refused.
const BACKLOG: usize = 128;

/// Where streams to an address go, each with the address that it comes from.
type Door = Sender<(Stream, SocketAddr)>;

/// The addresses of a network that are listened on.
#[derive(Default)]
pub(super) struct Doors(Mutex<BTreeMap<SocketAddr, Door>>);

/// Both ends of a stream from one address to another, and what is between them.
pub(super) fn between(
    fabric: &Arc<Fabric>,
    near: SocketAddr,
    far: SocketAddr,
) -> (Stream, Stream, Wire) {
    let stream = fabric.next_stream();
    let road = |from, to| Road::new(fabric.clone(), from, to, stream);
    pipe::streams(Some([road(near, far), road(far, near)]))
}

/// An address of a [`Network`](super::Network) that clients connect to, for
/// [`Server::serve`](crate::Server::serve). It is free once this is dropped.
pub struct NetworkListener {
    doors: Arc<Doors>,
    address: SocketAddr,
    streams: Receiver<(Stream, SocketAddr)>,
}

impl NetworkListener {
    pub(super) fn new(doors: Arc<Doors>, address: SocketAddr) -> io::Result<Self> {
        let (door, streams) = async_channel::bounded(BACKLOG);
        let mut open = lock(&doors.0);
        if open.contains_key(&address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        open.insert(address, door);
        drop(open);
        Ok(Self {
            doors,
            address,
            streams,
        })
    }
}

impl<R: Runtime> Listener<R> for NetworkListener {
    async fn accept(&self, _: Option<Keepalive>) -> io::Result<Incoming<R>> {
        match self.streams.recv().await {
            Ok((stream, from)) => {
                let stream = ByteStream::new(stream.reader, stream.writer);
                Ok(stream.with_remote(from).into())
            }
            // The door is open as long as this is there.
            Err(_) => pending().await,
        }
    }
}

impl Drop for NetworkListener {
    fn drop(&mut self) {
        lock(&self.doors.0).remove(&self.address);
    }
}

impl fmt::Debug for NetworkListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NetworkListener")
            .field(&self.address)
            .finish()
    }
}

/// Connects the clients of one host through a [`Network`](super::Network), for
/// [`ClientBuilder::connector`](crate::ClientBuilder::connector). Addresses are `ip:port`, as the
/// network has no names. Where nobody listens it is refused at once; while either host is isolated
/// it takes until that ends.
#[derive(Clone)]
pub struct NetworkConnector {
    fabric: Arc<Fabric>,
    doors: Arc<Doors>,
    host: IpAddr,
}

impl NetworkConnector {
    pub(super) fn new(fabric: Arc<Fabric>, doors: Arc<Doors>, host: IpAddr) -> Self {
        Self {
            fabric,
            doors,
            host,
        }
    }

    async fn open(&self, to: SocketAddr) -> io::Result<Stream> {
        loop {
            // Before the look, so that no change after it is missed.
            let changed = self.fabric.changed.listen();
            if self.fabric.is_open(self.host, to.ip()) {
                break;
            }
            changed.await;
        }
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let door = lock(&self.doors.0).get(&to).cloned().ok_or_else(refused)?;
        let from = SocketAddr::new(self.host, self.fabric.next_port());
        let (near, far, _) = between(&self.fabric, from, to);
        door.try_send((far, from)).map_err(|_| refused())?;
        Ok(near)
    }
}

impl<R: Runtime> Connector<R> for NetworkConnector {
    async fn connect(&self, dial: Dial<R>) -> io::Result<ByteStream<R>> {
        let to = dial.address().parse();
        let to: SocketAddr = to.map_err(|_| {
            let problem = "a network in memory has addresses and no names";
            io::Error::new(io::ErrorKind::InvalidInput, problem)
        })?;
        let stream = self.open(to).await?;
        Ok(ByteStream::new(stream.reader, stream.writer).with_remote(to))
    }
}

impl fmt::Debug for NetworkConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NetworkConnector").field(&self.host).finish()
    }
}
