//! Frames to lines and back.

pub(crate) mod auth;
mod decode;
mod encode;
pub(crate) mod hex;
mod input;
pub(crate) mod json;
mod line;
pub(crate) mod readable;

use netaio_core::{MessageType, MessageTypes, Wire};

pub(crate) use decode::decode;
pub(crate) use encode::encode;
pub(crate) use line::LineError;

/// netaio's format with its default limits, and every custom message type.
fn wire() -> Wire {
    let mut types = MessageTypes::base();
    for value in MessageType::FIRST_CUSTOM..=u8::MAX {
        // None of these values is taken, nor are the names: it cannot fail.
        let _ = types.register(value, &format!("CUSTOM_{value}"));
    }
    Wire {
        types,
        ..Wire::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_custom_type_is_known_and_no_reserved_one() {
        let wire = wire();
        assert_eq!(wire.types.iter().count(), MessageType::BASE.len() + 225);
        assert!(!wire.types.contains(MessageType::new(14)));
    }
}
