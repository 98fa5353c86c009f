//! An event of a peer, as a line.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;

use netaio_core::RemovalReason;
use netaio_driver::{KnownPeer, PeerEvent};
use serde::Serialize;
use serde_json::Value as Json;

use super::data;
use crate::codec::hex::hex;
use crate::json;

/// An event as JSON, in this order.
#[derive(Serialize)]
struct Printed<'a> {
    event: &'static str,
    id: String,
    addresses: &'a [SocketAddr],
    /// Null where it is not packify.
    data: Option<Json>,
    data_hex: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
}

/// A line that says that a peer was added, changed or removed. There is none for other events.
pub(super) fn line(event: &PeerEvent, json: bool) -> io::Result<Option<String>> {
    let (event, peer, reason) = match event {
        PeerEvent::Added(peer) => ("came", peer, None),
        PeerEvent::Updated(peer) | PeerEvent::AddressRemoved { peer, .. } => {
            ("changed", peer, None)
        }
        PeerEvent::Removed { peer, reason } => ("gone", peer, Some(word(*reason))),
        _ => return Ok(None),
    };
    let mut line = match json {
        true => object(event, peer, reason)?,
        false => words(event, peer, reason)?,
    };
    line.push('\n');
    Ok(Some(line))
}

fn word(reason: RemovalReason) -> &'static str {
    match reason {
        RemovalReason::Disconnect => "left",
        RemovalReason::TimedOut => "timed-out",
        RemovalReason::Displaced => "displaced",
        _ => "removed",
    }
}

fn object(
    event: &'static str,
    peer: &KnownPeer,
    reason: Option<&'static str>,
) -> io::Result<String> {
    let data = peer.peer.data.as_deref().unwrap_or_default();
    json::to_string(&Printed {
        event,
        id: hex(&peer.peer.id),
        addresses: &peer.addresses,
        data: data::unpack(data),
        data_hex: hex(data),
        why: reason,
    })
}

fn words(event: &str, peer: &KnownPeer, reason: Option<&str>) -> io::Result<String> {
    let mut line = format!("{event} {} ", hex(&peer.peer.id));
    for (index, address) in peer.addresses.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        // Writing to a string does not fail.
        let _ = write!(line, "{comma}{address}");
    }
    line.push(' ');
    match reason {
        Some(reason) => line.push_str(reason),
        None => line.push_str(&data::readable(
            peer.peer.data.as_deref().unwrap_or_default(),
        )?),
    }
    Ok(line)
}
