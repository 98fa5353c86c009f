//! What the network says of datagrams that it could not deliver: `IP_RECVERR` of Linux.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd};

use bytes::BytesMut;
use nix::libc::{
    SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6, in_pktinfo, in6_pktinfo, sock_extended_err,
};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, getsockopt, recvmsg, setsockopt, sockopt,
};
use socket2::Socket;

use super::slots::Slots;
use super::socket_address::address;
use crate::runtime::Undelivered;

/// Room for what is said of a datagram that could not be delivered, and by whom.
const ERROR: usize = 64;

/// Lets a socket tell what could not be delivered.
pub(super) fn tell_undelivered(socket: &Socket, is_ipv4: bool) -> io::Result<()> {
    // A socket for both families hears of both. One for IPv6 alone may not know the other.
    let v4 = setsockopt(socket, sockopt::Ipv4RecvErr, &true);
    match is_ipv4 {
        true => v4?,
        false => setsockopt(socket, sockopt::Ipv6RecvErr, &true)?,
    }
    Ok(())
}

/// Whether a socket tells what could not be delivered.
pub fn tells_undelivered(socket: &impl AsFd) -> bool {
    let (v4, v6) = (
        getsockopt(socket, sockopt::Ipv4RecvErr),
        getsockopt(socket, sockopt::Ipv6RecvErr),
    );
    v4 == Ok(true) || v6 == Ok(true)
}

/// Takes the oldest of what could not be delivered, and appends what is quoted of it.
///
/// # Errors
/// [`WouldBlock`](io::ErrorKind::WouldBlock) where there is none.
pub fn undelivered(socket: &impl AsRawFd, quoted: &mut BytesMut) -> io::Result<Undelivered> {
    let mut slots = Slots::take();
    // Where the datagram came to is told besides.
    let mut control = nix::cmsg_space!(in_pktinfo, in6_pktinfo, [u8; ERROR]);
    // Each turn takes one out of a queue that is as long as the receive buffer allows.
    loop {
        let mut room = [IoSliceMut::new(slots.first())];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let told =
            recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut room, Some(&mut control), flags)?;
        let error = told.cmsgs()?.find_map(|message| match message {
            ControlMessageOwned::Ipv4RecvErr(error, _)
            | ControlMessageOwned::Ipv6RecvErr(error, _) => Some(error),
            _ => None,
        });
        let to = told.address.as_ref().and_then(address);
        if let (Some(to), Some(error)) = (to, error.filter(is_of_network)) {
            let number = i32::try_from(error.ee_errno).unwrap_or_default();
            let error = io::Error::from_raw_os_error(number);
            let len = told.bytes;
            slots.fill(0, len);
            quoted.extend_from_slice(slots.get(0, len));
            return Ok(Undelivered { to, len, error });
        }
    }
}

/// Whoever sent has been told already what this machine itself has to say.
fn is_of_network(error: &sock_extended_err) -> bool {
    matches!(error.ee_origin, SO_EE_ORIGIN_ICMP | SO_EE_ORIGIN_ICMP6)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr, UdpSocket};

    use super::*;
    use crate::runtime::DatagramOptions;
    use crate::sockets::bind_datagrams;

    /// A port that hardly anybody has.
    const NOBODY: u16 = 9;

    /// Such an address, if this machine has one of its family.
    fn nobody(ip: &str) -> Option<SocketAddr> {
        let ip: IpAddr = ip.parse().unwrap();
        UdpSocket::bind((ip, 0)).ok()?;
        Some((ip, NOBODY).into())
    }

    #[test]
    fn what_nobody_receives_comes_back() {
        for (at, nobody) in [
            ("127.0.0.1:0", nobody("127.0.0.1")),
            ("0.0.0.0:0", nobody("127.0.0.1")),
            ("[::1]:0", nobody("::1")),
            ("[::]:0", nobody("::1")),
        ] {
            // There may be no IPv6 here.
            let Some(nobody) = nobody else { continue };
            let mut options = DatagramOptions::new(at.parse().unwrap());
            let silent = bind_datagrams(&options).unwrap().remove(0);
            assert!(!tells_undelivered(&silent.socket));
            options.undelivered = true;
            let socket = bind_datagrams(&options).unwrap().remove(0).socket;
            assert!(tells_undelivered(&socket));
            let mut quoted = BytesMut::new();
            let none = undelivered(&socket, &mut quoted).unwrap_err();
            assert_eq!(none.kind(), io::ErrorKind::WouldBlock);

            socket.send_to(b"is anybody there?", nobody).unwrap();
            // On the loopback interface it is known when the datagram is sent.
            let Undelivered { to, len, error } = undelivered(&socket, &mut quoted).unwrap();
            assert_eq!(
                (to, error.kind()),
                (nobody, io::ErrorKind::ConnectionRefused)
            );
            assert_eq!((&quoted[..], len), (&b"is anybody there?"[..], 17));
            assert!(undelivered(&socket, &mut quoted).is_err());
        }
    }
}
