//! One connection: frames, layers, pending requests, outbound bytes.

mod dispatch;
mod failures;
mod inbound;
mod inlet;
mod outbox;
mod slow;
#[cfg(test)]
mod tests;
mod timers;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use bytes::BytesMut;
use rand_core::CryptoRng;

pub use self::dispatch::{Dispatched, Router};

use self::failures::Failures;
use self::inlet::Inlet;
use self::outbox::Outbox;
use self::timers::Timers;
use crate::config::LinkConfig;
use crate::error::{CloseReason, RequestError, SealError, SendError};
use crate::events::{Deadline, DeadlineReason, Event, Inbound, ReplyToken};
use crate::exchange::Exchange;
use crate::frame::Deframer;
use crate::limits::Limits;
use crate::message::Message;
use crate::now::Now;
use crate::options::{RequestOptions, SendOptions};
use crate::plugin::PeerDirectory;
use crate::requests::{Ended, RequestId};

/// One end of one connection, without the connection.
///
/// A link shares nothing with other links: many can be driven at once. Its
/// methods come in four groups.
///
/// - Getters: [`remote`](Self::remote), [`is_closed`](Self::is_closed),
///   [`queued`](Self::queued), [`pending_requests`](Self::pending_requests),
///   [`config`](Self::config).
/// - Inputs: [`receive`](Self::receive) (or [`receive_buffer`](Self::receive_buffer)
///   and [`received`](Self::received)), [`set_reading`](Self::set_reading),
///   [`written`](Self::written), [`handle_eof`](Self::handle_eof),
///   [`handle_timeout`](Self::handle_timeout).
/// - Commands: [`send`](Self::send), [`request`](Self::request),
///   [`cancel`](Self::cancel), [`dispatch`](Self::dispatch), [`reply`](Self::reply),
///   [`forward`](Self::forward), [`notify`](Self::notify), [`close`](Self::close).
/// - Outputs: [`poll_event`](Self::poll_event), [`poll_past_event`](Self::poll_past_event),
///   [`poll_outbound`](Self::poll_outbound), [`poll_deadline`](Self::poll_deadline).
///
/// The contract: *after any input or command, drain the outputs until only a
/// deadline is left.* One call of `poll_event` handles at most one frame, so
/// the caller decides how many make a turn.
pub struct Link {
    exchange: Exchange<()>,
    remote: Option<SocketAddr>,
    deframer: Deframer,
    inlet: Inlet,
    outbox: Outbox,
    events: VecDeque<Event>,
    failures: Failures,
    timers: Timers,
    eof: bool,
    closed: Option<CloseReason>,
}

impl Link {
    /// A link over a byte stream that has just been connected or accepted.
    ///
    /// `remote` names the other end in keys and events; links over something
    /// without addresses have none. `rng` makes the nonces: seed it from the
    /// operating system, or with a constant to repeat a run to the byte.
    #[must_use]
    pub fn new(
        now: Now,
        config: Arc<LinkConfig>,
        remote: Option<SocketAddr>,
        rng: Box<dyn CryptoRng + Send>,
    ) -> Self {
        Self {
            deframer: Deframer::new(config.wire.clone()),
            exchange: Exchange::new(now, config, rng),
            remote,
            inlet: Inlet::new(),
            outbox: Outbox::new(),
            events: VecDeque::new(),
            failures: Failures::default(),
            timers: Timers::new(now.monotonic),
            eof: false,
            closed: None,
        }
    }

    /// Lets plugins know who is at the other end.
    #[must_use]
    pub fn with_directory(mut self, directory: Arc<dyn PeerDirectory>) -> Self {
        self.exchange.directory = Some(directory);
        self
    }

    // Getters.

    /// The address of the other end.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.remote
    }

    /// Whether a message carries a correlation id, so that its reply may be sent
    /// out of turn.
    #[must_use]
    pub fn is_correlated(&self, inbound: &Inbound) -> bool {
        self.exchange.is_correlated(&inbound.sealed)
    }

    /// Why the link is closed, if it is.
    #[must_use]
    pub fn is_closed(&self) -> Option<&CloseReason> {
        self.closed.as_ref()
    }

    /// Bytes that wait to be written, those included that were handed out and are
    /// not known to be [written](Self::written).
    #[must_use]
    pub fn queued(&self) -> usize {
        self.outbox.len()
    }

    /// Requests whose callers wait.
    #[must_use]
    pub fn pending_requests(&self) -> usize {
        self.exchange.pending.wanted()
    }

    /// Bytes received and not yet handled: one frame that is not complete, or
    /// more for [`poll_event`](Self::poll_event).
    #[must_use]
    pub fn unhandled(&self) -> usize {
        self.inlet.bytes.len()
    }

    /// The configuration it was made with.
    #[must_use]
    pub fn config(&self) -> &Arc<LinkConfig> {
        &self.exchange.config
    }

    fn limits(&self) -> &Limits {
        self.exchange.limits()
    }

    // Inputs.

    /// Takes bytes from the remote. They are looked at by
    /// [`poll_event`](Self::poll_event).
    pub fn receive(&mut self, now: Now, bytes: &[u8]) {
        self.inlet.bytes.extend_from_slice(bytes);
        self.received(now, bytes.len());
    }

    /// The buffer that bytes are read into, at its end; then say so with
    /// [`received`](Self::received). It has room for a read; the room grows
    /// with what arrives, never with what a header announces.
    pub fn receive_buffer(&mut self) -> &mut BytesMut {
        self.inlet.with_room()
    }

    /// Says that `count` bytes were appended to the
    /// [`receive_buffer`](Self::receive_buffer).
    pub fn received(&mut self, now: Now, count: usize) {
        self.exchange.now = now;
        self.timers.received(now.monotonic);
        match self.closed {
            None => self.inlet.received(count),
            Some(_) => self.inlet.clear(),
        }
    }

    /// Gives the receive buffer back while there is nothing in it: for a
    /// transport that can wait for bytes without a buffer.
    pub fn release_receive_buffer(&mut self) {
        self.inlet.release();
    }

    /// Says that the remote has sent its last byte. What is complete is still
    /// handled; then the link closes.
    pub fn handle_eof(&mut self, now: Now) {
        self.exchange.now = now;
        self.eof = true;
    }

    /// Says that a deadline may have come. Early or late calls do no harm.
    pub fn handle_timeout(&mut self, now: Now) {
        self.exchange.now = now;
        while let Some(ended) = self.exchange.pending.expire(now.monotonic) {
            let error = RequestError::TimedOut(ended.timeout);
            self.fail(ended, error);
        }
        if let Some(reason) = self.timers.due(self.limits(), now.monotonic) {
            self.close(reason);
        }
        self.look_at_backlog();
    }

    /// Says whether bytes are being read, as they are from the start. While they
    /// are not, since the remote shall wait, it is not blamed for what does not
    /// come: the times of a begun frame and of an idle connection start anew
    /// afterwards.
    pub fn set_reading(&mut self, now: Now, reading: bool) {
        self.timers.hold(!reading, now.monotonic);
    }

    /// Says that so many more of the bytes that were [handed
    /// out](Self::poll_outbound) last have been written. Who says nothing says so
    /// of all of them by coming again.
    pub fn written(&mut self, count: usize) {
        self.outbox.written(count);
        self.less_waits();
    }

    // Commands.

    /// Sends a message, sealed with the options' inner layer and the link's
    /// outer one.
    ///
    /// # Errors
    /// Nothing was sent: the message cannot be sealed, the queue is full, or
    /// the link is closed.
    pub fn send(
        &mut self,
        now: Now,
        message: &Message,
        options: &SendOptions,
    ) -> Result<(), SendError> {
        self.exchange.now = now;
        self.check_open()?;
        self.check_room()?;
        let remote = self.remote;
        self.queue(|exchange, out| exchange.seal_send(remote, message, options, out))
    }

    /// Sends a request and waits for its answer, until the options' timeout
    /// from now. [`Event::Answered`] or [`Event::Failed`] will name it, exactly
    /// one of them and once, unless it is [cancelled](Self::cancel).
    ///
    /// Requests for the same uri are answered in their order, as a netaio
    /// server answers them; in any order where they carry ids that the remote
    /// repeats ([`Correlation`](crate::Correlation)).
    ///
    /// # Errors
    /// Nothing was sent, and nothing waits: as [`send`](Self::send), or too
    /// many requests wait already.
    pub fn request(
        &mut self,
        now: Now,
        message: &Message,
        options: &RequestOptions,
    ) -> Result<RequestId, SendError> {
        self.exchange.check_pending()?;
        self.exchange.now = now;
        self.check_open()?;
        self.check_room()?;
        let remote = self.remote;
        self.queue(|exchange, out| exchange.seal_request(remote, message, options, out))?;
        Ok(self.exchange.await_answer((), message, options))
    }

    /// Gives a request up: no event will name it. Its answer, should it still
    /// come in time, is taken off the stream and dropped, so that it is not
    /// taken for the answer of another request. Until then the request counts
    /// towards [`Limits::pending_requests`], unless it carries an id and the
    /// remote is known to repeat ids.
    pub fn cancel(&mut self, request: RequestId) {
        self.exchange.cancel(request);
    }

    /// Answers a dispatched message, sealed with its handler's inner layer and
    /// the link's outer one.
    ///
    /// # Errors
    /// Nothing was sent: the message cannot be sealed, or the link is closed.
    /// A full queue closes the link, whose remote asks and does not read.
    pub fn reply(
        &mut self,
        now: Now,
        token: &ReplyToken,
        message: &Message,
    ) -> Result<(), SendError> {
        self.exchange.now = now;
        self.check_open()?;
        self.check_heeded()?;
        self.queue(|exchange, out| exchange.seal_reply(token, message, out))
    }

    /// Ends the link: waiting requests fail at once with this reason, and
    /// nothing more is handled or sent. Bytes queued before are still handed
    /// out by [`poll_outbound`](Self::poll_outbound).
    pub fn close(&mut self, reason: CloseReason) {
        if self.closed.is_some() {
            return;
        }
        self.closed = Some(reason.clone());
        self.inlet.clear();
        while let Some(ended) = self.exchange.pending.pop() {
            self.fail(ended, RequestError::Closed(reason.clone()));
        }
        let dropped = self.tell_dropped();
        self.events.extend(dropped);
        self.events.push_back(Event::Closed(reason));
    }

    // Outputs.

    /// What has happened, until it returns `None`. It handles at most one
    /// received frame, besides the answers of cancelled requests.
    pub fn poll_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.poll_past_event() {
                return Some(event);
            }
            if self.closed.is_some() {
                return None;
            }
            match self.deframer.next(&mut self.inlet.bytes) {
                Ok(Some(frame)) => {
                    self.timers.frame(false, self.exchange.now.monotonic);
                    if let Some(event) = self.handle_frame(frame) {
                        return Some(event);
                    }
                }
                Ok(None) if self.eof => {
                    let reason = match self.deframer.finish(&self.inlet.bytes) {
                        Ok(()) => CloseReason::Remote,
                        Err(error) => CloseReason::Truncated(error),
                    };
                    self.close(reason);
                }
                Ok(None) => {
                    self.timers
                        .frame(!self.inlet.bytes.is_empty(), self.exchange.now.monotonic);
                    return None;
                }
                Err(error) => self.close(CloseReason::Malformed(error)),
            }
        }
    }

    /// As [`poll_event`](Self::poll_event), but leaves received frames for
    /// later: what commands and deadlines brought about, for a caller that
    /// cannot take another message yet.
    pub fn poll_past_event(&mut self) -> Option<Event> {
        self.events.pop_front().or_else(|| self.tell_dropped())
    }

    /// Exchanges the bytes to be written for `written`, whose bytes have been:
    /// the caller keeps one vector, writes all of it, and comes again with the
    /// same one. Returns whether there is anything to write.
    pub fn poll_outbound(&mut self, written: &mut Vec<u8>) -> bool {
        let any = self.outbox.exchange(written);
        self.less_waits();
        any
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due, if nothing else
    /// happens before.
    pub fn poll_deadline(&mut self) -> Option<Deadline> {
        if self.closed.is_some() {
            return None;
        }
        let request = self
            .exchange
            .pending
            .deadline()
            .map(|at| (at, DeadlineReason::Request));
        let timer = self.timers.earliest(self.limits());
        let backlog = self.backlog_deadline();
        let backlog = backlog.map(|at| (at, DeadlineReason::Backlog));
        let all = request.into_iter().chain(timer).chain(backlog);
        let first = all.min_by_key(|(at, _)| *at);
        first.map(|(at, reason)| Deadline { at, reason })
    }

    fn fail(&mut self, ended: Ended, error: RequestError) {
        if !ended.abandoned {
            self.events.push_back(Event::Failed {
                request: ended.id,
                error,
            });
        }
    }

    /// Queues what `seal` appends, which may take the place of what may be dropped.
    fn queue(
        &mut self,
        seal: impl FnOnce(&mut Exchange<()>, &mut Vec<u8>) -> Result<(), SealError>,
    ) -> Result<(), SendError> {
        let before = self.outbox.bytes.len();
        seal(&mut self.exchange, &mut self.outbox.bytes)?;
        self.make_room(before);
        self.more_waits();
        Ok(())
    }

    fn check_open(&self) -> Result<(), SendError> {
        match &self.closed {
            Some(reason) => Err(SendError::Closed(reason.clone())),
            None => Ok(()),
        }
    }

    /// An error for somebody who proved nothing. Where the queue is full it is
    /// left out.
    fn send_unsealed(&mut self, message: &Message) {
        let is_full = self.queued() >= self.limits().outbound_queue();
        if self.closed.is_none() && !is_full {
            // Such a message can only fail to be sealed by being too long; then
            // there is nobody to tell.
            let out = &mut self.outbox.bytes;
            let _ = self.exchange.seal_unsealed(message, out);
            self.more_waits();
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("remote", &self.remote)
            .field("buffered", &self.unhandled())
            .field("queued", &self.queued())
            .field("pending_requests", &self.pending_requests())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
