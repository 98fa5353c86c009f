//! How the nodes are configured, and where they are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use netaio_core::plugin::Sha256StreamCipher;
use netaio_core::{
    AuthErrorReply, Correlation, Layer, Limits, LinkConfig, ManagementConfig, MessageTypes, Wire,
};

use crate::mac::QuickMac;
use crate::traffic::CUSTOM;

/// Where the nodes are, and after them addresses of nobody's: of the same host, or
/// network, as a node, and of others.
const ADDRESSES: [SocketAddr; 7] = [
    v4([10, 0, 0, 1], 8888),
    v4([10, 0, 0, 2], 8888),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 3]),
    v4([10, 0, 0, 1], 9999),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 4]),
    v4([10, 0, 0, 9], 1),
    v4([10, 0, 0, 9], 2),
];
pub(super) const HOSTS: usize = 3;
pub(super) const GROUP: SocketAddr = v4([224, 0, 0, 1], 8888);

const fn v4([a, b, c, d]: [u8; 4], port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8]) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), 8888)
}

pub(super) fn address(choice: u8) -> SocketAddr {
    ADDRESSES[usize::from(choice) % ADDRESSES.len()]
}

/// The bounds on what goes to those who have not shown that they receive.
pub(super) struct Rates {
    pub(super) per_ip: usize,
    pub(super) all: usize,
    pub(super) amplification: usize,
    /// Bytes of handlers' answers and of publications, at once and a second.
    pub(super) burst: usize,
    pub(super) a_second: usize,
}

pub(super) fn rates(choice: u8) -> Rates {
    Rates {
        per_ip: if choice & 1 == 0 { 10 } else { 2 },
        all: if choice & 2 == 0 { 1000 } else { 3 },
        amplification: 1 + usize::from(choice >> 2 & 3),
        burst: if choice & 0x80 == 0 { 4 << 20 } else { 5_500 },
        a_second: if choice & 0x80 == 0 { 1 << 20 } else { 200 },
    }
}

/// `layer`: 1 for a MAC, 2 for a cipher, 4 for ids, 8 for silence about failed checks.
pub(super) fn config(layer: u8, choice: u8) -> LinkConfig {
    let mut types = MessageTypes::base();
    types.register(CUSTOM, "CUSTOM").expect("a free value");
    let mut config = LinkConfig::new()
        .with_outer(outer_layer(layer))
        .with_wire(Wire {
            types,
            limits: limits(choice),
            ..Wire::default()
        });
    if layer & 4 != 0 {
        config.correlation = Correlation::default().with_requests(true);
    }
    if layer & 8 != 0 {
        config.auth_error = AuthErrorReply::Silent;
    }
    config
}

pub(super) fn has_auth(layer: u8) -> bool {
    layer & 1 != 0
}

fn outer_layer(layer: u8) -> Layer {
    let mut outer = Layer::new();
    if has_auth(layer) {
        outer = outer.with_auth(QuickMac(7));
    }
    if layer & 2 != 0 {
        outer = outer.with_cipher(Sha256StreamCipher::new("secret"));
    }
    outer
}

fn limits(choice: u8) -> Limits {
    let few = |bit: u8, few: usize, many: usize| if choice & bit == 0 { many } else { few };
    let rates = rates(choice);
    Limits::default()
        .with_outbound_queue(132_096)
        .and_then(|limits| limits.with_unverified_replies_per_ip(rates.per_ip))
        .and_then(|limits| limits.with_unverified_replies(rates.all))
        .and_then(|limits| limits.with_amplification(rates.amplification))
        .and_then(|limits| limits.with_unvalidated_burst(rates.burst))
        .and_then(|limits| limits.with_unvalidated_rate(rates.a_second))
        .and_then(|limits| limits.with_unvalidated_total(rates.burst * 4))
        .and_then(|limits| limits.with_unverified_senders(few(0x10, 2, 8192)))
        .and_then(|limits| limits.with_handlers(few(0x20, 1, 3)))
        .and_then(|limits| limits.with_pending_requests(few(0x40, 2, 1024)))
        // No more than two changes of peers before they are looked at.
        .and_then(|limits| limits.with_frames_per_turn(2))
        .and_then(|limits| limits.with_peers(4))
        .and_then(|limits| limits.with_peer_addresses(2))
        .and_then(|limits| limits.with_peer_data(8))
        .expect("limits that can work")
}

pub(super) fn management() -> ManagementConfig {
    ManagementConfig::new()
        .with_every(Some(Duration::from_secs(5)))
        .with_timeout(Some(Duration::from_secs(12)))
}
