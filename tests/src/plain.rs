//! A short frame, for measurements.

use netaio_tokio::plugin::SealContext;
use netaio_tokio::{Layer, Message, Sealer, Wire};
use rand_core::SeedableRng;

/// Bytes of the frame.
pub const FRAME: usize = 64;

/// A request of 64 bytes, whose answer is of 64 bytes too.
///
/// # Errors
/// None, as it fits.
pub fn frame() -> Result<Vec<u8>, netaio_core::SealError> {
    let mut message = Message::request("echo");
    message.content = vec![b'x'; FRAME - 18].into();
    let mut out = Vec::new();
    let none = Layer::new();
    let mut rng = chacha20::ChaCha8Rng::from_seed([0; 32]);
    let mut context = SealContext {
        now: Default::default(),
        rng: &mut rng,
        peers: Default::default(),
    };
    Sealer::new().seal(
        &Wire::default(),
        &none,
        &none,
        &message,
        &mut context,
        &mut out,
    )?;
    Ok(out)
}
