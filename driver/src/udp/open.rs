//! Opening the socket of a node, in its groups.

use std::io;
use std::iter;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::runtime::{DatagramOptions, Runtime};

/// A socket, and the group that it multicasts to.
pub(super) struct Opened<S> {
    pub(super) socket: S,
    pub(super) group: Option<IpAddr>,
    /// It is in its groups.
    pub(super) joined: bool,
}

/// Opens a socket. Where nothing leads to its groups by now, they are joined later.
pub(super) async fn open<R: Runtime>(
    options: &mut DatagramOptions,
    groups: Option<&Vec<IpAddr>>,
) -> io::Result<Opened<R::Datagrams>> {
    match groups {
        Some(groups) => options.groups.clone_from(groups),
        None => {
            let all = iter::once(&options.address).chain(&options.others);
            let all: Vec<_> = all.map(|address| all_hosts(address.ip())).collect();
            for group in all {
                if !options.groups.contains(&group) {
                    options.groups.push(group);
                }
            }
        }
    }
    let group = options.groups.first().copied();
    let error = match R::bind_datagrams(options).await {
        Ok(socket) => {
            return Ok(Opened {
                socket,
                group,
                joined: true,
            });
        }
        Err(error) => error,
    };
    let no_way = matches!(
        error.kind(),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable
    );
    if options.groups.is_empty() || groups.is_some() && !no_way {
        return Err(error);
    }
    options.join_later = true;
    if let Ok(socket) = R::bind_datagrams(options).await {
        crate::logging::shielded(|| {
            tracing::warn!(?group, %error, "not yet in the multicast group: tried again later");
        });
        return Ok(Opened {
            socket,
            group,
            joined: false,
        });
    }
    if groups.is_some() {
        return Err(error);
    }
    options.groups.clear();
    let socket = R::bind_datagrams(options).await?;
    crate::logging::shielded(|| {
        tracing::warn!(?group, %error, "cannot join the usual multicast group");
    });
    Ok(Opened {
        socket,
        group: None,
        joined: false,
    })
}

/// The group that all hosts of a network are in.
pub(super) fn all_hosts(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => Ipv4Addr::new(224, 0, 0, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).into(),
    }
}
