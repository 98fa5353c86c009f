//! The addresses that a UDP node publishes to.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use netaio_core::{
    Delivery, Fate, FlowControl, Message, Receivers, SealError, SendError, SendOptions,
};

use crate::fanout::FrameSealer;
use crate::futures::{race, wait_for};
use crate::options::Omitted;
use crate::remote::{Kind, Remote};
use crate::service::Service;
use crate::sync::{Mutex, lock};
use crate::udp_handle::{Command, UdpHandle};

/// The subscribers and peers of a UDP node, as addresses.
pub(crate) struct AddressBook {
    pub(crate) service: Arc<Service>,
    handle: UdpHandle,
    sealer: FrameSealer,
    flow: Mutex<FlowControl>,
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
            flow: Mutex::default(),
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
        let (is_busy, fan_out) = {
            let mut node = self.service.node();
            let is_busy = node.has_publications();
            let fan_out = to.and_then(|to| node.fan_out(to, frame, message, options));
            (is_busy, fan_out)
        };
        let fate = match fan_out {
            Err(SendError::Seal(error)) => return Err(error),
            Err(_) => Fate::Dropped,
            Ok(fan_out) if count > 0 => {
                let command = Command::Forward(Box::new(fan_out));
                match self.handle.0.commands.try_send(command) {
                    Ok(()) if is_busy => Fate::Queued,
                    Ok(()) => Fate::Sent,
                    Err(refused) if refused.is_closed() => Fate::Cut,
                    Err(refused) => {
                        if let Command::Forward(fan_out) = refused.into_inner() {
                            self.service.node().take_back(*fan_out);
                        }
                        Fate::Dropped
                    }
                }
            }
            Ok(_) => Fate::Sent,
        };
        let mut delivery = Delivery::default();
        delivery.count(count, fate);
        Ok(delivery)
    }

    /// Whether a publisher waits for what is published to be sent.
    fn is_waited_for(&self) -> bool {
        // Before the look: what changes after it is told.
        self.handle.0.expect_room();
        let has_room = self.handle.0.has_room() && self.service.node().has_publication_room();
        lock(&self.flow).waits(has_room)
    }

    /// Waits for room among what is published, for
    /// [`Limits::publish_wait`](netaio_core::Limits::publish_wait) at most. Where there is
    /// none by then, nobody waits again before there is. Cancel-safe.
    pub(crate) async fn wait_for_room(&self) {
        let context = &self.service.context;
        let wait = context.limits().publish_wait();
        if wait.is_zero() || !self.is_waited_for() {
            return;
        }
        let late = (context.sleep_until)(context.time().instant_after(wait));
        let room = wait_for(&self.handle.0.room, || {
            (!self.is_waited_for()).then_some(())
        });
        race(room, late).await;
        if self.is_waited_for() {
            lock(&self.flow).give_up();
        }
    }
}
