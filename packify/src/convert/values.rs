//! Packify's own values inside others, whatever they are: sets and decimals too.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde_core::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_core::ser::{Error as _, Serialize, SerializeMap, SerializeTuple, Serializer};

use super::error::python_type;
use super::marks;
use crate::decimal::Decimal;
use crate::decode::DecodeLimits;
use crate::int::Int;
use crate::value::{Dict, Set, Value};

/// Calls `serialize_bytes`.
pub(super) struct AsBytes<'a>(pub(super) &'a [u8]);

impl Serialize for AsBytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

fn serialize_packed<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    let packed = value.to_vec().map_err(S::Error::custom)?;
    serializer.serialize_newtype_struct(marks::PACKED, &AsBytes(&packed))
}

/// In packify's format the same value again. In others the nearest that they have: a list for
/// a set, a text for a decimal.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_unit(),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::ByteArray(bytes) => {
                serializer.serialize_newtype_struct(marks::BYTEARRAY, &AsBytes(bytes))
            }
            Self::Str(text) => serializer.serialize_str(text),
            Self::Int(int) => int.serialize(serializer),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Decimal(decimal) => decimal.serialize(serializer),
            Self::List(items) => serializer.collect_seq(items),
            Self::Set(set) => set.serialize(serializer),
            Self::Tuple(items) => {
                let mut tuple = serializer.serialize_tuple(items.len())?;
                for item in items {
                    tuple.serialize_element(item)?;
                }
                tuple.end()
            }
            Self::Dict(dict) => dict.serialize(serializer),
            Self::Packable(_) => serialize_packed(self, serializer),
        }
    }
}

impl Serialize for Int {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(int) = u64::try_from(self) {
            serializer.serialize_u64(int)
        } else if let Ok(int) = i64::try_from(self) {
            serializer.serialize_i64(int)
        } else if let Ok(int) = i128::try_from(self) {
            serializer.serialize_i128(int)
        } else {
            serialize_packed(&self.clone().into(), serializer)
        }
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(marks::DECIMAL, self.as_str())
    }
}

impl Serialize for Set {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(marks::SET, self.as_slice())
    }
}

impl Serialize for Dict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in self {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// Of packify's format the same value. Of others what it has: their lists are never sets.
/// Behind serde's `untagged`, `flatten` and tags inside of structs all formats are others.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(marks::PACKED, Any)
    }
}

macro_rules! parts {
    ($($type:ident, $expected:literal, $($pattern:pat => $value:expr),+;)*) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match Value::deserialize(deserializer)? {
                    $($pattern => $value,)+
                    other => Err(D::Error::custom(format_args!(
                        concat!("found {}, expected ", $expected),
                        python_type(&other)
                    ))),
                }
            }
        }
    )*};
}

parts! {
    Int, "int", Value::Int(int) => Ok(int);
    Decimal, "Decimal",
        Value::Decimal(decimal) => Ok(decimal),
        Value::Str(text) => Self::parse(&text).map_err(D::Error::custom);
    Set, "set",
        Value::Set(set) => Ok(set),
        Value::List(items) => Self::from_values(items).map_err(D::Error::custom);
    Dict, "dict", Value::Dict(dict) => Ok(dict);
}

struct Any;

macro_rules! visits {
    ($($name:ident: $type:ty;)*) => {$(
        fn $name<E>(self, value: $type) -> Result<Value, E> {
            Ok(value.into())
        }
    )*};
}

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    visits! {
        visit_bool: bool;
        visit_i64: i64;
        visit_i128: i128;
        visit_u64: u64;
        visit_u128: u128;
        visit_f64: f64;
        visit_str: &str;
        visit_string: String;
        visit_bytes: &[u8];
        visit_byte_buf: Vec<u8>;
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::None)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = map.next_key::<Value>()? {
            if key.as_str() == Some(marks::PACKED) {
                let Packed(value) = map.next_value()?;
                return Ok(value);
            }
            pairs.push((key, map.next_value()?));
        }
        let dict = Dict::from_pairs(pairs).map_err(A::Error::custom)?;
        Ok(dict.into())
    }
}

/// A value from its packed bytes. Another format may have a map that looks like ours: they
/// are validated.
struct Packed(Value);

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = Packed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a packed value")
            }

            fn visit_bytes<E: serde_core::de::Error>(self, packed: &[u8]) -> Result<Packed, E> {
                let value = Value::decode(packed, &DecodeLimits::ANY);
                value.map(Packed).map_err(E::custom)
            }
        }

        deserializer.deserialize_bytes(Bytes)
    }
}

/// Serializes bytes as `bytes`: for `#[serde(serialize_with = "...")]`. Without, serde takes a
/// `Vec<u8>` for a list of numbers, and an array for a tuple of them. To read bytes into
/// either needs nothing.
///
/// ```
/// use netaio_packify::{Value, as_bytes, from_slice, to_vec};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Key {
///     #[serde(serialize_with = "as_bytes")]
///     public: Vec<u8>,
/// }
///
/// let key = Key { public: vec![1; 32] };
/// let packed = to_vec(&key)?;
/// let dict: Value = from_slice(&packed, &Default::default())?;
/// assert_eq!(dict.as_dict().unwrap().get("public"), Some(&[1; 32].into()));
/// assert_eq!(from_slice::<Key>(&packed, &Default::default())?, key);
/// # Ok::<(), netaio_packify::SerdeError>(())
/// ```
///
/// # Errors
///
/// Those of the serializer.
pub fn as_bytes<T, S>(bytes: &T, serializer: S) -> Result<S::Ok, S::Error>
where
    T: AsRef<[u8]> + ?Sized,
    S: Serializer,
{
    serializer.serialize_bytes(bytes.as_ref())
}

/// Serializes a sequence as a `set`: for `#[serde(serialize_with = "...")]`. Without, serde
/// takes a `HashSet` for a list. To read a set into one needs nothing. Of items that are equal
/// in Python the first stays. Other formats get a sequence.
///
/// ```
/// use netaio_packify::{Value, as_set, from_slice, to_vec};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Tags {
///     #[serde(serialize_with = "as_set")]
///     tags: Vec<&'static str>,
/// }
///
/// let packed = to_vec(&Tags { tags: vec!["hot", "wet"] })?;
/// let dict: Value = from_slice(&packed, &Default::default())?;
/// let tags = dict.as_dict().and_then(|dict| dict.get("tags")?.as_set()).unwrap();
/// assert!(tags.len() == 2 && tags.contains(&"hot".into()));
/// # Ok::<(), netaio_packify::SerdeError>(())
/// ```
///
/// # Errors
///
/// Those of the serializer; [`SerdeErrorKind::Unhashable`](crate::SerdeErrorKind::Unhashable)
/// if an item is.
pub fn as_set<T, S>(items: &T, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Serialize + ?Sized,
    S: Serializer,
{
    serializer.serialize_newtype_struct(marks::SET, items)
}
