//! What both ends of a link must agree on, in one shared value.

use crate::limits::Limits;
use crate::message::{Codec, MessageTypes};

/// The format of frames, the message types that are known, and the bounds on
/// what is accepted. Links share one behind an `Arc`.
#[derive(Clone, Debug, Default)]
pub struct Wire {
    /// How frames are laid out.
    pub codec: Codec,
    /// The message types that are accepted and sent.
    pub types: MessageTypes,
    /// The bounds.
    pub limits: Limits,
}
