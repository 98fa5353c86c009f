//! Leases: those that are asked for and renewed here, and those that are granted.

use core::net::SocketAddr;
use core::time::Duration;

use super::event::Notice;
use super::renewals::{Ask, Outcome};
use super::{DatagramLink, Phase};
use crate::calls::ReplyAddress;
use crate::error::{RequestError, SendError};
use crate::frame::SealedMessage;
use crate::message::{Lease, Message, types};
use crate::place::Place;
use crate::requests::RequestId;
use crate::shared::SharedNode;

impl DatagramLink {
    /// A subscription as it is asked for, if it is to be renewed: with a lease.
    pub(super) fn ask_for_lease(&self, message: &Message) -> Option<Message> {
        if message.message_type != types::SUBSCRIBE_URI {
            return None;
        }
        let lease = self.exchange.config.lease?;
        let limits = self.exchange.limits();
        let has_room = self.renewals.has_room(message, limits);
        has_room.then(|| match Lease::of(message) {
            Some(_) => message.clone(),
            None => message.clone().with_lease(lease),
        })
    }

    /// Renews a subscription no more that a message ends.
    pub(super) fn end_renewal(&mut self, to: SocketAddr, message: &Message) {
        if message.message_type == types::UNSUBSCRIBE_URI
            && let Some(request) = self.renewals.end(to, &message.uri)
        {
            self.exchange.cancel(request);
        }
    }

    /// Renews the subscriptions whose time has come.
    pub(super) fn renew<N: SharedNode>(&mut self, node: &mut N) {
        if self.phase != Phase::Open {
            return;
        }
        let now = self.exchange.now;
        while let Some((key, ask)) = self.renewals.next_due(now.monotonic) {
            // One that cannot be sent is sent a little later.
            if let Ok(request) = self.send_renewal(node, key.0, &ask) {
                self.renewals.sent(now, key, request);
            }
        }
    }

    /// It carries an id, if it can: the answer to one before, which was late, must not end it.
    fn send_renewal<N: SharedNode>(
        &mut self,
        node: &mut N,
        to: SocketAddr,
        ask: &Ask,
    ) -> Result<RequestId, SendError> {
        // The next one is made soon enough.
        let options = ask.options.clone().fail_fast();
        let with_id = options.clone().with_correlation(true);
        match self.send_request(node, to, &ask.message, &with_id) {
            Err(SendError::Seal(_)) => self.send_request(node, to, &ask.message, &options),
            sent => sent,
        }
    }

    /// Whether an answer is to a request of the application's, and not to a renewal.
    pub(super) fn is_answer_to_application(
        &mut self,
        request: RequestId,
        answer: &Message,
    ) -> bool {
        let outcome = self.renewals.answered(self.exchange.now, request, answer);
        self.note_outcome(outcome)
    }

    /// Notes that a request has ended without an answer.
    pub(super) fn request_failed(&mut self, request: RequestId, error: RequestError) {
        let outcome = self.renewals.failed(self.exchange.now, request);
        if self.note_outcome(outcome) {
            self.notices.push_back(Notice::Failed { request, error });
        }
    }

    /// Whether it was the application's request.
    fn note_outcome(&mut self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Application => return true,
            Outcome::Lapsed((remote, uri)) if self.phase == Phase::Open => {
                self.notices.push_back(Notice::Lapsed { remote, uri });
            }
            Outcome::Resubscribed((remote, uri)) if self.phase == Phase::Open => {
                self.notices.push_back(Notice::Resubscribed { remote, uri });
            }
            Outcome::Lapsed(_) | Outcome::Resubscribed(_) | Outcome::Renewal => {}
        }
        false
    }

    /// Grants the lease that a subscription asks for, which is confirmed: the answer that says
    /// so. What asks for none lasts until it is ended.
    pub(super) fn grant_lease<N: SharedNode>(
        &mut self,
        node: &mut N,
        address: &ReplyAddress<SocketAddr>,
        answer: &Message,
    ) -> Option<Message> {
        if address.request != types::SUBSCRIBE_URI
            || answer.message_type != types::CONFIRM_SUBSCRIBE
        {
            return None;
        }
        let asked = (address.lease > 0).then(|| Duration::from_secs(address.lease.into()));
        let (now, place) = (self.exchange.now, Place::Datagram(address.to));
        let granted = node.lease(now, &address.uri, place, asked)?;
        Some(answer.clone().with_lease(granted))
    }

    /// Whether a message may subscribe its sender: where there is no room for those who have
    /// not shown that they receive, it has to show it first. That is asked of those who know
    /// how, as all do that ask for a lease.
    pub(super) fn may_subscribe<N: SharedNode>(
        &mut self,
        node: &mut N,
        sealed: &SealedMessage,
        from: Place,
        receives: bool,
    ) -> bool {
        if sealed.message_type() != types::SUBSCRIBE_URI {
            return true;
        }
        let must_show = node.subscriber(self.exchange.now, from, sealed.uri(), receives);
        let knows_how = self.exchange.has_cookies() && Lease::in_fields(sealed.auth()).is_some();
        !(must_show && knows_how)
    }
}
