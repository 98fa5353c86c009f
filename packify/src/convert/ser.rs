//! Values of Rust as packify's.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use serde_core::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::error::{SerdeError, SerdeErrorKind, mismatch, python_type};
use super::marks;
use crate::decimal::Decimal;
use crate::decode::DecodeLimits;
use crate::value::{Dict, Set, Value};

type Result<T> = core::result::Result<T, SerdeError>;

/// What whoever reads with the default limits can read.
const DEPTH: usize = DecodeLimits::DEFAULT.depth;

/// Room for so many items is made at once; what a type says of its length may be wrong.
const ROOM: usize = 1024;

#[derive(Clone, Copy)]
pub(super) struct Writer {
    depth_left: usize,
}

impl Writer {
    pub(super) const fn new() -> Self {
        Self { depth_left: DEPTH }
    }

    /// For what a container holds.
    fn inside(self) -> Result<Self> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Self { depth_left }),
            None => Err(SerdeError::new(SerdeErrorKind::TooDeep { limit: DEPTH })),
        }
    }

    fn items(self, kind: Kind, len: Option<usize>) -> Result<Items> {
        Ok(Items {
            inside: self.inside()?,
            kind,
            items: Vec::with_capacity(len.unwrap_or_default().min(ROOM)),
            variant: None,
        })
    }

    fn pairs(self, len: Option<usize>) -> Result<Pairs> {
        Ok(Pairs {
            inside: self.inside()?,
            key: None,
            pairs: Vec::with_capacity(len.unwrap_or_default().min(ROOM)),
            variant: None,
        })
    }
}

macro_rules! scalars {
    ($($name:ident: $type:ty;)*) => {$(
        fn $name(self, value: $type) -> Result<Value> {
            Ok(value.into())
        }
    )*};
}

impl Serializer for Writer {
    type Ok = Value;
    type Error = SerdeError;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Pairs;
    type SerializeStruct = Pairs;
    type SerializeStructVariant = Pairs;

    scalars! {
        serialize_bool: bool;
        serialize_i8: i8;
        serialize_i16: i16;
        serialize_i32: i32;
        serialize_i64: i64;
        serialize_i128: i128;
        serialize_u8: u8;
        serialize_u16: u16;
        serialize_u32: u32;
        serialize_u64: u64;
        serialize_u128: u128;
        serialize_f32: f32;
        serialize_f64: f64;
        serialize_str: &str;
        serialize_bytes: &[u8];
    }

    fn serialize_char(self, value: char) -> Result<Value> {
        Ok(Value::Str(value.to_string()))
    }

    fn serialize_none(self) -> Result<Value> {
        Ok(Value::None)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value> {
        Ok(Value::None)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value> {
        Ok(Value::None)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value> {
        Ok(variant.into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Value> {
        marked(name, value.serialize(self)?)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value> {
        let value = value.serialize(self.inside()?);
        Ok(variant_of(
            variant,
            value.map_err(|error| error.in_field(variant))?,
        ))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Items> {
        self.items(Kind::List, len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Items> {
        self.items(Kind::Tuple, Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Items> {
        self.items(Kind::Tuple, Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Items> {
        let mut items = self.inside()?.items(Kind::Tuple, Some(len))?;
        items.variant = Some(variant);
        Ok(items)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Pairs> {
        self.pairs(len)
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Pairs> {
        self.pairs(Some(len))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Pairs> {
        let mut pairs = self.inside()?.pairs(Some(len))?;
        pairs.variant = Some(variant);
        Ok(pairs)
    }
}

/// What serde has no word for: a newtype of one of our names says it.
fn marked(name: &str, value: Value) -> Result<Value> {
    match (name, value) {
        (marks::SET, Value::List(items) | Value::Tuple(items)) => {
            if let Some(item) = items.iter().find(|item| !item.is_hashable()) {
                return Err(unhashable(item));
            }
            Ok(Set::of_hashable(items).into())
        }
        (marks::SET, Value::Set(set)) => Ok(set.into()),
        (marks::SET, other) => Err(mismatch(&format!(
            "a set is made of a sequence, not of {}",
            python_type(&other)
        ))),
        (marks::BYTEARRAY, Value::Bytes(bytes)) => Ok(Value::ByteArray(bytes)),
        (marks::DECIMAL, Value::Str(text)) => Decimal::parse(&text)
            .map(Value::Decimal)
            .map_err(|error| mismatch(&error.to_string())),
        (marks::PACKED, Value::Bytes(packed)) => {
            Value::decode(&packed, &DecodeLimits::ANY).map_err(SerdeError::new)
        }
        (_, value) => Ok(value),
    }
}

fn unhashable(value: &Value) -> SerdeError {
    let found = python_type(value);
    SerdeError::new(SerdeErrorKind::Unhashable { found })
}

/// As most formats have it: a dict of one pair.
fn variant_of(variant: &'static str, value: Value) -> Value {
    Dict::of_hashable(Vec::from([(variant.into(), value)])).into()
}

enum Kind {
    List,
    Tuple,
}

/// A list or a tuple in the making.
pub(super) struct Items {
    inside: Writer,
    kind: Kind,
    items: Vec<Value>,
    variant: Option<&'static str>,
}

impl Items {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        let item = value.serialize(self.inside).map_err(|error| {
            let error = error.in_item(self.items.len());
            match self.variant {
                Some(variant) => error.in_field(variant),
                None => error,
            }
        });
        self.items.push(item?);
        Ok(())
    }

    fn finish(self) -> Result<Value> {
        let value = match self.kind {
            Kind::List => Value::List(self.items),
            Kind::Tuple => Value::Tuple(self.items),
        };
        Ok(match self.variant {
            Some(variant) => variant_of(variant, value),
            None => value,
        })
    }
}

/// A dict in the making.
pub(super) struct Pairs {
    inside: Writer,
    key: Option<Value>,
    pairs: Vec<(Value, Value)>,
    variant: Option<&'static str>,
}

impl Pairs {
    fn place(&self, error: SerdeError) -> SerdeError {
        match self.variant {
            Some(variant) => error.in_field(variant),
            None => error,
        }
    }

    fn push<T: Serialize + ?Sized>(&mut self, key: Value, value: &T) -> Result<()> {
        match value.serialize(self.inside) {
            Ok(value) => {
                self.pairs.push((key, value));
                Ok(())
            }
            Err(error) => Err(self.place(error.in_key(&key))),
        }
    }

    fn finish(self) -> Result<Value> {
        let count = self.pairs.len();
        let dict = Dict::of_hashable(self.pairs);
        if dict.len() < count {
            return Err(SerdeError::new(SerdeErrorKind::EqualKeys));
        }
        Ok(match self.variant {
            Some(variant) => variant_of(variant, dict.into()),
            None => dict.into(),
        })
    }
}

macro_rules! sequences {
    ($($trait:ident::$method:ident;)*) => {$(
        impl $trait for Items {
            type Ok = Value;
            type Error = SerdeError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.push(value)
            }

            fn end(self) -> Result<Value> {
                self.finish()
            }
        }
    )*};
}

sequences! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}

macro_rules! structs {
    ($($trait:ident;)*) => {$(
        impl $trait for Pairs {
            type Ok = Value;
            type Error = SerdeError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<()> {
                self.push(name.into(), value)
            }

            fn end(self) -> Result<Value> {
                self.finish()
            }
        }
    )*};
}

structs! {
    SerializeStruct;
    SerializeStructVariant;
}

impl SerializeMap for Pairs {
    type Ok = Value;
    type Error = SerdeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        let key = key.serialize(self.inside)?;
        if !key.is_hashable() {
            return Err(unhashable(&key));
        }
        self.key = Some(key);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        let Some(key) = self.key.take() else {
            return Err(mismatch("a map's value came before its key"));
        };
        self.push(key, value)
    }

    fn end(self) -> Result<Value> {
        self.finish()
    }
}
