//! By datagrams, of which any may be lost or overtaken by another one.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use netaio_core::Message;
use netaio_core::plugin::X25519Cipher;
use netaio_core::types::{AUTH_ERROR, RESPOND_URI};
use netaio_driver::{ErrorResponse, RequestError, Runtime, UdpNode};

use super::believe;
use crate::address::Address;
use crate::args::Own;
use crate::error::CliError;
use crate::identity::PROBE;

/// The pause before the client introduces itself again to a server that does not answer; each later
/// one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);

/// So many times a server may answer without an introduction of its own: those may be lost, or late.
const ANSWERS: usize = 4;

/// Introduces the client to a server until each knows the other, and returns what encrypts between
/// both.
///
/// # Errors
/// The server has no identity or one that is not believed, or does not answer in time.
pub(crate) async fn meet_at<R: Runtime>(
    own: &Own,
    (node, server): (&UdpNode<R>, SocketAddr),
    address: &Address,
    timeout: Duration,
) -> Result<X25519Cipher, CliError> {
    let until = Instant::now() + timeout;
    let (mut pause, mut answers) = (PAUSE, 0);
    loop {
        let again = until.min(Instant::now() + pause);
        node.introduce(server).await.map_err(RequestError::from)?;
        let left = again.saturating_duration_since(Instant::now());
        let answer = node.request_message(server, Message::request(PROBE));
        let answer = match answer.timeout(left).await {
            Ok(answer) => Some(answer),
            Err(RequestError::TimedOut(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let introduced = node.peers().of(node.remote(server));
        match (introduced, answer) {
            // It does not serve this client, or has another outer layer.
            (introduced, Some(answer)) if answer.message_type == AUTH_ERROR => {
                if let Some(known) = introduced {
                    believe(own, address, Some(&known.peer))?;
                }
                return Err(ErrorResponse(answer.into_message()).into());
            }
            // Who was at this client's address before may still be known there.
            (Some(known), answer) if answer.as_ref().is_none_or(|answer| is_to(node, answer)) => {
                return believe(own, address, Some(&known.peer));
            }
            (None, Some(_)) => {
                answers += 1;
                // Its budget for introductions may be spent, but for those who repeat the cookie
                // that came with this.
                if answers == 1 {
                    continue;
                }
            }
            _ => {}
        }
        if answers == ANSWERS {
            return believe(own, address, None);
        }
        if Instant::now() >= until {
            return Err(RequestError::TimedOut(timeout).into());
        }
        R::sleep_until(again).await;
        pause = pause.saturating_mul(2);
    }
}

/// Whether a server has answered to this client, which it knows: it says by which id. Servers of others
/// do not know this question, and have introduced themselves to whom they know.
fn is_to<R: Runtime>(node: &UdpNode<R>, answer: &Message) -> bool {
    let id = node.peers().local().map(|local| local.id);
    answer.message_type != RESPOND_URI || id.is_some_and(|id| id == answer.content)
}
