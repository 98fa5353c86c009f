//! What is sent: frames as any netaio peer makes them.

use netaio_core::plugin::{PeerContext, SealContext};

use netaio_tokio::core::packify::Value;
use netaio_tokio::core::{AuthFields, Now, Sealer, Wire};
use netaio_tokio::plugin::Layer;
use netaio_tokio::{Message, MessageType};
use rand_core::SeedableRng;

use crate::Error;

/// A frame without plugins, of so many bytes of content.
pub(crate) fn frame(
    message_type: MessageType,
    uri: &str,
    content: usize,
) -> Result<Vec<u8>, Error> {
    seal(&Message::new(
        message_type,
        uri.to_owned(),
        vec![b'x'; content],
    ))
}

/// A frame with a list of so many numbers among its auth fields.
pub(crate) fn with_list(
    message_type: MessageType,
    uri: &str,
    items: usize,
) -> Result<Vec<u8>, Error> {
    let mut auth = AuthFields::new();
    auth.set("list", &Value::List(vec![Value::from(1_u64); items]))?;
    let mut message = Message::new(message_type, uri.to_owned(), "");
    message.auth = auth;
    seal(&message)
}

/// The frame of a message, without plugins.
pub(crate) fn seal(message: &Message) -> Result<Vec<u8>, Error> {
    let mut context = SealContext {
        now: Now::default(),
        rng: &mut chacha20::ChaCha8Rng::seed_from_u64(0),
        peers: PeerContext::default(),
    };
    let (wire, none, mut frame) = (Wire::default(), Layer::new(), Vec::new());
    Sealer::new().seal(&wire, &none, &none, message, &mut context, &mut frame)?;
    Ok(frame)
}
