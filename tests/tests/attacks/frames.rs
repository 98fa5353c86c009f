//! What is sent: frames as any netaio peer makes them.

use netaio_core::plugin::{PeerContext, SealContext};
use netaio_tokio::{Layer, Message, MessageType, Now, Sealer, Wire};
use rand_core::SeedableRng;

use crate::Error;

/// A frame without plugins.
pub(crate) fn frame(
    message_type: MessageType,
    uri: &str,
    content: usize,
) -> Result<Vec<u8>, Error> {
    let mut context = SealContext {
        now: Now::default(),
        rng: &mut chacha20::ChaCha8Rng::seed_from_u64(0),
        peers: PeerContext::default(),
    };
    let message = Message::new(message_type, uri.to_owned(), vec![b'x'; content]);
    let (wire, none, mut frame) = (Wire::default(), Layer::new(), Vec::new());
    Sealer::new().seal(&wire, &none, &none, &message, &mut context, &mut frame)?;
    Ok(frame)
}
