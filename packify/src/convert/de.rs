//! Packed values as Rust's, read where they are.

use alloc::format;
use core::iter;

use serde_core::de::value::{BorrowedBytesDeserializer, BorrowedStrDeserializer, MapDeserializer};
use serde_core::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde_core::forward_to_deserialize_any;

use super::error::{SerdeError, mismatch};
use super::marks;
use crate::int_ref::IntRef;
use crate::slices::Slices;
use crate::view::ValueRef;

type Result<T> = core::result::Result<T, SerdeError>;

/// A packed value that was validated; bytes behind it are ignored.
#[derive(Clone, Copy)]
pub(super) struct Reader<'de>(pub(super) &'de [u8]);

impl<'de> Reader<'de> {
    fn view(self) -> ValueRef<'de> {
        ValueRef::validated(self.0)
    }

    fn unexpected(self, expected: &dyn Expected) -> SerdeError {
        let found = match self.view() {
            ValueRef::None => Unexpected::Unit,
            ValueRef::Bytes(bytes) | ValueRef::ByteArray(bytes) => Unexpected::Bytes(bytes),
            ValueRef::Str(text) => Unexpected::Str(text),
            ValueRef::Int(int) => match (int.to_u64(), int.to_i64()) {
                (Some(int), _) => Unexpected::Unsigned(int),
                (None, Some(int)) => Unexpected::Signed(int),
                (None, None) => Unexpected::Other("int of more than 64 bits"),
            },
            ValueRef::Bool(value) => Unexpected::Bool(value),
            ValueRef::Float(value) => Unexpected::Float(value),
            ValueRef::Decimal(_) => Unexpected::Other("Decimal"),
            ValueRef::List(_) | ValueRef::Set(_) | ValueRef::Tuple(_) => Unexpected::Seq,
            ValueRef::Dict(_) => Unexpected::Map,
            ValueRef::Packable { .. } => Unexpected::Other("packable"),
        };
        SerdeError::invalid_type(found, expected)
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = SerdeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.view() {
            ValueRef::None => visitor.visit_unit(),
            ValueRef::Bytes(bytes) | ValueRef::ByteArray(bytes) => {
                visitor.visit_borrowed_bytes(bytes)
            }
            ValueRef::Str(text) | ValueRef::Decimal(text) => visitor.visit_borrowed_str(text),
            ValueRef::Int(int) => visit_int(int, visitor),
            ValueRef::Bool(value) => visitor.visit_bool(value),
            ValueRef::Float(value) => visitor.visit_f64(value),
            ValueRef::List(items) | ValueRef::Set(items) | ValueRef::Tuple(items) => {
                Sequence::visit(items.slices, visitor)
            }
            ValueRef::Dict(pairs) => {
                let slices = pairs.slices;
                visitor.visit_map(Pairs { slices, pair: None })
            }
            ValueRef::Packable { .. } => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.view() {
            ValueRef::None => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        if name == marks::PACKED {
            let packed = BorrowedBytesDeserializer::new(self.0);
            let marked = (BorrowedStrDeserializer::new(marks::PACKED), packed);
            return visitor.visit_map(MapDeserializer::new(iter::once(marked)));
        }
        visitor.visit_newtype_struct(self)
    }

    // The standard library takes bytes for a text. Python does not.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.view() {
            ValueRef::Bytes(_) | ValueRef::ByteArray(_) => Err(self.unexpected(&visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    // Names of fields and variants. By serde's number of a field, which visitors take too,
    // a dict with the key 0 would be a struct.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.view() {
            ValueRef::Str(text) => visitor.visit_borrowed_str(text),
            _ => Err(self.unexpected(&"a name: str")),
        }
    }

    // `Vec<u8>` asks for a sequence: bytes are one, of u8.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.view() {
            ValueRef::Bytes(bytes) | ValueRef::ByteArray(bytes) => {
                let mut bytes = ByteSequence(bytes);
                let value = visitor.visit_seq(&mut bytes)?;
                all_read(bytes.0.len())?;
                Ok(value)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        const EXPECTED: &str = "a variant: its name as str, or a dict of name and value";
        match self.view() {
            ValueRef::Str(name) => visitor.visit_enum(BorrowedStrDeserializer::new(name)),
            ValueRef::Dict(pairs) => {
                let mut slices = pairs.slices;
                let only = slices.next().filter(|_| slices.count() == 0);
                match only.and_then(Slices::of_pair) {
                    Some((key, value)) => visitor.visit_enum(Variant(Pair { key, value })),
                    None => Err(mismatch(&format!(
                        "found dict of {} pairs, expected {EXPECTED}",
                        pairs.len()
                    ))),
                }
            }
            _ => Err(self.unexpected(&EXPECTED)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit
        unit_struct map struct
    }
}

fn visit_int<'de, V: Visitor<'de>>(int: IntRef<'de>, visitor: V) -> Result<V::Value> {
    if let Some(int) = int.to_u64() {
        return visitor.visit_u64(int);
    }
    if let Some(int) = int.to_i64() {
        return visitor.visit_i64(int);
    }
    let int = int.to_int();
    if let Ok(int) = i128::try_from(&int) {
        return visitor.visit_i128(int);
    }
    if let Ok(int) = u128::try_from(&int) {
        return visitor.visit_u128(int);
    }
    let found = Unexpected::Other("int of more than 128 bits");
    Err(SerdeError::invalid_type(found, &visitor))
}

/// A visitor that leaves items unread has no room for them.
fn all_read(left: usize) -> Result<()> {
    match left {
        0 => Ok(()),
        _ => Err(mismatch(&format!("{left} items more than expected"))),
    }
}

/// The items of a list, tuple or set.
struct Sequence<'de> {
    slices: Slices<'de>,
    index: usize,
}

impl<'de> Sequence<'de> {
    fn visit<V: Visitor<'de>>(slices: Slices<'de>, visitor: V) -> Result<V::Value> {
        let mut sequence = Self { slices, index: 0 };
        let value = visitor.visit_seq(&mut sequence)?;
        all_read(sequence.slices.count())?;
        Ok(value)
    }
}

impl<'de> SeqAccess<'de> for Sequence<'de> {
    type Error = SerdeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some(item) = self.slices.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index = index.saturating_add(1);
        let value = seed.deserialize(Reader(item));
        value.map(Some).map_err(|error| error.in_item(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.slices.count())
    }
}

/// The bytes of a `bytes`, for who asks for nothing else.
struct ByteSequence<'de>(&'de [u8]);

impl<'de> SeqAccess<'de> for ByteSequence<'de> {
    type Error = SerdeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some((byte, rest)) = self.0.split_first() else {
            return Ok(None);
        };
        self.0 = rest;
        seed.deserialize(Byte(*byte)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Byte(u8);

impl<'de> Deserializer<'de> for Byte {
    type Error = SerdeError;

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_u8(self.0)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let found = Unexpected::Other("bytes instead of a list");
        Err(SerdeError::invalid_type(found, &visitor))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

/// A packed key and its packed value.
#[derive(Clone, Copy)]
struct Pair<'de> {
    key: &'de [u8],
    value: &'de [u8],
}

impl Pair<'_> {
    fn place(self, error: SerdeError) -> SerdeError {
        error.in_key(&ValueRef::validated(self.key).to_value())
    }
}

/// The pairs of a dict.
struct Pairs<'de> {
    slices: Slices<'de>,
    pair: Option<Pair<'de>>,
}

impl<'de> MapAccess<'de> for Pairs<'de> {
    type Error = SerdeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let Some((key, value)) = self.slices.next().and_then(Slices::of_pair) else {
            return Ok(None);
        };
        let pair = Pair { key, value };
        self.pair = Some(pair);
        let key = seed.deserialize(Reader(key));
        key.map(Some).map_err(|error| pair.place(error))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        let Some(pair) = self.pair.take() else {
            return Err(mismatch("a map's value was asked for before its key"));
        };
        let value = seed.deserialize(Reader(pair.value));
        value.map_err(|error| pair.place(error))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.slices.count())
    }
}

/// A variant of an enum with what it holds.
struct Variant<'de>(Pair<'de>);

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = SerdeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self)> {
        let name = seed.deserialize(Reader(self.0.key));
        Ok((name.map_err(|error| self.0.place(error))?, self))
    }
}

impl<'de> Variant<'de> {
    fn read<T>(self, read: impl FnOnce(Reader<'de>) -> Result<T>) -> Result<T> {
        read(Reader(self.0.value)).map_err(|error| self.0.place(error))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = SerdeError;

    fn unit_variant(self) -> Result<()> {
        self.read(|value| match value.view() {
            ValueRef::None => Ok(()),
            _ => Err(value.unexpected(&"None")),
        })
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        self.read(|value| seed.deserialize(value))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.read(|value| value.deserialize_seq(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.read(|value| value.deserialize_any(visitor))
    }
}
