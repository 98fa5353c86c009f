//! How values are shown: bytes as Python writes them, not as lists of numbers.

use core::fmt;

use crate::items::PackedPair;
use crate::value::{Packable, Value};
use crate::view::ValueRef;

/// Bytes as `b"text\x00"`.
struct Escaped<'a>(&'a [u8]);

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// A variant with one field.
fn variant(f: &mut fmt::Formatter<'_>, name: &str, field: &dyn fmt::Debug) -> fmt::Result {
    f.debug_tuple(name).field(field).finish()
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bytes(bytes) => variant(f, "Bytes", &Escaped(bytes)),
            Self::ByteArray(bytes) => variant(f, "ByteArray", &Escaped(bytes)),
            Self::Str(text) => variant(f, "Str", text),
            Self::Int(int) => variant(f, "Int", int),
            Self::Bool(value) => variant(f, "Bool", value),
            Self::Float(value) => variant(f, "Float", value),
            Self::Decimal(decimal) => variant(f, "Decimal", decimal),
            Self::List(items) => variant(f, "List", items),
            Self::Set(set) => variant(f, "Set", set),
            Self::Tuple(items) => variant(f, "Tuple", items),
            Self::Dict(dict) => variant(f, "Dict", dict),
            Self::Packable(packable) => variant(f, "Packable", packable),
        }
    }
}

impl fmt::Debug for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bytes(bytes) => variant(f, "Bytes", &Escaped(bytes)),
            Self::ByteArray(bytes) => variant(f, "ByteArray", &Escaped(bytes)),
            Self::Str(text) => variant(f, "Str", text),
            Self::Int(int) => variant(f, "Int", int),
            Self::Bool(value) => variant(f, "Bool", value),
            Self::Float(value) => variant(f, "Float", value),
            Self::Decimal(text) => variant(f, "Decimal", text),
            Self::List(items) => variant(f, "List", items),
            Self::Set(items) => variant(f, "Set", items),
            Self::Tuple(items) => variant(f, "Tuple", items),
            Self::Dict(pairs) => variant(f, "Dict", pairs),
            Self::Packable { name, data } => f
                .debug_struct("Packable")
                .field("name", name)
                .field("data", &Escaped(data))
                .finish(),
        }
    }
}

impl fmt::Debug for Packable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packable")
            .field("name", &self.name)
            .field("data", &Escaped(&self.data))
            .finish()
    }
}

impl fmt::Debug for PackedPair<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackedPair")
            .field("key", &Escaped(self.key))
            .field("value", &Escaped(self.value))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use crate::{DecodeLimits, Dict, Value, ValueRef};

    #[test]
    fn bytes_are_shown_as_bytes() {
        let fields = Dict::from_pairs([("hmac".into(), b"\x00mac\xff".into())]).unwrap();
        let value = Value::from(fields);
        let packed = value.to_vec().unwrap();
        let view = ValueRef::parse(&packed, &DecodeLimits::DEFAULT).unwrap().0;
        let shown = r#"Bytes(b"\x00mac\xff")"#;
        for text in [format!("{value:?}"), format!("{view:?}")] {
            assert!(text.contains(shown), "{text}");
        }
        assert_eq!(
            format!("{:?}", Value::ByteArray([1].into())),
            r#"ByteArray(b"\x01")"#
        );
    }
}
