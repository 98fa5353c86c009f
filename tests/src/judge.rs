//! What this implementation makes of a frame: the same question that
//! [`Oracle`](crate::python::Oracle) answers for the package.

use std::sync::Arc;

use bytes::BytesMut;
use netaio_core::packify::Dict;
use netaio_core::plugin::{OpenContext, PeerContext};
use netaio_core::{
    AuthFields, Deframer, FrameErrorKind, Message, MessageType, MessageTypes, Now, OpenError,
    SealedMessage, Wire,
};

use crate::vectors::{Hex, Layers, PackedField};

/// netaio's format with the default limits, and the custom types 31 to 255 if they are asked
/// for.
#[must_use]
pub fn wire(all_types: bool) -> Arc<Wire> {
    let mut types = MessageTypes::base();
    if all_types {
        for value in MessageType::FIRST_CUSTOM..=u8::MAX {
            // Nothing else is registered, so nothing is in the way.
            let _ = types.register(value, &format!("CUSTOM_{value}"));
        }
    }
    Arc::new(Wire {
        types,
        ..Wire::default()
    })
}

/// A frame that passed everything.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The message as it came, with no layer opened.
    pub wire: Message,
    /// The message after all layers.
    pub message: Message,
    /// The header's checksum.
    pub checksum: u32,
    /// Bytes behind the frame.
    pub rest: usize,
}

/// Where a frame ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is no frame, or not yet a whole one.
    Frame(FrameErrorKind),
    /// It did not pass the outer layer.
    Outer(OpenError),
    /// It did not pass the inner layer.
    Inner(OpenError),
}

/// Judges the frame that `bytes` begins with.
///
/// # Errors
///
/// Why it is refused.
pub fn judge(bytes: &[u8], layers: &Layers, wire: &Arc<Wire>) -> Result<Accepted, Refused> {
    let mut input = BytesMut::from(bytes);
    let mut deframer = Deframer::new(wire.clone());
    let frame = match deframer.next(&mut input) {
        Ok(Some(frame)) => frame,
        Ok(None) => {
            // An empty input is between two frames to the deframer, and no frame to us.
            let missing = FrameErrorKind::Truncated { missing: 9 };
            let kind = deframer
                .finish(&input)
                .err()
                .map_or(missing, |error| error.kind);
            return Err(Refused::Frame(kind));
        }
        Err(error) => return Err(Refused::Frame(error.kind)),
    };
    let sealed = frame.decode(wire).map_err(Refused::Frame)?;
    let (as_it_came, checksum) = (sealed.clone().into_message(), sealed.checksum());
    let message = open(sealed, layers, wire)?;
    Ok(Accepted {
        wire: as_it_came,
        message,
        checksum: checksum.unwrap_or_default(),
        rest: input.len(),
    })
}

fn open(mut sealed: SealedMessage, layers: &Layers, wire: &Wire) -> Result<Message, Refused> {
    let context = OpenContext {
        now: Now::default(),
        peers: PeerContext::default(),
    };
    sealed
        .open(&layers.outer(), wire, &context)
        .map_err(Refused::Outer)?;
    sealed
        .open_within(&layers.outer(), &layers.inner(), wire, &context)
        .map_err(Refused::Inner)?;
    Ok(sealed.into_message())
}

/// Auth fields as Python sees them, packed as packify packs them: what the vectors and the
/// package's judgements hold.
#[must_use]
pub fn packed_fields(auth: &AuthFields) -> Vec<PackedField> {
    let view = auth.view();
    let pairs = view
        .iter()
        .map(|(key, value)| (key.to_value(), value.to_value()));
    // Fields that came in are hashable, and fit into their lengths.
    let dict = Dict::from_pairs(pairs).unwrap_or_default();
    let packed = |value: &netaio_core::packify::Value| Hex(value.to_vec().unwrap_or_default());
    dict.iter()
        .map(|(key, value)| (packed(key), packed(value)))
        .collect()
}
