//! How a client and a server come to know each other's keys.

mod datagrams;
mod streams;

use netaio_core::Peer;
use netaio_core::plugin::X25519Cipher;

pub(crate) use self::datagrams::meet_at;
pub(crate) use self::streams::meet;

use crate::address::Address;
use crate::args::Own;
use crate::error::CliError;
use crate::identity::{self, Known};
use crate::stdio::error::say;

/// What encrypts between the client and a server that has introduced itself, if that is believed.
///
/// # Errors
/// It has introduced itself without a key, or not at all, or it is not believed.
fn believe(own: &Own, address: &Address, server: Option<&Peer>) -> Result<X25519Cipher, CliError> {
    let key = server.and_then(|peer| Some((peer, identity::announced(peer)?)));
    let (peer, key) = key.ok_or_else(|| own.trust.without_key(address))?;
    if own.trust.check(address, key)? == Known::Now {
        say(format_args!(
            "netaio: the server at {address} is trusted from now on, with the key {key}"
        ));
    }
    Ok(own.identity.towards(peer, key))
}
