//! Datagrams that are sent with one system call.

use std::net::{IpAddr, SocketAddr};

use netaio_core::Transmits;

use super::segments::Segments;
use super::slots::MOST;
use super::socket_address::in_family;

/// Datagrams that one socket is to send, all from the same address.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    datagrams: &'a Transmits,
    first: usize,
    count: usize,
    is_ipv4: bool,
    from: Option<IpAddr>,
    /// Where all of them are to be cut from one by the system.
    #[cfg_attr(
        not(any(target_os = "android", target_os = "linux")),
        expect(dead_code, reason = "no other system does that")
    )]
    segments: Option<&'a Segments>,
}

impl<'a> Batch<'a> {
    /// The datagrams from an index on, as long as `is_next` says that one is of the same socket,
    /// that is for IPv4 or for both families, and leaves from the same address; or fewer of
    /// them, if the system cuts those from one.
    pub(super) fn new(
        datagrams: &'a Transmits,
        first: usize,
        is_ipv4: bool,
        from: Option<IpAddr>,
        segments: &'a Segments,
        is_next: impl Fn(SocketAddr, Option<IpAddr>) -> bool,
    ) -> Self {
        let (alike, bytes) = datagrams.alike(first, MOST);
        if segments.are_worth_it(alike, bytes.len()) {
            return Self {
                datagrams,
                first,
                count: alike,
                is_ipv4,
                from,
                segments: Some(segments),
            };
        }
        let of_same = (first..datagrams.count()).take(MOST).take_while(|index| {
            let next = datagrams.get(*index);
            next.is_some_and(|(to, _)| {
                // What an IPv4 socket cannot send is refused alone.
                (to.is_ipv4() || !is_ipv4) && is_next(to, datagrams.source(*index))
            })
        });
        Self {
            datagrams,
            first,
            count: of_same.count(),
            is_ipv4,
            from,
            segments: None,
        }
    }

    /// How many they are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The address of this machine that they are to leave from, where the socket has several.
    #[must_use]
    pub fn from(&self) -> Option<IpAddr> {
        self.from
    }

    /// Each of them, and where it goes, in the form that the socket takes.
    pub fn iter(&self) -> impl Iterator<Item = (SocketAddr, &'a [u8])> + Clone + use<'a> {
        let Self {
            datagrams, is_ipv4, ..
        } = *self;
        let all = self.first..self.first.saturating_add(self.count);
        all.filter_map(move |index| {
            let (mut to, bytes) = datagrams.get(index)?;
            to.set_ip(in_family(to.ip(), is_ipv4));
            Some((to, bytes))
        })
    }

    /// Sends as many of them as there is room for, with one system call, and returns how many
    /// that were: the first at least.
    ///
    /// # Errors
    /// The first could not be sent: [`WouldBlock`](std::io::ErrorKind::WouldBlock) where there
    /// is no room for it.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    pub fn send(&self, socket: &impl std::os::fd::AsRawFd) -> std::io::Result<usize> {
        if let (Some(segments), Some((to, _))) = (self.segments, self.iter().next()) {
            let (count, bytes) = self.datagrams.alike(self.first, self.count);
            let sent = segments.send(socket.as_raw_fd(), bytes, count, to, self.from);
            if let Some(sent) = sent {
                return sent.map(|()| count);
            }
        }
        super::packet_info::send_many(socket.as_raw_fd(), self.iter(), self.from)
    }
}
