//! The addresses that a UDP node publishes to.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use netaio_core::{DatagramLink, Known, Message, Place, SealError, SendOptions};

use crate::error::SubscriptionError;
use crate::fanout::{Delivery, FrameSealer, Sealed};
use crate::remote::{Kind, Remote};
use crate::service::Service;
use crate::udp_handle::{Command, UdpHandle};

/// The subscribers and peers of a UDP node, as addresses.
#[derive(Clone)]
pub(crate) struct AddressBook {
    shared: Arc<Shared>,
}

/// An address book that does not keep its node alive.
#[derive(Clone)]
pub(crate) struct WeakAddressBook(Weak<Shared>);

struct Shared {
    service: Arc<Service>,
    handle: UdpHandle,
    sealer: FrameSealer,
}

impl WeakAddressBook {
    /// The book, if its node is still there.
    pub(crate) fn upgrade(&self) -> Option<AddressBook> {
        let shared = self.0.upgrade()?;
        Some(AddressBook { shared })
    }
}

impl AddressBook {
    pub(crate) fn new(service: Arc<Service>, handle: UdpHandle) -> io::Result<Self> {
        let sealer = FrameSealer::new(&service.context.sources)?;
        let shared = Arc::new(Shared {
            service,
            handle,
            sealer,
        });
        Ok(Self { shared })
    }

    pub(crate) fn downgrade(&self) -> WeakAddressBook {
        WeakAddressBook(Arc::downgrade(&self.shared))
    }

    /// Whether it is that of a node.
    pub(crate) fn is_of(&self, node: &UdpHandle) -> bool {
        self.shared.handle.is(node)
    }

    /// Whoever is at an address.
    pub(crate) fn remote(&self, address: SocketAddr) -> Remote {
        Remote(Kind::Datagram(self.shared.handle.clone(), address))
    }

    /// Subscribes an address to a key, and says whether that was new.
    pub(crate) fn subscribe(
        &self,
        key: &[u8],
        address: SocketAddr,
    ) -> Result<bool, SubscriptionError> {
        let place = Place::Datagram(address);
        Ok(self.shared.service.node().subscribe(key, place)?)
    }

    /// Takes a subscription back, and says whether there was one.
    pub(crate) fn unsubscribe(&self, key: &[u8], address: SocketAddr) -> bool {
        let place = Place::Datagram(address);
        self.shared.service.node().unsubscribe(key, place)
    }

    /// The addresses that are subscribed to a key.
    pub(crate) fn subscribers(&self, key: &[u8]) -> Vec<SocketAddr> {
        let node = self.shared.service.node();
        let places = node.subscribers(key);
        places.filter_map(|place| place.address()).collect()
    }

    /// The first address of every peer, by ascending id.
    pub(crate) fn first_addresses(&self) -> Vec<SocketAddr> {
        let node = self.shared.service.node();
        let first = |known: &&Known<Place>| known.addresses.first().and_then(Place::address);
        node.peers().list().iter().filter_map(first).collect()
    }

    /// Seals a message, once for all unless a plugin wants to know for whom, and
    /// queues it for each address.
    pub(crate) fn deliver(
        &self,
        to: Vec<SocketAddr>,
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        let config = &self.shared.service.context.config;
        config.outer.check_clash(options.inner())?;
        let outer = options.outer(&config.outer);
        let sealer = &self.shared.sealer;
        let sealed = sealer.seal(config, &outer, options.inner(), message)?;
        let receivers = to.len();
        let command = match sealed {
            Sealed::Once(frame) => {
                let (len, max) = (frame.len(), DatagramLink::MAX_DATAGRAM);
                if len > max {
                    return Err(SealError::DatagramTooLong { len, max });
                }
                Command::Forward { to, frame }
            }
            Sealed::PerReceiver => Command::FanOut {
                to,
                message: message.clone(),
                options: options.clone(),
            },
        };
        let mut delivery = Delivery::default();
        if receivers > 0 {
            let queued = self.shared.handle.0.commands.try_send(command).is_ok();
            delivery.count(receivers, queued);
        }
        Ok(delivery)
    }
}
