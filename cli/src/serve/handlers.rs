//! The handlers of server and node.

use std::sync::Arc;

use netaio_core::types::RESPOND_URI;
use netaio_core::{Peer, Printable};
use netaio_driver::resources::{Bus, BusError, LocalBus, Store, StoreError};
use netaio_driver::{Content, PeerIdentity, Publisher, Remote, Reply, Request, State, Uri};

use super::bus::AnyBus;
use super::engine::Engine;
use crate::identity::{Boxes, REFUSED};
use crate::reserved::is_reserved;

/// What the handlers share.
pub(super) struct Shared {
    pub(super) store: Engine,
    pub(super) bus: AnyBus,
    /// The subscribers of the server and the node of this process.
    pub(super) local: Arc<LocalBus>,
}

type Here = State<Arc<Shared>>;

/// The answer to what the store does not do. Limits have the names of their options.
fn refused(error: StoreError) -> Reply {
    let option = match error {
        StoreError::NotFound => return Reply::not_found(error.to_string()),
        StoreError::TooMany(_) => " (--max-resources)",
        StoreError::Full(_) => " (--max-bytes)",
        StoreError::TooLong { .. } => " (--max-content)",
        _ => "",
    };
    Reply::error(format!("{error}{option}"))
}

/// Tells an asker the id by which it is known, so that it can wait until it is; and one that is not
/// served that it is not, behind the outer layer: over UDP nobody believes another refusal.
pub(super) fn who_asks(asker: &Remote, clients: &Boxes) -> Reply {
    let Some(known) = asker.identity().peer else {
        return Reply::new(RESPOND_URI, "");
    };
    let PeerIdentity { id, data, .. } = known;
    match clients.serve(&Peer {
        id: id.clone(),
        data,
    }) {
        true => Reply::new(RESPOND_URI, id),
        false => Reply::auth_error(REFUSED),
    }
}

pub(super) async fn read(request: Request, here: Here) -> Result<Reply, Reply> {
    match here.store.read(&request.message.uri).await {
        Ok(content) => Ok(Reply::new(RESPOND_URI, content)),
        Err(StoreError::NotFound) => {
            let answer = here.store.ask(&request).await;
            Ok(answer.unwrap_or_else(|| refused(StoreError::NotFound)))
        }
        Err(error) => Err(refused(error)),
    }
}

/// Refuses to store what nobody could read.
fn unless_reserved(uri: &Uri) -> Result<(), Reply> {
    match is_reserved(uri) {
        true => Err(Reply::error(format!(
            "requests for {} are answered by the server itself; store it at another uri",
            Printable::bytes(uri)
        ))),
        false => Ok(()),
    }
}

pub(super) async fn create(uri: Uri, content: Content, here: Here) -> Result<Reply, Reply> {
    unless_reserved(&uri)?;
    here.bus.wait_for_room(&uri).await;
    let created = here.store.create(uri.0, content.0).await;
    created.map(|()| Reply::ok("stored")).map_err(refused)
}

pub(super) async fn update(uri: Uri, content: Content, here: Here) -> Result<Reply, Reply> {
    unless_reserved(&uri)?;
    here.bus.wait_for_room(&uri).await;
    let updated = here.store.update(uri.0, content.0).await;
    updated.map(|()| Reply::ok("stored")).map_err(refused)
}

pub(super) async fn delete(uri: Uri, here: Here) -> Result<Reply, Reply> {
    here.bus.wait_for_room(&uri).await;
    let deleted = here.store.delete(uri.0).await;
    deleted.map(|()| Reply::ok("deleted")).map_err(refused)
}

/// Answered with `CONFIRM_SUBSCRIBE`. A uri with a wildcard is a pattern, and any other is itself.
pub(super) async fn subscribe(
    uri: Uri,
    who: Remote,
    publisher: Publisher,
    here: Here,
) -> Result<&'static str, BusError> {
    match is_pattern(&uri) {
        true => here.bus.subscribe_wildcard(&uri, who, &publisher).await?,
        false => here.bus.subscribe(&uri, who, &publisher).await?,
    }
    Ok("")
}

/// Answered with `CONFIRM_UNSUBSCRIBE`, whether or not there was a subscription.
pub(super) fn unsubscribe(uri: Uri, who: Remote, publisher: Publisher) -> &'static str {
    match is_pattern(&uri) {
        true => publisher.unsubscribe_wildcard(&uri, who),
        false => publisher.unsubscribe(&uri, who),
    };
    ""
}

/// Whether a segment of a uri is a wildcard.
fn is_pattern(uri: &[u8]) -> bool {
    let mut segments = uri.split(|byte| *byte == b'/');
    segments.any(|segment| matches!(segment, b"*" | b"**"))
}

/// Answered with `OK` and the number of subscribers that are notified.
pub(super) async fn publish(
    uri: Uri,
    content: Content,
    who: Remote,
    here: Here,
) -> Result<String, BusError> {
    here.bus.wait_for_room(&uri).await;
    let told = here.bus.publish(&uri, content.0, Some(&who)).await?;
    Ok(told.to_string())
}
