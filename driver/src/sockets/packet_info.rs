//! The address of this machine that a datagram comes to, and the one that it leaves from:
//! `IP_PKTINFO` and `IPV6_PKTINFO`.

#[cfg(not(unix))]
use std::io;

#[cfg(not(unix))]
use socket2::Socket;

#[cfg(all(unix, not(any(target_os = "android", target_os = "linux"))))]
pub(super) use imp::receive;
#[cfg(unix)]
pub use imp::send_from;
#[cfg(unix)]
pub(super) use imp::tell_local_addresses;
#[cfg(any(target_os = "android", target_os = "linux"))]
pub(super) use imp::{receive_many, send_many, send_segments};

/// Nothing is told here.
#[cfg(not(unix))]
pub(super) fn tell_local_addresses(_: &Socket, _: bool) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
mod imp {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    use std::array;
    #[cfg(any(target_os = "android", target_os = "linux"))]
    use std::collections::VecDeque;
    use std::io::{self, IoSlice, IoSliceMut};
    use std::net::{IpAddr, SocketAddr};
    use std::os::fd::{AsRawFd, RawFd};

    use nix::sys::socket::{
        MsgFlags, RecvMsg, SockaddrIn, SockaddrIn6, SockaddrLike, SockaddrStorage, sendmsg,
    };
    #[cfg(any(target_os = "android", target_os = "linux"))]
    use nix::sys::socket::{MultiHeaders, recvmmsg, sendmmsg};
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
    #[cfg(any(target_os = "android", target_os = "linux"))]
    use super::super::slots::{MOST, Slots};
    use super::super::socket_address::address;
    use crate::runtime::Received;

    pub(in super::super) use system::tell_local_addresses;

    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    pub(in super::super) fn receive(socket: RawFd, bytes: &mut [u8]) -> io::Result<Received> {
        let mut room = [IoSliceMut::new(bytes)];
        let (mut control, flags) = (system::control(), MsgFlags::empty());
        let control = Some(control.as_mut_slice());
        let received = nix::sys::socket::recvmsg(socket, &mut room, control, flags)?;
        told(&received).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// What is said of a datagram besides its bytes; `None` if its sender has no address.
    fn told(received: &RecvMsg<'_, '_, SockaddrStorage>) -> Option<Received> {
        let from = received.address.as_ref().and_then(address)?;
        let mut datagram = Received::new(received.bytes, from);
        datagram.local = system::local(received);
        Some(datagram)
    }

    /// Receives up to a number of datagrams, and appends which is in which slot. If they are fewer,
    /// there was no other, or then an error, which the next call reports.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    pub(in super::super) fn receive_many(
        socket: RawFd,
        slots: &mut Slots,
        count: usize,
        out: &mut VecDeque<(usize, Received)>,
    ) -> io::Result<()> {
        let mut each = slots.each();
        let mut room: [_; MOST] =
            array::from_fn(|_| [IoSliceMut::new(each.next().unwrap_or_default())]);
        // Not kept: a call leaves the lengths of what was told in them, as the limits of the next.
        let mut headers = MultiHeaders::preallocate(count, Some(system::control()));
        let received = recvmmsg(
            socket,
            &mut headers,
            &mut room,
            MsgFlags::MSG_DONTWAIT,
            None,
        )?;
        let received = received.enumerate();
        out.extend(received.filter_map(|(slot, one)| Some((slot, told(&one)?))));
        Ok(())
    }

    /// Sends datagrams with one system call, all from the address of this machine that is given, if
    /// any, and returns how many were sent: the first at least. Those after [`MOST`], and
    /// those from one to an address of another family than the first's, are left.
    ///
    /// # Errors
    /// The first could not be sent: [`WouldBlock`](io::ErrorKind::WouldBlock) where there is no
    /// room for it.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    pub(in super::super) fn send_many<'a>(
        socket: RawFd,
        datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])> + Clone,
        from: Option<IpAddr>,
    ) -> io::Result<usize> {
        // Whose results nix reads has to be of one family: those of any have a length.
        let v4 = datagrams.clone().map_while(|(to, _)| match to {
            SocketAddr::V4(to) => Some(SockaddrIn::from(to)),
            SocketAddr::V6(_) => None,
        });
        let v6 = datagrams.clone().map_while(|(to, _)| match to {
            SocketAddr::V6(to) => Some(SockaddrIn6::from(to)),
            SocketAddr::V4(_) => None,
        });
        let bytes = datagrams.clone().map(|(_, bytes)| bytes);
        match v4.clone().next() {
            Some(_) => system::send_many(socket, bytes, v4, from),
            None => system::send_many(socket, bytes, v6, from),
        }
    }

    /// Sends what the system cuts into datagrams of `len` bytes, all from the address of this
    /// machine that is given, if any.
    ///
    /// # Errors
    /// None was sent: [`WouldBlock`](io::ErrorKind::WouldBlock) where there is no room for them.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    pub(in super::super) fn send_segments(
        socket: RawFd,
        bytes: &[u8],
        len: u16,
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> io::Result<usize> {
        let bytes = [IoSlice::new(bytes)];
        match to {
            SocketAddr::V4(to) => {
                system::send_segments(socket, &bytes, len, &SockaddrIn::from(to), from)
            }
            SocketAddr::V6(to) => {
                system::send_segments(socket, &bytes, len, &SockaddrIn6::from(to), from)
            }
        }
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

        /// Room for what is said of a datagram.
        pub(super) fn control() -> Vec<u8> {
            // A socket for both families may tell of both.
            nix::cmsg_space!(in_pktinfo, in6_pktinfo)
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

        /// Calls `send` with what says to the system where a datagram leaves from, and with
        /// room for that.
        fn with_source<T>(
            from: IpAddr,
            send: impl FnOnce(&ControlMessage<'_>, Vec<u8>) -> nix::Result<T>,
        ) -> io::Result<T> {
            Ok(match from {
                IpAddr::V4(from) => {
                    let info = in_pktinfo {
                        ipi_ifindex: 0,
                        ipi_spec_dst: in_addr {
                            s_addr: u32::from_ne_bytes(from.octets()),
                        },
                        ipi_addr: in_addr { s_addr: 0 },
                    };
                    let room = nix::cmsg_space!(in_pktinfo);
                    send(&ControlMessage::Ipv4PacketInfo(&info), room)
                }
                IpAddr::V6(from) => {
                    let info = in6_pktinfo {
                        ipi6_addr: in6_addr {
                            s6_addr: from.octets(),
                        },
                        ipi6_ifindex: 0,
                    };
                    let room = nix::cmsg_space!(in6_pktinfo);
                    send(&ControlMessage::Ipv6PacketInfo(&info), room)
                }
            }?)
        }

        pub(super) fn send<S: SockaddrLike>(
            socket: RawFd,
            bytes: &[IoSlice<'_>],
            to: &S,
            from: IpAddr,
        ) -> io::Result<usize> {
            let flags = MsgFlags::empty();
            with_source(from, |source, _| {
                sendmsg(socket, bytes, &[*source], flags, Some(to))
            })
        }

        #[cfg(any(target_os = "android", target_os = "linux"))]
        pub(super) fn send_segments<S: SockaddrLike>(
            socket: RawFd,
            bytes: &[IoSlice<'_>],
            len: u16,
            to: &S,
            from: Option<IpAddr>,
        ) -> io::Result<usize> {
            let cut = ControlMessage::UdpGsoSegments(&len);
            let flags = MsgFlags::MSG_DONTWAIT;
            match from {
                None => Ok(sendmsg(socket, bytes, &[cut], flags, Some(to))?),
                Some(from) => with_source(from, |source, _| {
                    sendmsg(socket, bytes, &[*source, cut], flags, Some(to))
                }),
            }
        }

        #[cfg(any(target_os = "android", target_os = "linux"))]
        pub(super) fn send_many<'a, S: SockaddrLike + Copy>(
            socket: RawFd,
            bytes: impl Iterator<Item = &'a [u8]>,
            to: impl Iterator<Item = S>,
            from: Option<IpAddr>,
        ) -> io::Result<usize> {
            let (mut bytes, mut to) = (bytes.fuse(), to.fuse());
            let to: [_; MOST] = array::from_fn(|_| to.next());
            let count = to.iter().flatten().count();
            let to = to.get(..count).unwrap_or_default();
            let bytes: [_; MOST] =
                array::from_fn(|_| [IoSlice::new(bytes.next().unwrap_or_default())]);
            let flags = MsgFlags::MSG_DONTWAIT;
            match from {
                None => {
                    let mut headers = MultiHeaders::preallocate(count, None);
                    Ok(sendmmsg(socket, &mut headers, &bytes, to, [], flags)?.count())
                }
                Some(from) => with_source(from, |source, room| {
                    let mut headers = MultiHeaders::preallocate(count, Some(room));
                    Ok(sendmmsg(socket, &mut headers, &bytes, to, [*source], flags)?.count())
                }),
            }
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

        pub(super) fn control() -> Vec<u8> {
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
