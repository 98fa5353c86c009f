//! Datagrams that the system cuts from one: Linux's `UDP_SEGMENT`.
//!
//! They go through the system as one as far as can be, so that each costs a part of what it
//! costs alone.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the sockets of a node send so.
#[derive(Debug)]
pub(super) struct Segments {
    usable: AtomicBool,
}

impl Segments {
    /// Fewer save little, and all arrive at once: then the two ends work in turns, and each waits
    /// for the other, which may take longer than what is saved.
    const LEAST: usize = 16;
    /// The longest datagram that is sent so, in bytes: what is longer than a path lets through
    /// cannot be, and IPv6 lets this through on all of them.
    const LONGEST: usize = 1_232;

    /// `usable`: all sockets [can](Self::are_known_to) send so.
    pub(super) fn new(usable: bool) -> Self {
        let usable = AtomicBool::new(usable);
        Self { usable }
    }

    /// Whether so many datagrams of one length, which take so many bytes together, are to be sent
    /// so.
    pub(super) fn are_worth_it(&self, count: usize, bytes: usize) -> bool {
        let fit = bytes > 0 && bytes <= count.saturating_mul(Self::LONGEST);
        count >= Self::LEAST && fit && self.usable.load(Ordering::Relaxed)
    }
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
impl Segments {
    /// No socket is.
    pub(super) fn are_known_to(_: &socket2::Socket) -> bool {
        false
    }
}

#[cfg(any(target_os = "android", target_os = "linux"))]
mod imp {
    use std::io;
    use std::net::{IpAddr, SocketAddr};
    use std::os::fd::RawFd;

    use nix::libc::{EINVAL, EIO, EMSGSIZE, EOPNOTSUPP};
    use nix::sys::socket::{setsockopt, sockopt};
    use socket2::Socket;

    use super::*;
    use crate::sockets::packet_info::send_segments;

    impl Segments {
        /// Whether the system of a socket knows of it.
        pub(in super::super) fn are_known_to(socket: &Socket) -> bool {
            // None unless a call says so: the state that it is in.
            setsockopt(socket, sockopt::UdpGsoSegment, &0).is_ok()
        }

        /// Sends `count` datagrams of one length. `None` if they are to be sent in another way:
        /// what is wrong with them is told then.
        pub(in super::super) fn send(
            &self,
            socket: RawFd,
            bytes: &[u8],
            count: usize,
            to: SocketAddr,
            from: Option<IpAddr>,
        ) -> Option<io::Result<()>> {
            let len = bytes.len().checked_div(count)?;
            let error = match send_segments(socket, bytes, u16::try_from(len).ok()?, to, from) {
                Ok(_) => return Some(Ok(())),
                Err(error) => error,
            };
            match (error.kind(), error.raw_os_error()) {
                // It says nothing of them.
                (
                    io::ErrorKind::WouldBlock
                    | io::ErrorKind::Interrupted
                    | io::ErrorKind::ConnectionRefused,
                    _,
                ) => return Some(Err(error)),
                // The interface that they would leave by cannot do it, say.
                (_, Some(EIO | EINVAL | EMSGSIZE | EOPNOTSUPP)) => {
                    self.usable.store(false, Ordering::Relaxed);
                }
                _ => {}
            }
            None
        }
    }

    #[cfg(test)]
    mod tests {
        use std::net::UdpSocket;
        use std::os::fd::AsRawFd;

        use socket2::SockRef;

        use super::*;

        #[test]
        fn one_call_sends_many_datagrams() {
            for ip in ["127.0.0.1", "::1"] {
                // There may be no IPv6 here.
                let Ok(receiver) = UdpSocket::bind((ip, 0)) else {
                    continue;
                };
                let sender = UdpSocket::bind((ip, 0)).unwrap();
                let (fd, to) = (sender.as_raw_fd(), receiver.local_addr().unwrap());
                if !Segments::are_known_to(&SockRef::from(&sender)) {
                    continue;
                }
                let segments = Segments::new(true);
                for from in [None, Some(to.ip())] {
                    let sent = segments.send(fd, b"onetwoten", 3, to, from);
                    sent.unwrap().unwrap();
                    let mut room = [0; 9];
                    for expected in ["one", "two", "ten"] {
                        let (len, by) = receiver.recv_from(&mut room).unwrap();
                        assert_eq!(&room[..len], expected.as_bytes());
                        assert_eq!(by, sender.local_addr().unwrap());
                    }
                }
            }
        }

        #[test]
        fn what_cannot_be_sent_so_is_not_tried_again() {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let segments = Segments::new(true);
            let to = socket.local_addr().unwrap();
            let all_of = |len| segments.are_worth_it(Segments::LEAST, Segments::LEAST * len);
            assert!(all_of(Segments::LONGEST) && !all_of(Segments::LONGEST + 1) && !all_of(0));
            if !Segments::are_known_to(&SockRef::from(&socket)) {
                return;
            }
            // More than Linux cuts from one.
            let sent = segments.send(socket.as_raw_fd(), &[0; 1_000], 1_000, to, None);
            assert!(sent.is_none() && !all_of(1));
        }
    }
}
