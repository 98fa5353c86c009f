//! What a hub on a datagram socket is asked to do.

use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::DatagramHub;
use crate::calls::{Call, ReplyError};
use crate::datagram::Receivers;
use crate::delivery::{Delivery, Fate};
use crate::error::{SealError, SendError};
use crate::hub::node_commands::node_commands;
use crate::message::Message;
use crate::now::Now;
use crate::options::{CallOptions, RequestOptions, SendOptions};
use crate::requests::RequestId;

impl<H: Clone> DatagramHub<H> {
    node_commands!();

    /// Ends a call with the answer to it; see
    /// [`DatagramLink::reply`](crate::DatagramLink::reply). As with
    /// [`Hub::reply`](crate::Hub::reply), its type is not looked at.
    ///
    /// # Errors
    /// As [`DatagramLink::reply`](crate::DatagramLink::reply).
    pub fn reply(
        &mut self,
        now: Now,
        call: Call,
        answer: impl Into<Option<Message>>,
    ) -> Result<(), ReplyError> {
        self.now = now;
        self.link.reply(now, &mut self.node, call, answer)
    }

    /// Ends a call with an `ERROR` of this text, with the uri of the request.
    ///
    /// # Errors
    /// As [`DatagramLink::reply`](crate::DatagramLink::reply).
    pub fn reply_error(&mut self, now: Now, call: Call, text: &str) -> Result<(), ReplyError> {
        self.now = now;
        self.link.reply_error(now, &mut self.node, call, text)
    }

    /// Sets how long the handler of a call may run from now on; see
    /// [`DatagramLink::set_call_options`](crate::DatagramLink::set_call_options).
    pub fn set_call_options(&mut self, now: Now, call: &Call, options: CallOptions) {
        self.now = now;
        self.link.set_call_options(now, call, options);
    }

    /// Sends a message to an address; see
    /// [`DatagramLink::send`](crate::DatagramLink::send).
    ///
    /// # Errors
    /// As [`DatagramLink::send`](crate::DatagramLink::send).
    pub fn send(
        &mut self,
        now: Now,
        to: SocketAddr,
        message: &Message,
        options: &SendOptions,
    ) -> Result<(), SendError> {
        self.now = now;
        self.link.send(now, &mut self.node, to, message, options)
    }

    /// Sends a message to the group; see
    /// [`DatagramLink::multicast`](crate::DatagramLink::multicast).
    ///
    /// # Errors
    /// As [`DatagramLink::multicast`](crate::DatagramLink::multicast).
    pub fn multicast(
        &mut self,
        now: Now,
        message: &Message,
        options: &SendOptions,
    ) -> Result<(), SendError> {
        self.now = now;
        self.link.multicast(now, &mut self.node, message, options)
    }

    /// Sends a request to an address; see
    /// [`DatagramLink::request`](crate::DatagramLink::request), and
    /// [`Hub::request`](crate::Hub::request) for answers that name no uri: those to the
    /// requests to one address.
    ///
    /// # Errors
    /// As [`DatagramLink::request`](crate::DatagramLink::request).
    pub fn request(
        &mut self,
        now: Now,
        to: SocketAddr,
        message: &Message,
        options: &RequestOptions,
    ) -> Result<RequestId, SendError> {
        self.now = now;
        self.link.request(now, &mut self.node, to, message, options)
    }

    /// Gives a request up: no output will name it.
    pub fn cancel(&mut self, request: RequestId) {
        self.link.cancel(request);
    }

    /// Sends any message to the subscribers of a key; sealed once, unless a plugin wants
    /// to know for whom.
    ///
    /// # Errors
    /// The message cannot be sealed, or fits into no datagram; nobody gets it.
    pub fn notify(
        &mut self,
        now: Now,
        key: &[u8],
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        let count = self.node.subscribers(key).len();
        let to = self.node.receivers(key);
        self.deliver(now, to, count, message, options)
    }

    /// Sends a message to every peer, at the first of its addresses: netaio's
    /// `broadcast`. Sealed once, unless a plugin wants to know for whom.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    pub fn broadcast(
        &mut self,
        now: Now,
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        let count = self.node.peers().len();
        let to = self.node.peer_receivers();
        self.deliver(now, to, count, message, options)
    }

    /// Queues a message for so many addresses, sealed once if that can be.
    fn deliver(
        &mut self,
        now: Now,
        to: Result<Receivers, SendError>,
        count: usize,
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        self.now = now;
        let config = self.node.config().clone();
        let frame = self.sealer.seal(now, &config, message, options)?;
        let frame = frame.map(Bytes::from);
        let fate = match self.node.has_publications() {
            true => Fate::Queued,
            false => Fate::Sent,
        };
        let fan_out = to.and_then(|to| self.node.fan_out(to, frame, message, options));
        let queued = fan_out.and_then(|it| self.link.forward(now, &mut self.node, it));
        let (fate, lost) = match queued {
            Ok(lost) => (fate, lost),
            Err(SendError::Seal(error)) => return Err(error),
            Err(SendError::Closed(_)) => (Fate::Cut, 0),
            Err(_) => (Fate::Dropped, 0),
        };
        let mut delivery = Delivery::default();
        delivery.count(count.saturating_sub(lost), fate);
        delivery.count(lost, Fate::Dropped);
        Ok(delivery)
    }

    /// Manages the peers of an app id no more, and tells the group, and all that the node was
    /// introduced to, that it leaves.
    /// Says whether they were managed. The peers stay known.
    pub fn stop_peer_management(&mut self, now: Now, app_id: &[u8]) -> bool {
        let Some(farewell) = self.node.stop_peer_management(app_id) else {
            return false;
        };
        // Who is not told notices the silence.
        self.link.announce(now, &mut self.node, farewell);
        true
    }

    /// Introduces the node to one address; see
    /// [`DatagramLink::introduce`](crate::DatagramLink::introduce).
    ///
    /// # Errors
    /// As [`DatagramLink::introduce`](crate::DatagramLink::introduce).
    pub fn introduce(&mut self, now: Now, to: SocketAddr) -> Result<(), SendError> {
        self.now = now;
        self.link.introduce(now, &mut self.node, to)
    }

    /// Ends the node gracefully; see [`DatagramLink::drain`](crate::DatagramLink::drain).
    /// What the socket takes is sent before
    /// [`DatagramOutput::Closed`](crate::DatagramOutput::Closed), which is the last output.
    pub fn drain(&mut self, now: Now, grace: Duration) {
        self.now = now;
        self.link.drain(now, &mut self.node, grace);
    }
}
