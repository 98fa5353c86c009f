//! What all work has in common: the time, what is random, and a request.

use std::time::Duration;

use chacha20::ChaCha8Rng;
use netaio_core::{Message, Now};
use rand_core::{CryptoRng, SeedableRng};

/// A turn of messages, again and again.
pub(crate) type Turn = Box<dyn FnMut()>;

pub(crate) fn now() -> Now {
    Now::new(Duration::from_secs(1000), 1_700_000_000)
}

pub(crate) fn rng(seed: u64) -> Box<dyn CryptoRng + Send> {
    Box::new(ChaCha8Rng::seed_from_u64(seed))
}

pub(crate) fn request() -> Message {
    let mut request = Message::request("echo");
    request.content = vec![b'x'; 46].into();
    request
}
