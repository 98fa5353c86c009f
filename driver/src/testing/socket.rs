//! Sockets of a network in memory.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::fabric::Fabric;
use super::inbox::{Found, Inbox};
use crate::futures::race;
use crate::runtime::{DatagramSocket, Received};

/// The longest datagram of IPv4, in bytes.
const LONGEST: usize = 65_507;

/// A UDP socket of a [`Network`](super::Network), for
/// [`UdpNodeBuilder::bind_socket`](crate::UdpNodeBuilder::bind_socket), or to be played by a test.
/// Its address is free once it is dropped.
pub struct NetworkSocket {
    fabric: Arc<Fabric>,
    address: SocketAddr,
    inbox: Arc<Inbox>,
}

impl NetworkSocket {
    pub(super) fn new(fabric: Arc<Fabric>, address: SocketAddr, inbox: Arc<Inbox>) -> Self {
        Self {
            fabric,
            address,
            inbox,
        }
    }
}

impl DatagramSocket for NetworkSocket {
    fn local_address(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }

    async fn receive(&self, buffer: &mut BytesMut) -> io::Result<Received> {
        loop {
            // Before the look, so that no change after it is missed.
            let changed = self.inbox.changed.listen();
            match self.inbox.find(self.fabric.now(), buffer) {
                Found::Datagram(received) => return Ok(received),
                Found::Later(at) => race(changed, self.fabric.sleep(at)).await,
                Found::Nothing => changed.await,
            }
        }
    }

    fn try_receive(&self, buffer: &mut BytesMut) -> io::Result<Option<Received>> {
        Ok(match self.inbox.find(self.fabric.now(), buffer) {
            Found::Datagram(received) => Some(received),
            Found::Later(_) | Found::Nothing => None,
        })
    }

    async fn send(&self, bytes: &[u8], to: SocketAddr, _: Option<IpAddr>) -> io::Result<usize> {
        if bytes.len() > LONGEST {
            return Err(io::Error::other("the datagram is too long"));
        }
        let datagram = Bytes::copy_from_slice(bytes);
        self.fabric.send(self.address, to, &datagram);
        Ok(bytes.len())
    }

    /// None: the host of a socket has no other one.
    fn own_addresses(&self) -> io::Result<Vec<IpAddr>> {
        Ok(Vec::new())
    }
}

impl Drop for NetworkSocket {
    fn drop(&mut self) {
        self.fabric.forget(self.address);
    }
}

impl fmt::Debug for NetworkSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NetworkSocket").field(&self.address).finish()
    }
}
