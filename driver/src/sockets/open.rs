//! UDP sockets that are not bound yet.

use std::io;
#[cfg(target_os = "linux")]
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

use crate::runtime::DatagramOptions;

/// A socket that is not bound yet.
pub(super) fn open(options: &DatagramOptions) -> io::Result<Socket> {
    let domain = Domain::for_address(options.address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if options.address.is_ipv6() {
        // Some systems cannot serve both families, or are set not to.
        let both = options.address.ip().is_unspecified() && socket.set_only_v6(false).is_ok();
        if !both {
            socket.set_only_v6(true)?;
        }
    }
    // Otherwise Linux delivers what any other program has joined.
    #[cfg(target_os = "linux")]
    match options.address {
        SocketAddr::V4(_) => socket.set_multicast_all_v4(false)?,
        SocketAddr::V6(_) => socket.set_multicast_all_v6(false)?,
    }
    if let Some(size) = options.receive_buffer {
        socket.set_recv_buffer_size(size)?;
    }
    Ok(socket)
}

/// Allows other sockets to bind to the same address and port.
///
/// `SO_REUSEADDR` would do on Linux, but for other users' programs too.
#[cfg(all(
    unix,
    not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))
))]
pub(super) fn share_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

/// Lets others bind to the same address and port.
#[cfg(not(all(
    unix,
    not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))
)))]
pub(super) fn share_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}
