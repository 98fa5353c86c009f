//! Which addresses count as one sender.

use core::net::IpAddr;

/// All addresses that one host may use as it likes: an IPv4 address, or a network of 64
/// bits of IPv6. An IPv4 address that is mapped into IPv6 is the IPv4 address.
///
/// ```
/// use std::net::IpAddr;
///
/// use netaio_core::Network;
///
/// let network = |ip: &str| ip.parse().map(|ip: IpAddr| Network::of(ip));
/// assert_eq!(network("2001:db8::1")?, network("2001:db8::2:3:4:5")?);
/// assert_ne!(network("2001:db8::1")?, network("2001:db8:0:1::1")?);
/// assert_eq!(network("::ffff:192.0.2.1")?, network("192.0.2.1")?);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Network {
    /// An address.
    V4([u8; 4]),
    /// The first 64 bits of an address.
    V6([u8; 8]),
}

impl Network {
    /// The network of an address.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip.octets()),
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, g, h, ..] = ip.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

/// What is known of whoever wants an entry in a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Where it comes from, if that has an address. Who comes from nowhere displaces
    /// nobody.
    pub network: Option<Network>,
    /// Whether something vouches for it: an auth plugin, or the application.
    pub verified: bool,
}
