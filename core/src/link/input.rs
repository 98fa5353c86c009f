//! What a link is told of its transport.

use bytes::BytesMut;

use super::Link;
use super::phase::Phase;
use crate::error::{Backpressure, CloseReason};
use crate::now::Now;

impl Link {
    /// Takes bytes from the remote, which are handled by [`poll`](Self::poll). Those behind
    /// the [end](Self::handle_eof) are dropped.
    ///
    /// # Errors
    /// Nothing was taken: more than the longest frame waits to be handled. Poll, and
    /// read while it is [wanted](Self::wants_read).
    pub fn receive(&mut self, now: Now, bytes: &[u8]) -> Result<(), Backpressure> {
        let unhandled = self.inlet.bytes.len();
        if unhandled > self.max_frame {
            return Err(Backpressure { unhandled });
        }
        self.exchange.now = now;
        if !self.eof && matches!(self.phase, Phase::Open { .. }) {
            self.inlet.extend(bytes);
            self.received(now, bytes.len());
        }
        Ok(())
    }

    /// Reads from the transport, if that is [wanted](Self::wants_read): `read` is called
    /// once at most, fills its buffer from the start, and says with how many bytes; with
    /// 0 where the remote has sent its last byte, as `std::io::Read::read` does. Where
    /// there is nothing to read now, it returns an error of its own: some transports say
    /// 0 for that (smoltcp's `recv_slice`), which would end the link.
    ///
    /// # Errors
    /// What `read` returned. The link has taken nothing, and goes on.
    pub fn receive_with<E>(
        &mut self,
        now: Now,
        read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        if !self.wants_read() {
            return Ok(());
        }
        let room = self.read_room();
        let buffer = self.inlet.with_room();
        let start = buffer.len();
        let room = buffer.spare_capacity_mut().len().min(room);
        buffer.resize(start.saturating_add(room), 0);
        let result = read(buffer.get_mut(start..).unwrap_or_default());
        let count = result.as_ref().map_or(0, |count| room.min(*count));
        buffer.truncate(start.saturating_add(count));
        match result? {
            0 => self.handle_eof(now),
            _ => self.received(now, count),
        }
        Ok(())
    }

    /// The buffer that bytes are read into, at its end; then say so with
    /// [`received`](Self::received). It has room for a read; the room grows with what
    /// arrives, never with what a header announces. For transports that read into a
    /// buffer, while reading is [wanted](Self::wants_read).
    pub fn receive_buffer(&mut self) -> &mut BytesMut {
        self.inlet.with_room()
    }

    /// Says that `count` bytes were appended to the
    /// [`receive_buffer`](Self::receive_buffer).
    pub fn received(&mut self, now: Now, count: usize) {
        self.exchange.now = now;
        if count == 0 {
            return;
        }
        self.intake.received();
        match self.phase {
            Phase::Open { .. } if !self.eof => {
                self.timers.active(now.monotonic);
                self.inlet.received(count);
            }
            // What comes after the end is of no interest, but what came before it.
            Phase::Open { .. } => {
                let before = self.inlet.bytes.len().saturating_sub(count);
                self.inlet.bytes.truncate(before);
            }
            _ => self.inlet.clear(),
        }
    }

    /// Gives the receive buffer back while there is nothing in it: for a
    /// transport that can wait for bytes without a buffer.
    pub fn release_receive_buffer(&mut self) {
        self.inlet.release();
    }

    /// Whether memory is kept for the next messages that there may be no use for: see
    /// [`release_spares`](Self::release_spares).
    #[must_use]
    pub fn has_spares(&self) -> bool {
        self.calls.has_spares() || self.outbox.has_spare()
    }

    /// Gives back the memory that is kept for the next messages, the
    /// [receive buffer's](Self::release_receive_buffer) too, as far as nothing is in it: for a link
    /// that has nothing to do, and may have to wait for long. What comes next takes it anew.
    pub fn release_spares(&mut self) {
        self.inlet.release();
        self.calls.release_spares();
        self.outbox.release_spare();
    }

    /// Says that the remote has sent its last byte. What is complete is still handled
    /// and answered; then the link closes.
    pub fn handle_eof(&mut self, now: Now) {
        self.exchange.now = now;
        self.eof = true;
    }

    /// Says that so many more of the bytes that were [handed
    /// out](Self::poll_outbound) last have been written; 0 where the transport takes none
    /// now. Who says nothing says so of all of them by coming again.
    ///
    /// A remote that does not take all that was handed out, while more waits than may, is a
    /// [slow consumer](crate::Limits::slow_consumer).
    pub fn written(&mut self, count: usize) {
        self.outbox.written(count);
        if count > 0 {
            self.renew_half_closed();
        }
        self.note_turn();
        self.after_write();
    }

    /// Says that others had their turn: the next poll may handle
    /// [`Limits::frames_per_turn`](crate::Limits::frames_per_turn) frames again.
    pub fn begin_turn(&mut self) {
        self.turn = 0;
    }

    /// Says that the transport has failed: the link closes, and nothing more is
    /// written.
    pub fn transport_failed(&mut self, reason: CloseReason) {
        self.abort(reason);
    }
}
