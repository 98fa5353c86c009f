//! Makes captures.

use std::net::SocketAddr;

use etherparse::PacketBuilder;

/// The first packet is of this second; each further one is 1.000001 s later.
const FIRST: u64 = 1_700_000_000;

/// How a file has its packets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Format {
    Pcap,
    PcapBigEndian,
    PcapNanoseconds,
    Ng,
    NgBigEndian,
}

pub(crate) const FORMATS: &[Format] = &[
    Format::Pcap,
    Format::PcapBigEndian,
    Format::PcapNanoseconds,
    Format::Ng,
    Format::NgBigEndian,
];

/// A link layer: its number, and what stands before IPv4, or before IPv6.
pub(crate) type Link = (u16, fn(bool) -> Vec<u8>);

/// The link layers that are read.
pub(crate) const LINKS: &[Link] = &[
    (1, |v6| [vec![2; 12], ether_type(v6)].concat()),
    (1, |v6| {
        [vec![2; 12], vec![0x81, 0, 0, 7], ether_type(v6)].concat()
    }),
    (0, |v6| vec![if v6 { 30 } else { 2 }, 0, 0, 0]),
    (108, |v6| vec![0, 0, 0, if v6 { 24 } else { 2 }]),
    (101, |_| Vec::new()),
    (113, |v6| [vec![0; 14], ether_type(v6)].concat()),
    (276, |v6| [ether_type(v6), vec![0; 18]].concat()),
];

fn ether_type(v6: bool) -> Vec<u8> {
    if v6 { vec![0x86, 0xdd] } else { vec![8, 0] }
}

/// A packet from its IP header on.
pub(crate) type Packet = Vec<u8>;

fn builder(
    from: SocketAddr,
    to: SocketAddr,
) -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
    match (from, to) {
        (SocketAddr::V4(from), SocketAddr::V4(to)) => {
            PacketBuilder::ipv4(from.ip().octets(), to.ip().octets(), 64)
        }
        (SocketAddr::V6(from), SocketAddr::V6(to)) => {
            PacketBuilder::ipv6(from.ip().octets(), to.ip().octets(), 64)
        }
        _ => panic!("of one family"),
    }
}

/// A datagram.
pub(crate) fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Packet {
    let mut packet = Vec::new();
    let builder = builder(from, to).udp(from.port(), to.port());
    builder.write(&mut packet, payload).unwrap();
    packet
}

/// One end of a TCP connection, as it sends.
pub(crate) struct End {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    /// The sequence number of its next byte.
    pub(crate) next: u32,
}

impl End {
    pub(crate) fn new(from: SocketAddr, to: SocketAddr, first: u32) -> Self {
        let next = first;
        Self { from, to, next }
    }

    /// Begins the stream.
    pub(crate) fn syn(&mut self) -> Packet {
        let number = self.next;
        self.next = number.wrapping_add(1);
        let builder = builder(self.from, self.to);
        let builder = builder
            .tcp(self.from.port(), self.to.port(), number, 65535)
            .syn();
        written(builder, b"")
    }

    /// A segment with the next bytes.
    pub(crate) fn send(&mut self, payload: &[u8]) -> Packet {
        let packet = self.at(self.next, payload);
        self.next = self.next.wrapping_add(payload.len() as u32);
        packet
    }

    /// A segment with bytes anywhere.
    pub(crate) fn at(&self, number: u32, payload: &[u8]) -> Packet {
        let builder = builder(self.from, self.to);
        written(
            builder.tcp(self.from.port(), self.to.port(), number, 65535),
            payload,
        )
    }

    /// A segment that has received all before a byte.
    pub(crate) fn acknowledge(&self, number: u32) -> Packet {
        let builder = builder(self.from, self.to);
        let builder = builder.tcp(self.from.port(), self.to.port(), self.next, 65535);
        written(builder.ack(number), b"")
    }

    /// The end of the stream.
    pub(crate) fn fin(&self) -> Packet {
        let builder = builder(self.from, self.to);
        let builder = builder.tcp(self.from.port(), self.to.port(), self.next, 65535);
        written(builder.fin(), b"")
    }
}

fn written(
    builder: etherparse::PacketBuilderStep<etherparse::TcpHeader>,
    payload: &[u8],
) -> Packet {
    let mut packet = Vec::new();
    builder.write(&mut packet, payload).unwrap();
    packet
}

/// An IPv4 packet in parts of so many bytes, which are a multiple of 8.
pub(crate) fn fragments(packet: &[u8], len: usize) -> Vec<Packet> {
    let (header, payload) = packet.split_at(20);
    let parts: Vec<_> = payload.chunks(len).collect();
    let fragment = |(index, part): (usize, &&[u8])| {
        let mut header = header.to_vec();
        header[2..4].copy_from_slice(&(20 + part.len() as u16).to_be_bytes());
        let more = if index + 1 < parts.len() { 0x2000 } else { 0 };
        let offset = more | (index * len / 8) as u16;
        header[6..8].copy_from_slice(&offset.to_be_bytes());
        [&header, *part].concat()
    };
    parts.iter().enumerate().map(fragment).collect()
}

/// A file of packets, one a second.
pub(crate) fn file(format: Format, (link, header): Link, packets: &[Packet]) -> Vec<u8> {
    let big = matches!(format, Format::PcapBigEndian | Format::NgBigEndian);
    let short = |number: u16| {
        if big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    };
    let long = |number: u32| {
        if big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    };
    let is_ng = matches!(format, Format::Ng | Format::NgBigEndian);
    let block = |kind: u32, body: &[u8]| {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = long(body.len() as u32 + 12);
        [&long(kind)[..], &len, &body, &len].concat()
    };
    let mut file = if is_ng {
        let section = [&long(0x1a2b_3c4d)[..], &short(1), &short(0), &[0xff; 8]].concat();
        // Nanoseconds: if_tsresol is 9.
        let options = [&short(9)[..], &short(1), &[9, 0, 0, 0], &[0; 4]].concat();
        let interface = [&short(link)[..], &short(0), &long(0), &options].concat();
        [block(0x0a0d_0d0a, &section), block(1, &interface)].concat()
    } else {
        let magic = match format {
            Format::PcapNanoseconds => 0xa1b2_3c4d,
            _ => 0xa1b2_c3d4,
        };
        let (zero, max) = (long(0), long(262_144));
        [
            &long(magic)[..],
            &short(2),
            &short(4),
            &zero,
            &zero,
            &max,
            &long(link.into()),
        ]
        .concat()
    };
    for (index, packet) in packets.iter().enumerate() {
        let data = [header(packet[0] >> 4 == 6), packet.clone()].concat();
        let (second, micros) = (FIRST + index as u64, index as u32);
        let len = long(data.len() as u32);
        if is_ng {
            let time = second * 1_000_000_000 + u64::from(micros) * 1000;
            let time = [long((time >> 32) as u32), long(time as u32)].concat();
            file.extend(block(6, &[&long(0)[..], &time, &len, &len, &data].concat()));
        } else {
            let fraction = match format {
                Format::PcapNanoseconds => micros * 1000,
                _ => micros,
            };
            let header = [&long(second as u32)[..], &long(fraction), &len, &len].concat();
            file.extend([header, data].concat());
        }
    }
    file
}
