//! Messages for many addresses of a node over datagrams.

use alloc::vec::Vec;
use core::net::SocketAddr;

use bytes::Bytes;

use super::Node;
use crate::datagram::{FanOut, Receivers};
use crate::error::SendError;
use crate::message::Message;
use crate::options::SendOptions;
use crate::place::Place;

impl<H: Clone> Node<H> {
    /// The subscribers of a key, as a list that all publications to them share. It counts with
    /// [what waits to be sent](crate::Limits::outbound_queue) for as long as one of them does.
    ///
    /// # Errors
    /// Lists and messages for many hold as much as they may.
    pub fn receivers(&mut self, key: &[u8]) -> Result<Receivers, SendError> {
        if let Some(all) = self.matching(key) {
            return self.publications.list(all);
        }
        let stamp = self.subscriptions.stamp(key).unwrap_or_default();
        let (publications, subscriptions) = (&self.publications, &self.subscriptions);
        self.lists.get(stamp, || {
            publications.list(subscriptions.subscribers(key).collect())
        })
    }

    /// Every peer, at the first of its addresses, by ascending id.
    ///
    /// # Errors
    /// As [`receivers`](Self::receivers).
    pub fn peer_receivers(&self) -> Result<Receivers, SendError> {
        self.publications
            .list(self.discovery.peers().first_addresses())
    }

    /// Any addresses.
    ///
    /// # Errors
    /// As [`receivers`](Self::receivers).
    pub fn receivers_at(
        &self,
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<Receivers, SendError> {
        let places: Vec<_> = addresses.into_iter().map(Place::Datagram).collect();
        self.publications.list(places)
    }

    /// Whether there is room for one more publication: less than half waits of what may,
    /// by [`Limits::outbound_queue`](crate::Limits::outbound_queue) and by
    /// [`Limits::outbound_total`](crate::Limits::outbound_total). Whoever publishes and can
    /// wait, does so, for [`Limits::publish_wait`](crate::Limits::publish_wait) at most.
    #[must_use]
    pub fn has_publication_room(&self) -> bool {
        self.publications.has_room()
    }

    /// Whether publications have still to be sent.
    #[must_use]
    pub fn has_publications(&self) -> bool {
        self.publications.is_busy()
    }

    /// A message for many, to be [sent](crate::DatagramLink::forward). `frame` is the message
    /// as it was sealed once for all, where no plugin wants to know for whom; without one the
    /// message is sealed for each of them as the options say. The receivers of one that there
    /// is no room for are [told](crate::Gap) with the next one that they are sent.
    ///
    /// # Errors
    /// The frame fits into no datagram; or as much is held, or still has to be sent, as may
    /// be: [`Limits::outbound_queue`](crate::Limits::outbound_queue),
    /// [`Limits::outbound_total`](crate::Limits::outbound_total).
    pub fn fan_out(
        &mut self,
        to: Receivers,
        frame: Option<Bytes>,
        message: &Message,
        options: &SendOptions,
    ) -> Result<FanOut, SendError> {
        match FanOut::new(&self.publications, to.clone(), frame, message, options) {
            Ok(mut fan_out) => {
                // One for nobody is not sent.
                if !to.is_empty() {
                    fan_out.set_refused(self.refused.take());
                }
                Ok(fan_out)
            }
            Err(error) => {
                if let SendError::QueueFull { .. } = error {
                    self.note_refused(&to, 1);
                }
                Err(error)
            }
        }
    }

    /// Says that a message for many cannot be [sent](crate::DatagramLink::forward) after all,
    /// for want of room: its receivers are [told](crate::Gap) with the next one.
    pub fn take_back(&mut self, mut fan_out: FanOut) {
        for (to, count) in fan_out.take_refused() {
            self.note_refused(&to, count);
        }
        self.note_refused(fan_out.to(), 1);
    }

    fn note_refused(&mut self, to: &Receivers, count: u64) {
        // Lists that are kept leave less room for others.
        let max = self.config.limits().outbound_queue() / 8;
        self.refused.add(to, count, max);
    }
}
