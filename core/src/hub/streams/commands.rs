//! What a hub over streams is asked to do.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::{Entry, Hub, Writer};
use crate::calls::{Call, ReplyError};
use crate::delivery::{Delivery, Fate};
use crate::error::{CloseReason, SealError, SendError, TooManyLinks};
use crate::hub::node_commands::node_commands;
use crate::link::Link;
use crate::message::Message;
use crate::node::Node;
use crate::now::Now;
use crate::options::{CallOptions, RequestOptions, SendOptions};
use crate::peers::PeerMessage;
use crate::place::LinkId;
use crate::requests::RequestId;

impl<H: Clone> Hub<H> {
    node_commands!();

    /// Takes a link in over a stream that was just accepted. `remote` names the other
    /// end in keys and events; transports without addresses have none.
    ///
    /// Once the hub is [drained](Self::drain), the link closes before it handles anything:
    /// [`Output::Close`](crate::Output::Close) follows as for any other.
    ///
    /// Where there are [`Limits::connections`](crate::Limits::connections) already, the
    /// oldest closes that has brought no valid message, with
    /// [`CloseReason::Displaced`](crate::CloseReason::Displaced).
    ///
    /// # Errors
    /// There are as many as there may be, and none is to close; or as many from this
    /// address as there may be.
    pub fn accept(&mut self, now: Now, remote: Option<SocketAddr>) -> Result<LinkId, TooManyLinks> {
        let link = self.node.accept(now, remote, (self.make_rng)())?;
        Ok(self.add(now, link))
    }

    /// Takes a link in over a stream that was connected from here. Where peers are
    /// managed, it introduces this node before it sends anything else. Once the hub is
    /// [drained](Self::drain), the link closes as an [accepted](Self::accept) one does.
    pub fn connect(&mut self, now: Now, remote: Option<SocketAddr>) -> LinkId {
        let link = self.node.connect(now, remote, (self.make_rng)());
        self.add(now, link)
    }

    fn add(&mut self, now: Now, mut link: Link) -> LinkId {
        self.now = now;
        if let Some(until) = self.drain_until {
            link.drain(now, until.saturating_sub(now.monotonic));
        }
        let id = link.id();
        let entry = Entry {
            link,
            ended: false,
            writing: Vec::new(),
            written: 0,
            writer: Writer::Free,
            queued: false,
            waits: false,
            wrote_in: None,
            deadline: None,
        };
        self.links.insert(id, entry);
        self.make_ready(id);
        id
    }

    /// Ends a call with the answer to it; see [`Link::reply`].
    ///
    /// The answer's type is not looked at. One that is [no
    /// answer](crate::MessageType::is_answer), such as a request's, is sent as it is, and
    /// the asker waits on until its time is over, unless it [accepts that
    /// type](RequestOptions::also_accepting).
    ///
    /// # Errors
    /// As [`Link::reply`].
    pub fn reply(
        &mut self,
        now: Now,
        call: Call,
        answer: impl Into<Option<Message>>,
    ) -> Result<(), ReplyError> {
        self.end_call(now, call, |link, node, call| {
            link.reply(now, node, call, answer)
        })
    }

    /// Ends a call with an `ERROR` of this text, with the uri of the request.
    ///
    /// # Errors
    /// As [`Link::reply`].
    pub fn reply_error(&mut self, now: Now, call: Call, text: &str) -> Result<(), ReplyError> {
        self.end_call(now, call, |link, node, call| {
            link.reply_error(now, node, call, text)
        })
    }

    /// Ends a call by the link that it came from.
    fn end_call(
        &mut self,
        now: Now,
        call: Call,
        end: impl FnOnce(&mut Link, &mut Node<H>, Call) -> Result<(), ReplyError>,
    ) -> Result<(), ReplyError> {
        self.now = now;
        let Some(id) = call.link() else {
            return Err(ReplyError::OtherLink(call));
        };
        let Some(entry) = self.links.get_mut(&id) else {
            return Err(ReplyError::Closed(CloseReason::Local));
        };
        let result = end(&mut entry.link, &mut self.node, call);
        self.make_ready(id);
        result
    }

    /// Sets how long the handler of a call may run from now on; see
    /// [`Link::set_call_options`].
    pub fn set_call_options(&mut self, now: Now, call: &Call, options: CallOptions) {
        self.now = now;
        let Some(id) = call.link() else { return };
        if let Some(entry) = self.links.get_mut(&id) {
            entry.link.set_call_options(now, call, options);
            self.make_ready(id);
        }
    }

    /// Sends a message by a link; see [`Link::send`].
    ///
    /// # Errors
    /// As [`Link::send`]; or there is no such link.
    pub fn send(
        &mut self,
        now: Now,
        link: LinkId,
        message: &Message,
        options: &SendOptions,
    ) -> Result<(), SendError> {
        let entry = self.links.get_mut(&link);
        let entry = entry.ok_or(SendError::Closed(CloseReason::Local))?;
        let result = entry.link.send(now, &mut self.node, message, options);
        self.now = now;
        self.make_ready(link);
        result
    }

    /// Sends a request by a link. [`Output::Answered`](crate::Output::Answered) or
    /// [`Output::Failed`](crate::Output::Failed) will name it; see [`Link::request`].
    ///
    /// netaio's answer where there is no handler names no uri. It ends a request where that
    /// is the only one that waits on the link; else it is dropped, and the request times
    /// out. With [correlation ids](RequestOptions::with_correlation) it ends the right
    /// one, if the remote repeats ids: netaio-core does, netaio does not.
    ///
    /// # Errors
    /// As [`Link::request`]; or there is no such link.
    pub fn request(
        &mut self,
        now: Now,
        link: LinkId,
        message: &Message,
        options: &RequestOptions,
    ) -> Result<RequestId, SendError> {
        let entry = self.links.get_mut(&link);
        let entry = entry.ok_or(SendError::Closed(CloseReason::Local))?;
        let result = entry.link.request(now, &mut self.node, message, options);
        self.now = now;
        self.make_ready(link);
        result
    }

    /// Gives a request of this link up: no output will name it. Ids of two links may be
    /// [equal](RequestId).
    pub fn cancel(&mut self, link: LinkId, request: RequestId) {
        if let Some(entry) = self.links.get_mut(&link) {
            entry.link.cancel(request);
        }
    }

    /// Sends any message to the subscribers of a key; sealed once, unless a plugin wants
    /// to know for whom.
    ///
    /// # Errors
    /// The message cannot be sealed; nobody gets it.
    pub fn notify(
        &mut self,
        now: Now,
        key: &[u8],
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        let places = self.node.subscribers(key);
        let links = places.filter_map(|place| place.link()).collect();
        self.deliver(now, links, message, options)
    }

    /// The subscribers of a key for which no more messages have [room](Link::has_room): a
    /// loop that can wait polls, writes and asks again before it publishes, for
    /// [`Limits::publish_wait`](crate::Limits::publish_wait) at most. Who publishes all the
    /// same leaves them to the [policy](crate::Limits::slow_consumer).
    pub fn without_room(&self, key: &[u8]) -> impl Iterator<Item = LinkId> {
        let links = self.node.subscribers(key);
        let links = links.filter_map(|place| place.link());
        links.filter(|id| self.link(*id).is_some_and(|link| !link.has_room()))
    }

    /// Sends a message to every link; sealed once, unless a plugin wants to know for
    /// whom.
    ///
    /// # Errors
    /// The message cannot be sealed; nobody gets it.
    pub fn broadcast(
        &mut self,
        now: Now,
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        let links = self.open_links();
        self.deliver(now, links, message, options)
    }

    fn open_links(&self) -> Vec<LinkId> {
        let links = self.links.iter().filter(|(_, entry)| !entry.ended);
        links.map(|(id, _)| *id).collect()
    }

    /// Queues a message for links, sealed once if that can be.
    fn deliver(
        &mut self,
        now: Now,
        links: Vec<LinkId>,
        message: &Message,
        options: &SendOptions,
    ) -> Result<Delivery, SealError> {
        self.now = now;
        let config = self.node.config().clone();
        let frame = self.sealer.seal(now, &config, message, options)?;
        let frame = frame.map(|frame| self.node.share_message(frame, message, options));
        let mut delivery = Delivery::default();
        for id in links {
            let Some(Entry { link, .. }) = self.links.get_mut(&id) else {
                continue;
            };
            let queued = match &frame {
                Some(frame) => link.forward(now, frame),
                None => link.notify(now, &mut self.node, message, options),
            };
            delivery.count(1, queued.unwrap_or(Fate::Cut));
            self.make_ready(id);
        }
        Ok(delivery)
    }

    /// Manages the peers of an app id no more, and tells all links that this node leaves.
    /// Says whether they were managed. The peers stay known.
    pub fn stop_peer_management(&mut self, now: Now, app_id: &[u8]) -> bool {
        let farewell = self.node.stop_peer_management(app_id);
        let managed = farewell.is_some();
        self.say(now, farewell);
        managed
    }

    /// Says that the application takes no more messages of a link for now: its remote has to
    /// wait; see [`Link::pause`].
    pub fn pause(&mut self, link: LinkId) {
        if let Some(entry) = self.links.get_mut(&link) {
            entry.link.pause();
            // It may look at more frames now, for an answer.
            self.make_ready(link);
        }
    }

    /// Says that the application takes messages of a link again.
    pub fn resume(&mut self, now: Now, link: LinkId) {
        self.now = now;
        if let Some(entry) = self.links.get_mut(&link) {
            entry.link.resume(now);
            self.make_ready(link);
        }
    }

    /// Closes a link: what is queued is written, then
    /// [`Output::Close`](crate::Output::Close) follows.
    pub fn close(&mut self, now: Now, link: LinkId) {
        self.now = now;
        if let Some(entry) = self.links.get_mut(&link) {
            entry.link.close(now, &mut self.node);
            self.make_ready(link);
        }
    }

    /// Ends all links gracefully: where peers are managed, the remotes are told that this
    /// node leaves; nothing more is read, but for answers that handlers wait for; what has
    /// been read is handled and answered, then the links close. Past `grace` they are cut
    /// off. The hub [is empty](Self::is_empty) then.
    ///
    /// Drained again, it ends by the earlier time.
    ///
    /// A hub that was drained serves no more links: those that are accepted or connected
    /// from here on close at once, so that a loop that goes on accepting ends as well.
    pub fn drain(&mut self, now: Now, grace: Duration) {
        self.now = now;
        let until = now.deadline(grace);
        let until = self.drain_until.map_or(until, |earlier| earlier.min(until));
        self.drain_until = Some(until);
        let farewells = self.node.stop_all_peer_management();
        self.say(now, farewells);
        for id in self.open_links() {
            if let Some(entry) = self.links.get_mut(&id) {
                entry.link.drain(now, grace);
            }
            self.make_ready(id);
        }
    }

    /// Tells all links something about this node.
    pub(super) fn say(&mut self, now: Now, messages: impl IntoIterator<Item = PeerMessage>) {
        for PeerMessage { message, inner } in messages {
            let options = SendOptions::new().with_inner(inner);
            // That it can be sealed was seen when it was made.
            let _ = self.broadcast(now, &message, &options);
        }
    }
}
