//! What is in a captured packet, from its link layer up to TCP and UDP.

use std::net::{IpAddr, SocketAddr};

use etherparse::{
    EtherType, IpNumber, Ipv6ExtensionSlice, LaxNetSlice, LaxSlicedPacket, TcpSlice, UdpSlice,
};

/// The link layers that are understood, for people.
pub(super) const LINKS: &str = "Ethernet, Linux cooked (1 and 2), raw IP, and BSD loopback";

/// An IP packet, or a part of one.
#[derive(Debug)]
pub(super) struct Ip<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    pub(super) payload: &'a [u8],
    pub(super) fragment: Option<Fragment>,
}

/// Which part of a packet a fragment is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment {
    pub(super) identification: u32,
    /// In bytes.
    pub(super) offset: u64,
    pub(super) more: bool,
}

/// A segment of TCP, or a datagram of UDP.
#[derive(Debug)]
pub(super) enum Transport<'a> {
    Tcp(Segment<'a>),
    Udp {
        payload: &'a [u8],
        /// As long as its header says.
        is_whole: bool,
    },
}

#[derive(Debug)]
pub(super) struct Segment<'a> {
    pub(super) sequence: u32,
    pub(super) acknowledged: Option<u32>,
    pub(super) syn: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
    pub(super) payload: &'a [u8],
}

/// The IP packet behind a link layer; none where there is another protocol, or nothing sensible.
///
/// # Errors
/// The link layer is not known.
pub(super) fn ip(link: i32, data: &[u8]) -> Result<Option<Ip<'_>>, i32> {
    let behind = |len: usize| data.get(len..).unwrap_or_default();
    let ether_type = |at: usize| {
        let bytes = data.get(at..at.saturating_add(2))?.try_into().ok()?;
        Some(EtherType(u16::from_be_bytes(bytes)))
    };
    let typed = |kind: Option<EtherType>, len: usize| {
        kind.map(|kind| LaxSlicedPacket::from_ether_type(kind, behind(len)))
    };
    let packet = match link {
        // NULL and LOOP: the address family, whose number each system has chosen.
        0 | 108 => LaxSlicedPacket::from_ip(behind(4)).ok(),
        1 => LaxSlicedPacket::from_ethernet(data).ok(),
        // RAW, and what some systems have in its place; IPV4 and IPV6.
        12 | 14 | 101 | 228 | 229 => LaxSlicedPacket::from_ip(data).ok(),
        // LINUX_SLL and LINUX_SLL2.
        113 => typed(ether_type(14), 16),
        276 => typed(ether_type(0), 20),
        other => return Err(other),
    };
    Ok(packet.and_then(|packet| network(packet.net?)))
}

fn network(net: LaxNetSlice<'_>) -> Option<Ip<'_>> {
    let (source, destination, payload, fragment): (IpAddr, IpAddr, _, _) = match net {
        LaxNetSlice::Ipv4(slice) => {
            let header = slice.header();
            let fragment = header.is_fragmenting_payload().then(|| Fragment {
                identification: header.identification().into(),
                offset: header.fragments_offset().byte_offset().into(),
                more: header.more_fragments(),
            });
            let (from, to) = (header.source_addr(), header.destination_addr());
            (from.into(), to.into(), slice.payload().clone(), fragment)
        }
        LaxNetSlice::Ipv6(slice) => {
            let header = slice.header();
            let extensions = slice.extensions().clone().into_iter();
            let mut fragments = extensions.filter_map(|extension| match extension {
                Ipv6ExtensionSlice::Fragment(part) => Some(part),
                _ => None,
            });
            let part = fragments.find(|part| part.is_fragmenting_payload());
            let fragment = part.map(|part| Fragment {
                identification: part.identification(),
                offset: part.fragment_offset().byte_offset().into(),
                more: part.more_fragments(),
            });
            let (from, to) = (header.source_addr(), header.destination_addr());
            (from.into(), to.into(), slice.payload().clone(), fragment)
        }
        LaxNetSlice::Arp(_) => return None,
    };
    Some(Ip {
        source,
        destination,
        protocol: payload.ip_number.0,
        payload: payload.payload,
        fragment,
    })
}

/// Where from, where to, and what.
pub(super) type Carried<'a> = (SocketAddr, SocketAddr, Transport<'a>);

/// What a whole IP packet carries, if it is of TCP or UDP.
pub(super) fn transport<'a>(
    (source, destination): (IpAddr, IpAddr),
    protocol: u8,
    payload: &'a [u8],
) -> Option<Carried<'a>> {
    let (from, to, transport) = match IpNumber(protocol) {
        IpNumber::TCP => {
            let slice = TcpSlice::from_slice(payload).ok()?;
            let segment = Segment {
                sequence: slice.sequence_number(),
                acknowledged: slice.ack().then(|| slice.acknowledgment_number()),
                syn: slice.syn(),
                fin: slice.fin(),
                rst: slice.rst(),
                payload: slice.payload(),
            };
            let (from, to) = (slice.source_port(), slice.destination_port());
            (from, to, Transport::Tcp(segment))
        }
        IpNumber::UDP => {
            let slice = UdpSlice::from_slice_lax(payload).ok()?;
            let is_whole = usize::from(slice.length()) <= payload.len();
            let (from, to) = (slice.source_port(), slice.destination_port());
            let payload = slice.payload();
            (from, to, Transport::Udp { payload, is_whole })
        }
        _ => return None,
    };
    Some(((source, from).into(), (destination, to).into(), transport))
}
