//! What single options mean.

use std::net::IpAddr;
use std::num::{IntErrorKind, ParseIntError};
use std::str::FromStr;
use std::time::Duration;

use crate::address::Address;
use crate::codec::hex::unhex;

/// A host, by name or number, and a port.
pub(super) fn address(text: &str) -> Result<String, String> {
    text.parse::<Address>()?;
    Ok(text.into())
}

/// Servers that are as good as each other, with commas between them: one or several.
pub(crate) fn servers(text: &str) -> Result<String, String> {
    for server in text.split(',') {
        address(server.trim())?;
    }
    Ok(text.into())
}

/// A number of seconds, with decimals if need be.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    match Duration::try_from_secs_f64(number) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("must be more than zero, and less than for ever".into()),
    }
}

/// How many there may be, of what is not limited without the option.
pub(super) fn limit<N: FromStr<Err = ParseIntError>>(text: &str) -> Result<N, String> {
    text.parse()
        .map_err(|error: ParseIntError| match error.kind() {
            IntErrorKind::Zero => "must be 1 at least; without the option there is no limit".into(),
            _ => error.to_string(),
        })
}

/// A multicast group.
pub(super) fn group(text: &str) -> Result<IpAddr, String> {
    match text.parse::<IpAddr>() {
        Ok(address) if address.is_multicast() => Ok(address),
        _ => Err("a group is a multicast address, such as 224.0.0.1 or ff02::1".into()),
    }
}

/// The id of a peer.
pub(super) fn id(text: &str) -> Result<Id, String> {
    match unhex(text) {
        Some(bytes) if !bytes.is_empty() => Ok(Id(bytes)),
        _ => Err("an id is an even number of hexadecimal digits".into()),
    }
}

/// The bytes of a peer's id.
#[derive(Clone, Debug)]
pub(crate) struct Id(pub(crate) Vec<u8>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_port() {
        for right in [
            "127.0.0.1:0",
            "[::1]:8888",
            "[fe80::1%eth0]:8888",
            "localhost:80",
        ] {
            assert_eq!(address(right), Ok(right.into()));
        }
        for wrong in [
            "nonsense",
            "127.0.0.1",
            "host:",
            "host:port",
            "host:65536",
            ":80",
            "[::1",
            "[::1:80",
            "[localhost]:80",
            "::1:80",
            "",
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_of_several_servers_has_a_port() {
        for right in ["localhost:80", "a:1,b:2", "10.0.0.1:8888, [::1]:8888"] {
            assert_eq!(servers(right), Ok(right.into()));
        }
        for wrong in ["a:1,b", "a:1,", ",a:1", "a,b:1", ""] {
            assert!(servers(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn seconds_are_positive_numbers() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "inf", "nan", "1e30", "soon", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn groups_are_multicast_addresses() {
        for right in ["224.0.0.1", "239.255.0.1", "ff02::1"] {
            assert!(group(right).is_ok(), "{right}");
        }
        for wrong in ["127.0.0.1", "224.0.0.1:8888", "::1", "all", ""] {
            assert!(group(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ids_are_bytes_in_hex() {
        assert_eq!(id("00fF").map(|Id(bytes)| bytes), Ok(vec![0, 0xff]));
        for wrong in ["", "abc", "0x00", "alice"] {
            assert!(id(wrong).is_err(), "{wrong}");
        }
    }
}
