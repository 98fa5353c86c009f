//! Over a connection, where both have introduced themselves before anything else comes.

use std::pin::pin;
use std::time::Duration;

use netaio_core::Message;
use netaio_core::plugin::X25519Cipher;
use netaio_core::types::AUTH_ERROR;
use netaio_driver::{Client, Connection, ErrorResponse, PeerEvents, Runtime};
use smol::future;

use super::believe;
use crate::address::Address;
use crate::args::Own;
use crate::error::CliError;
use crate::identity::PROBE;

/// Waits for the introduction of the server, and returns what encrypts between both. The client has
/// introduced itself with its connection; its events are those since before.
///
/// # Errors
/// The server has no identity or one that is not believed, or does not answer in time.
pub(crate) async fn meet<R: Runtime>(
    own: &Own,
    (client, connection): (&Client<R>, &Connection),
    mut events: PeerEvents,
    address: &Address,
    timeout: Duration,
) -> Result<X25519Cipher, CliError> {
    // A server that introduces itself does so before it answers this.
    let probe = connection.request_message(Message::request(PROBE));
    let mut answer = pin!(probe.timeout(timeout).into_future());
    let peers = client.peers();
    let server = loop {
        if let Some(known) = peers.of(connection) {
            break Some(known.peer);
        }
        let answered = async { Some(answer.as_mut().await) };
        let event = async {
            events.next().await;
            None
        };
        match future::or(event, answered).await {
            None => {}
            Some(answer) => match (answer?, peers.of(connection)) {
                (_, Some(known)) => break Some(known.peer),
                // It did not pass the outer layer, and the introduction neither.
                (answer, None) if answer.message_type == AUTH_ERROR => {
                    return Err(ErrorResponse(answer.into_message()).into());
                }
                (_, None) => break None,
            },
        }
    };
    believe(own, address, server.as_ref())
}
