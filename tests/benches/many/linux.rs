//! Linux's calls for many messages.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4};
use std::os::fd::AsRawFd;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg};

pub(crate) const MOST: usize = 32;

/// Waits for one, where the socket does so, and takes those that are there with it.
pub(crate) fn receive(
    socket: &impl AsRawFd,
    slots: &mut [u8],
) -> io::Result<Vec<(usize, SocketAddr)>> {
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(MOST, None);
    let slots = slots.chunks_mut(slots.len() / MOST);
    let mut slots: Vec<_> = slots.map(|slot| [IoSliceMut::new(slot)]).collect();
    let (socket, flags) = (socket.as_raw_fd(), MsgFlags::MSG_WAITFORONE);
    let received = recvmmsg(socket, &mut headers, &mut slots, flags, None)?;
    let received = received.filter_map(|one| {
        let from = SocketAddrV4::from(one.address?);
        Some((one.bytes, from.into()))
    });
    Ok(received.collect())
}

pub(crate) fn send(socket: &impl AsRawFd, datagrams: &[(&[u8], SocketAddr)]) -> io::Result<()> {
    let to = datagrams.iter().map(|(_, to)| match to {
        SocketAddr::V4(to) => Some(SockaddrIn::from(*to)),
        SocketAddr::V6(_) => None,
    });
    let to: Vec<_> = to.collect();
    let bytes = datagrams.iter().map(|(bytes, _)| [IoSlice::new(bytes)]);
    let bytes: Vec<_> = bytes.collect();
    let mut sent = 0;
    while sent < datagrams.len() {
        let mut headers = MultiHeaders::preallocate(datagrams.len(), None);
        let (socket, flags) = (socket.as_raw_fd(), MsgFlags::empty());
        let now = sendmmsg(socket, &mut headers, &bytes[sent..], &to[sent..], [], flags)?;
        sent += now.count();
    }
    Ok(())
}
