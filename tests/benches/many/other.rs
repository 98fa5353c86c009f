//! One datagram with a system call.

use std::io;
use std::net::{SocketAddr, UdpSocket};

pub(crate) const MOST: usize = 32;

pub(crate) fn receive(
    socket: &UdpSocket,
    slots: &mut [u8],
) -> io::Result<Vec<(usize, SocketAddr)>> {
    Ok(vec![socket.recv_from(slots)?])
}

pub(crate) fn send(socket: &UdpSocket, datagrams: &[(&[u8], SocketAddr)]) -> io::Result<()> {
    for (bytes, to) in datagrams {
        socket.send_to(bytes, to)?;
    }
    Ok(())
}
