//! The addresses that a UDP node publishes to.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use netaio_core::{DatagramLink, Known, Message, Place, SealError, SendOptions};

use crate::fanout::{Delivery, FrameSealer, Sealed};
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

    /// The first address of every peer, by ascending id.
    pub(crate) fn first_addresses(&self) -> Vec<SocketAddr> {
        let node = self.service.node();
        let first = |known: &&Known<Place>| known.addresses.first().and_then(Place::address);
        node.peers().list().iter().filter_map(first).collect()
    }

    /// Seals a message, once for all unless a plugin is peer-specific, and queues it for
    /// each address.
    pub(crate) fn deliver(
        &self,
        to: Vec<SocketAddr>,
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        let receivers = to.len();
        let command = match self.sealer.seal(Omitted::default(), message, options)? {
            Sealed::Once(frame) => {
                let (len, max) = (frame.len(), DatagramLink::MAX_DATAGRAM);
                if len > max {
                    return Err(SealError::DatagramTooLong { len, max });
                }
                Command::Forward {
                    to,
                    frame: frame.into(),
                }
            }
            Sealed::PerReceiver => Command::FanOut {
                to,
                message: message.clone(),
                options: options.clone(),
            },
        };
        let mut delivery = Delivery::default();
        if receivers > 0 {
            let queued = self.handle.0.commands.try_send(command).is_ok();
            delivery.count(receivers, queued);
        }
        Ok(delivery)
    }
}
