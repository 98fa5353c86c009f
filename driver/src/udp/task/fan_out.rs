//! Messages that are sealed for each of many receivers.

use std::net::SocketAddr;
use std::vec;

use netaio_core::{Message, SendOptions};

/// A message that is sealed for each of its receivers.
pub(super) struct FanOut {
    pub(super) to: vec::IntoIter<SocketAddr>,
    pub(super) message: Message,
    pub(super) options: SendOptions,
}
