//! The addresses that a UDP node publishes to.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use netaio_core::{Message, Receivers, SealError, SendError, SendOptions};

use crate::fanout::{Delivery, FrameSealer};
use crate::options::Omitted;
use crate::remote::{Kind, Remote};
use crate::service::Service;
use crate::udp_handle::{Command, UdpHandle};

/// The subscribers and peers of a UDP node, as addresses.
pub(crate) struct AddressBook {
    pub(crate) service: Arc<Service>,
    handle: UdpHandle,
    sealer: FrameSealer,
}

impl AddressBook {
    /// # Errors
    /// The operating system has no randomness to give.
    pub(crate) fn new(service: Arc<Service>, handle: UdpHandle) -> io::Result<Self> {
        let direction = service.context.config.between().unwrap_or_default();
        let sealer = FrameSealer::new(service.context.clone(), direction)?;
        Ok(Self {
            service,
            handle,
            sealer,
        })
    }

    /// Whether it is that of a node.
    pub(crate) fn is_of(&self, node: &UdpHandle) -> bool {
        self.handle.is(node)
    }

    /// The remote with an address.
    pub(crate) fn remote(&self, address: SocketAddr) -> Remote {
        Remote(Kind::Datagram(self.handle.clone(), address))
    }

    /// The addresses that are subscribed to a key.
    pub(crate) fn subscribed(&self, key: &[u8]) -> Vec<SocketAddr> {
        let node = self.service.node();
        let places = node.subscribers(key);
        places.filter_map(|place| place.address()).collect()
    }

    /// Sends a message to the subscribers of a key.
    pub(crate) fn notify(
        &self,
        key: &[u8],
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        let (count, to) = {
            let mut node = self.service.node();
            (node.subscribers(key).len(), node.receivers(key))
        };
        self.deliver(count, to, message, options)
    }

    /// Sends a message to every peer, at the first of its addresses.
    pub(crate) fn broadcast(
        &self,
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        let (count, to) = {
            let node = self.service.node();
            (node.peers().len(), node.peer_receivers())
        };
        self.deliver(count, to, message, options)
    }

    /// Seals a message, once for all unless a plugin is peer-specific, and queues it for so
    /// many addresses.
    fn deliver(
        &self,
        count: usize,
        to: Result<Receivers, SendError>,
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        let frame = self.sealer.seal(Omitted::default(), message, options)?;
        let frame = frame.map(Bytes::from);
        let fan_out = to.and_then(|to| self.service.node().fan_out(to, frame, message, options));
        let queued = match fan_out {
            Err(SendError::Seal(error)) => return Err(error),
            Err(_) => false,
            Ok(fan_out) if count > 0 => {
                let command = Command::Forward(Box::new(fan_out));
                self.handle.0.commands.try_send(command).is_ok()
            }
            Ok(_) => true,
        };
        let mut delivery = Delivery::default();
        delivery.count(count, queued);
        Ok(delivery)
    }
}
