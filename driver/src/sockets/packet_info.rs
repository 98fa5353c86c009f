//! The address of this machine that a datagram comes to, and the one that it leaves from:
//! `IP_PKTINFO` and `IPV6_PKTINFO`.

use std::io;

#[cfg(not(unix))]
use socket2::Socket;

#[cfg(unix)]
use crate::runtime::Received;

/// More than a datagram can hold, so that none is truncated.
const ROOM: usize = 64 * 1024;

/// What one datagram is received into.
#[derive(Debug)]
pub struct ReceiveBuffer {
    bytes: Box<[u8]>,
    /// For what the system says besides.
    #[cfg(unix)]
    control: Vec<u8>,
}

impl ReceiveBuffer {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; ROOM].into(),
            #[cfg(unix)]
            control: imp::control(),
        }
    }

    /// The room for a datagram, for systems without `receive`.
    pub fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    pub(super) fn received(&self, len: usize) -> &[u8] {
        self.bytes.get(..len).unwrap_or_default()
    }

    /// Receives a datagram, and the address that it came to where the socket tells it.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) where there is none; others where it could
    /// not be received this time.
    #[cfg(unix)]
    pub fn receive(&mut self, socket: &impl std::os::fd::AsRawFd) -> io::Result<Received> {
        imp::receive(socket.as_raw_fd(), &mut self.bytes, &mut self.control)
    }

    /// Receives the beginning of a datagram that could not be delivered, and why.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) where there is none; others where it could
    /// not be received this time.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    pub fn undelivered(
        &mut self,
        socket: &impl std::os::fd::AsRawFd,
    ) -> io::Result<crate::runtime::Undelivered> {
        super::error_queue::undelivered(socket, &mut self.bytes, &mut self.control)
    }
}

#[cfg(unix)]
pub use imp::send_from;
#[cfg(unix)]
pub(super) use imp::tell_local_addresses;

/// Nothing is told here.
#[cfg(not(unix))]
pub(super) fn tell_local_addresses(_: &Socket, _: bool) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
mod imp {
    use std::io::{self, IoSlice, IoSliceMut};
    use std::net::{IpAddr, SocketAddr};
    use std::os::fd::{AsRawFd, RawFd};

    use nix::sys::socket::{
        MsgFlags, RecvMsg, SockaddrIn, SockaddrIn6, SockaddrLike, SockaddrStorage, recvmsg, sendmsg,
    };
    use socket2::Socket;

    #[cfg(any(
        target_os = "android",
        target_os = "ios",
        target_os = "linux",
        target_os = "macos"
    ))]
    use self::told as system;
    #[cfg(not(any(
        target_os = "android",
        target_os = "ios",
        target_os = "linux",
        target_os = "macos"
    )))]
    use self::untold as system;
    use super::super::socket_address::address;
    use crate::runtime::Received;

    pub(super) use system::control;
    pub(in super::super) use system::tell_local_addresses;

    pub(super) fn receive(
        socket: RawFd,
        bytes: &mut [u8],
        control: &mut [u8],
    ) -> io::Result<Received> {
        let mut room = [IoSliceMut::new(bytes)];
        let flags = MsgFlags::empty();
        let received = recvmsg::<SockaddrStorage>(socket, &mut room, Some(control), flags)?;
        let from = received.address.as_ref().and_then(address);
        let unknown = || io::Error::from(io::ErrorKind::InvalidData);
        let mut datagram = Received::new(received.bytes, from.ok_or_else(unknown)?);
        datagram.local = system::local(&received);
        Ok(datagram)
    }

    /// Sends a datagram from an address of this machine.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) where there is no room for it; others where
    /// it could not be sent.
    pub fn send_from(
        socket: &impl AsRawFd,
        bytes: &[u8],
        to: SocketAddr,
        from: IpAddr,
    ) -> io::Result<usize> {
        let (socket, bytes) = (socket.as_raw_fd(), [IoSlice::new(bytes)]);
        match to {
            SocketAddr::V4(to) => system::send(socket, &bytes, &SockaddrIn::from(to), from),
            SocketAddr::V6(to) => system::send(socket, &bytes, &SockaddrIn6::from(to), from),
        }
    }

    /// Systems with `IP_PKTINFO`.
    #[cfg(any(
        target_os = "android",
        target_os = "ios",
        target_os = "linux",
        target_os = "macos"
    ))]
    mod told {
        use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
        use nix::sys::socket::{ControlMessage, ControlMessageOwned, setsockopt, sockopt};

        use super::*;

        /// Room for what is said of a datagram that could not be delivered, and by whom.
        const ERROR: usize = 64;

        pub(in super::super) fn control() -> Vec<u8> {
            // A socket for both families may tell of both.
            nix::cmsg_space!(in_pktinfo, in6_pktinfo, [u8; ERROR])
        }

        /// Lets a socket tell where datagrams come to.
        pub(in super::super::super) fn tell_local_addresses(
            socket: &Socket,
            is_ipv4: bool,
        ) -> io::Result<()> {
            match is_ipv4 {
                true => setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?,
                false => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?,
            }
            Ok(())
        }

        pub(super) fn local(received: &RecvMsg<'_, '_, SockaddrStorage>) -> Option<IpAddr> {
            let mut all = received.cmsgs().ok()?;
            let local = all.find_map(|message| match message {
                ControlMessageOwned::Ipv4PacketInfo(info) => Some(v4_local(&info)),
                ControlMessageOwned::Ipv6PacketInfo(info) => {
                    Some(IpAddr::from(info.ipi6_addr.s6_addr).to_canonical())
                }
                _ => None,
            })?;
            // What came to a group is answered from an address that the system chooses.
            let usable = !local.is_multicast() && !local.is_unspecified();
            usable.then_some(local)
        }

        /// Of a datagram to a group or to all, Linux names an address of this machine besides.
        fn v4_local(info: &in_pktinfo) -> IpAddr {
            let address = match cfg!(any(target_os = "android", target_os = "linux")) {
                true => info.ipi_spec_dst,
                false => info.ipi_addr,
            };
            IpAddr::from(address.s_addr.to_ne_bytes())
        }

        pub(super) fn send<S: SockaddrLike>(
            socket: RawFd,
            bytes: &[IoSlice<'_>],
            to: &S,
            from: IpAddr,
        ) -> io::Result<usize> {
            let flags = MsgFlags::empty();
            let sent = match from {
                IpAddr::V4(from) => {
                    let info = in_pktinfo {
                        ipi_ifindex: 0,
                        ipi_spec_dst: in_addr {
                            s_addr: u32::from_ne_bytes(from.octets()),
                        },
                        ipi_addr: in_addr { s_addr: 0 },
                    };
                    let control = [ControlMessage::Ipv4PacketInfo(&info)];
                    sendmsg(socket, bytes, &control, flags, Some(to))
                }
                IpAddr::V6(from) => {
                    let info = in6_pktinfo {
                        ipi6_addr: in6_addr {
                            s6_addr: from.octets(),
                        },
                        ipi6_ifindex: 0,
                    };
                    let control = [ControlMessage::Ipv6PacketInfo(&info)];
                    sendmsg(socket, bytes, &control, flags, Some(to))
                }
            };
            Ok(sent?)
        }
    }

    /// Systems where it is not known, or not in the same way.
    #[cfg(not(any(
        target_os = "android",
        target_os = "ios",
        target_os = "linux",
        target_os = "macos"
    )))]
    mod untold {
        use super::*;

        pub(in super::super) fn control() -> Vec<u8> {
            Vec::new()
        }

        pub(in super::super::super) fn tell_local_addresses(_: &Socket, _: bool) -> io::Result<()> {
            Ok(())
        }

        pub(super) fn local(_: &RecvMsg<'_, '_, SockaddrStorage>) -> Option<IpAddr> {
            None
        }

        /// The system chooses.
        pub(super) fn send<S: SockaddrLike>(
            socket: RawFd,
            bytes: &[IoSlice<'_>],
            to: &S,
            _: IpAddr,
        ) -> io::Result<usize> {
            Ok(sendmsg(socket, bytes, &[], MsgFlags::empty(), Some(to))?)
        }
    }
}
