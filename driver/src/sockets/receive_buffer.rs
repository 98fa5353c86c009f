//! What datagrams are received into: as many as there are with one system call, on Linux.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use bytes::BytesMut;

use super::slots::Slots;
#[cfg(any(target_os = "android", target_os = "linux"))]
use super::slots::{KEEP, MOST};
use crate::runtime::Received;

/// Datagrams that were received, and are not handed over.
#[derive(Debug, Default)]
pub struct ReceiveBuffer {
    /// While there are any.
    slots: Option<Slots>,
    /// What is in which slot.
    received: VecDeque<(usize, Received)>,
    /// How many there may be next time.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    expected: usize,
}

impl ReceiveBuffer {
    /// Appends the first datagram that is not handed over.
    pub(super) fn pop(&mut self, out: &mut BytesMut) -> Option<Received> {
        let (slot, received) = self.received.pop_front()?;
        if let Some(slots) = &self.slots {
            out.extend_from_slice(slots.get(slot, received.len));
        }
        if self.received.is_empty() {
            // Others may have the room.
            self.slots = None;
        }
        Some(received)
    }

    /// The datagrams that are not handed over.
    pub(super) fn each(&mut self) -> impl Iterator<Item = &mut Received> {
        self.received.iter_mut().map(|(_, received)| received)
    }

    /// Receives one datagram, of which `receive` says how long it is and where it is from.
    ///
    /// # Errors
    /// Those of `receive`.
    pub fn receive_one(
        &mut self,
        receive: impl FnOnce(&mut [u8]) -> io::Result<(usize, SocketAddr)>,
    ) -> io::Result<()> {
        let mut slots = Slots::take();
        let (len, from) = receive(slots.first())?;
        self.received.push_back((0, Received::new(len, from)));
        self.hold(slots);
        Ok(())
    }

    /// Keeps the slots that what was received is in.
    fn hold(&mut self, mut slots: Slots) {
        for (slot, Received { len, .. }) in &self.received {
            slots.fill(*slot, *len);
        }
        self.slots = Some(slots);
    }

    /// Receives at least one datagram, with the address that it came to where the socket tells
    /// it; on Linux those that wait behind it too, up to a limit. Returns whether none waits any
    /// more, unless errors of earlier datagrams [are told](super::tells_undelivered): one of
    /// those may be what ended it.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) where there is none; others where it could
    /// not be received this time.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    pub fn receive(&mut self, socket: &impl std::os::fd::AsRawFd) -> io::Result<bool> {
        let mut slots = Slots::take();
        // More than one, to see that there is no other.
        let asked = self.expected.clamp(2, MOST);
        let received = &mut self.received;
        debug_assert!(received.is_empty(), "what was received is handed over");
        super::packet_info::receive_many(socket.as_raw_fd(), &mut slots, asked, received)?;
        let Some((last, _)) = received.back() else {
            // They are of senders without an address.
            return Err(io::ErrorKind::InvalidData.into());
        };
        let emptied = last.saturating_add(1) < asked;
        self.expected = match emptied {
            true => received.len().saturating_mul(2),
            false => asked.saturating_mul(4),
        };
        // Long ones are not to fill all the slots.
        let longest = received.iter().map(|(_, received)| received.len).max();
        let fit = (KEEP / 2) / longest.unwrap_or_default().max(1);
        self.expected = self.expected.min(fit);
        self.hold(slots);
        Ok(emptied)
    }

    /// Receives a datagram, with the address that it came to where the socket tells it.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) where there is none; others where it could
    /// not be received this time.
    #[cfg(all(unix, not(any(target_os = "android", target_os = "linux"))))]
    pub fn receive(&mut self, socket: &impl std::os::fd::AsRawFd) -> io::Result<bool> {
        let mut slots = Slots::take();
        let received = super::packet_info::receive(socket.as_raw_fd(), slots.first())?;
        self.received.push_back((0, received));
        self.hold(slots);
        Ok(false)
    }
}
