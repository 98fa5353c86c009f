//! Addresses of servers, as they are typed.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A host and a port, in the one form by which addresses are compared: names without case, numbers as
/// they are written shortest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address(String);

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = text
            .rsplit_once(':')
            .map(|(host, port)| (host_of(host), port.parse::<u16>()));
        match port {
            Some((Some(host), Ok(port))) => Ok(Self(format!("{host}:{port}"))),
            _ => Err("an address is HOST:PORT, such as 127.0.0.1:8888 or [::1]:8888"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What may be a host: a name, or an address, which brackets are around where it has colons.
fn host_of(text: &str) -> Option<String> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    if let Some(inner) = bare {
        // The zone of an address that holds on one link alone.
        let (number, zone) = match inner.find('%') {
            Some(at) => inner.split_at_checked(at)?,
            None => (inner, ""),
        };
        let number: Ipv6Addr = number.parse().ok()?;
        return Some(format!("[{number}{zone}]"));
    }
    let is_name = !text.is_empty() && !text.contains(['[', ']', ':']);
    is_name.then(|| match text.parse::<Ipv4Addr>() {
        Ok(number) => number.to_string(),
        Err(_) => text.to_lowercase(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_form() {
        for (typed, form) in [
            ("127.0.0.1:8888", "127.0.0.1:8888"),
            ("Lab.Example:08888", "lab.example:8888"),
            ("[0:0::1]:1", "[::1]:1"),
            ("[FE80::A%eth0]:1", "[fe80::a%eth0]:1"),
        ] {
            assert_eq!(typed.parse::<Address>().unwrap().to_string(), form);
        }
        for wrong in [
            "", "a", "a:", ":1", "::1", "::1:1", "[a]:1", "a:65536", "[::1]",
        ] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }
}
