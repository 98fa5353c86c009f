//! Addresses that are written as numbers, with the names of interfaces.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::runtime::Interface;

/// The address that a text is; `None` where it is a name and a port, for the system to
/// resolve. The scope of an IPv6 address is the number of an interface or its name:
/// `[fe80::7%3]:8888`, `[fe80::7%eth0]:8888`.
///
/// # Errors
/// There is no such interface; a link-local address, which each link has for itself, has no scope; or
/// it is no address with a port.
pub fn parse_address(text: &str) -> io::Result<Option<SocketAddr>> {
    if let Ok(address) = text.parse() {
        return match address {
            SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0 => {
                let (ip, port) = (v6.ip(), v6.port());
                let problem =
                    format!("a link-local address needs a zone, such as [{ip}%eth0]:{port}");
                Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
            }
            _ => Ok(Some(address)),
        };
    }
    let port = text
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse::<u16>().ok());
    if port.is_none() {
        let problem = "an address is host:port, such as 127.0.0.1:8888 or [::1]:8888; \
            others, such as unix:/path, need a connector";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    let Some((ip, interface, port)) = split(text) else {
        return Ok(None);
    };
    let scope = Interface::Name(interface.to_owned()).index()?;
    Ok(Some(SocketAddrV6::new(ip, port, 0, scope).into()))
}

/// The parts of an address with the name of an interface.
fn split(text: &str) -> Option<(Ipv6Addr, &str, u16)> {
    let (host, port) = text.strip_prefix('[')?.rsplit_once("]:")?;
    let (ip, interface) = host.split_once('%')?;
    let named = !interface.is_empty() && interface.parse::<u32>().is_err();
    Some((ip.parse().ok()?, interface, port.parse().ok()?)).filter(|_| named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_a_number_or_a_name() {
        let parsed = |text| parse_address(text).map(|found| found.map(|it| it.to_string()));
        let number = parsed("[fe80::7%3]:5").unwrap();
        assert_eq!(number.as_deref(), Some("[fe80::7%3]:5"));
        let bare = parsed("[fe80::7]:5").unwrap_err();
        assert!(bare.to_string().contains("[fe80::7%eth0]:5"), "{bare}");
        let missing = parsed("[fe80::7%no-such-one]:5").unwrap_err();
        assert!(missing.to_string().contains("no-such-one"), "{missing}");
        for name in ["localhost:5", "fe80::7%lo:5", "[fe80::7%]:5", "[name%lo]:5"] {
            assert_eq!(parsed(name).unwrap(), None, "{name}");
        }
        for wrong in ["", "localhost", "[::1%lo]:", "unix:/run/it", "a:99999"] {
            let error = parsed(wrong).unwrap_err();
            assert!(error.to_string().contains("host:port"), "{error}");
        }
        // The loopback interface has another name on other systems, and no IPv6 on some.
        let Ok(index) = Interface::Name("lo".to_owned()).index() else {
            return;
        };
        let expected = format!("[::1%{index}]:5");
        assert_eq!(parsed("[::1%lo]:5").unwrap(), Some(expected));
    }
}
