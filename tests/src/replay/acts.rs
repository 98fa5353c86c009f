//! What handlers say, in the core alone and in the drivers.

use std::collections::BTreeMap;
use std::fmt::Display;

use bytes::Bytes;
use netaio_core::types::*;
use netaio_core::{Message, MessageType};

/// What a store answers, which keeps contents by their uris.
pub(super) fn store(kept: &mut BTreeMap<Bytes, Bytes>, request: &Message) -> (MessageType, Bytes) {
    let uri = &request.uri;
    let content = request.content.clone();
    let found = kept.contains_key(uri);
    match (request.message_type, found) {
        (CREATE_URI, true) => (ERROR, "cannot overwrite".into()),
        (CREATE_URI, false) | (UPDATE_URI, true) => {
            kept.insert(uri.clone(), content);
            (OK, "stored".into())
        }
        (DELETE_URI, true) => {
            kept.remove(uri);
            (OK, "deleted".into())
        }
        (REQUEST_URI, true) => (RESPOND_URI, kept[uri].clone()),
        _ => (NOT_FOUND, "not found".into()),
    }
}

pub(super) fn subscribed<E: Display>(result: Result<bool, E>) -> String {
    match result {
        Ok(true) => "subscribed".into(),
        Ok(false) => "subscribed already".into(),
        Err(error) => error.to_string(),
    }
}

pub(super) fn unsubscribed(gone: bool) -> &'static str {
    match gone {
        true => "subscribed no more",
        false => "not subscribed",
    }
}

pub(super) fn published(receivers: usize) -> String {
    format!("{receivers} are told")
}

/// The content of an answer that takes its time.
pub(super) fn late(content: &Bytes) -> Vec<u8> {
    [b"at last: ", &content[..]].concat()
}
