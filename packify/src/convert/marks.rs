//! Names of newtypes that say what serde has no word for. Other formats see what is inside.

/// Around a sequence.
pub(super) const SET: &str = "$netaio_packify::set";
/// Around bytes.
pub(super) const BYTEARRAY: &str = "$netaio_packify::bytearray";
/// Around a text.
pub(super) const DECIMAL: &str = "$netaio_packify::decimal";
/// Around the bytes of any packed value; who reads one asks for it by this name, and gets a map
/// with this one key.
pub(super) const PACKED: &str = "$netaio_packify::packed";
