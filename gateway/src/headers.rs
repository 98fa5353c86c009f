//! What messages of NATS say besides their content.

use async_nats::HeaderMap;
use netaio_driver::Remote;
use netaio_driver::core::{Change, MessageType};

/// The gateway that a message came from: it does not deliver it a second time.
pub(crate) const GATEWAY: &str = "Netaio-Gateway";
/// The address that a message came to its gateway from.
pub(crate) const FROM: &str = "Netaio-From";
/// The id of the peer that it came from, in hexadecimal digits.
pub(crate) const PEER: &str = "Netaio-Peer";
/// Whether the outer layer of the gateway has vouched for the sender: `yes` or `no`.
pub(crate) const VOUCHED: &str = "Netaio-Vouched";
/// What has happened to a resource: `created`, `updated` or `deleted`.
const CHANGE: &str = "Netaio-Change";
/// The number of a message type.
pub(crate) const TYPE: &str = "Netaio-Type";
/// The milliseconds that whoever asks waits for an answer.
pub(crate) const TIMEOUT: &str = "Netaio-Timeout-Ms";
/// The tokens of a message's uri.
pub(crate) const URI: &str = "Netaio-Uri";
/// The subject of the peer that a message is for.
pub(crate) const TO: &str = "Netaio-To";
/// What a bucket's message says that is no value.
const OPERATION: &str = "KV-Operation";

/// Who a message came from.
pub(crate) fn of_sender(gateway: &str, sender: Option<&Remote>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(GATEWAY, gateway);
    let Some(identity) = sender.map(Remote::identity) else {
        return headers;
    };
    if let Some(address) = identity.address {
        headers.insert(FROM, address.to_string().as_str());
    }
    if let Some(peer) = identity.peer {
        let id: String = peer.id.iter().map(|byte| format!("{byte:02x}")).collect();
        headers.insert(PEER, id.as_str());
    }
    let vouched = match identity.authenticated {
        true => "yes",
        false => "no",
    };
    headers.insert(VOUCHED, vouched);
    headers
}

pub(crate) fn get<'a>(headers: Option<&'a HeaderMap>, name: &str) -> Option<&'a str> {
    headers?.get(name).map(|value| value.as_str())
}

/// The type that a message says to have.
pub(crate) fn message_type(headers: Option<&HeaderMap>) -> Option<MessageType> {
    let number = get(headers, TYPE)?.parse().ok()?;
    Some(MessageType::new(number))
}

/// Says what happens to a resource, in the words of netaio and in those of buckets.
pub(crate) fn set_change(headers: &mut HeaderMap, change: Change) {
    headers.insert(CHANGE, change.name());
    if change == Change::Deleted {
        headers.insert(OPERATION, "DEL");
    }
}

/// Whether a message of a bucket says that there is no value any more.
pub(crate) fn is_deletion(headers: &HeaderMap) -> bool {
    matches!(get(Some(headers), OPERATION), Some("DEL" | "PURGE"))
}

/// What a message of a bucket says has happened. Others than gateways say less: what they put
/// was updated.
pub(crate) fn change(headers: Option<&HeaderMap>) -> Change {
    if headers.is_some_and(is_deletion) {
        return Change::Deleted;
    }
    match get(headers, CHANGE) {
        Some("created") => Change::Created,
        _ => Change::Updated,
    }
}

/// Where the stream of a bucket has a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its number in the stream.
    pub(crate) number: u64,
    /// The number of the one before it that has the same subject; 0 if there was none.
    pub(crate) before: u64,
}

/// What a stream says of a message that it publishes again; `None` for those of no stream.
pub(crate) fn stored(headers: Option<&HeaderMap>) -> Option<Stored> {
    let number = |name| get(headers, name)?.parse().ok();
    Some(Stored {
        number: number("Nats-Sequence")?,
        before: number("Nats-Last-Sequence").unwrap_or_default(),
    })
}
