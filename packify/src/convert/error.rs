//! What can be wrong between Rust's values and packed ones, and where in them.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use serde_core::de::{self, Expected, Unexpected};
use serde_core::ser;
use thiserror::Error;

use crate::error::{DecodeError, EncodeError};
use crate::value::Value;

/// So much of a text or a key is shown, in characters.
const SHOWN: usize = 40;

/// Why a value of Rust has no packed form, or why packed bytes are no such value: what is
/// wrong, and where in the value. Displays as `readings[3].celsius: found str "warm",
/// expected f64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerdeError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: SerdeErrorKind,
    /// With a dot before its first name.
    path: String,
}

/// What is wrong between a value of Rust and a packed one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SerdeErrorKind {
    /// The bytes are no packed value, or one past the limits.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A part of the value is longer than packify can say.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The bytes go on behind the value.
    #[error("{len} bytes behind the value")]
    BytesBehind {
        /// How many there are.
        len: usize,
    },
    /// The value has containers inside one another past the depth that
    /// [`DecodeLimits::DEFAULT`](crate::DecodeLimits::DEFAULT) reads.
    #[error("containers are nested more than {limit} deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// The key of a map, or an item of what is to be a set, is what Python cannot hash.
    #[error("{found} is not hashable, which dict keys and set items have to be")]
    Unhashable {
        /// The Python type.
        found: &'static str,
    },
    /// Two keys of a map are one in Python, as 1 and `true` are: a dict would lose one.
    #[error("the key is in the dict already, as Python compares keys")]
    EqualKeys,
    /// A value is not of the type that was asked for, or a type says that it is wrong.
    #[error("{0}")]
    Mismatch(String),
}

impl SerdeError {
    #[cold]
    pub(super) fn new(kind: impl Into<SerdeErrorKind>) -> Self {
        Self(Box::new(Inner {
            kind: kind.into(),
            path: String::new(),
        }))
    }

    /// What is wrong.
    pub fn kind(&self) -> &SerdeErrorKind {
        &self.0.kind
    }

    /// Where: names of fields, keys and indices from the outermost value on, such as
    /// `readings[3].celsius`. Empty for the whole value. Long keys are cut.
    pub fn path(&self) -> &str {
        let path = &self.0.path;
        path.strip_prefix('.').unwrap_or(path)
    }

    pub(super) fn in_field(self, name: &str) -> Self {
        self.within(&format!(".{}", Short(name)))
    }

    pub(super) fn in_item(self, index: usize) -> Self {
        self.within(&format!("[{index}]"))
    }

    pub(super) fn in_key(self, key: &Value) -> Self {
        match key {
            Value::Str(name) => self.in_field(name),
            Value::Int(int) if int.magnitude().len() <= 16 => self.within(&format!("[{int}]")),
            Value::Bool(value) => self.within(&format!("[{value}]")),
            other => self.within(&format!("[{}]", python_type(other))),
        }
    }

    fn within(mut self, part: &str) -> Self {
        self.0.path.insert_str(0, part);
        self
    }
}

impl fmt::Display for SerdeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.path.is_empty() {
            write!(f, "{}: ", self.path())?;
        }
        self.0.kind.fmt(f)
    }
}

impl core::error::Error for SerdeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.0.kind.source()
    }
}

impl ser::Error for SerdeError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(SerdeErrorKind::Mismatch(text.to_string()))
    }
}

impl de::Error for SerdeError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(SerdeErrorKind::Mismatch(text.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = Found(found);
        Self::new(SerdeErrorKind::Mismatch(format!(
            "found {found}, expected {expected}"
        )))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }
}

/// What was found, in Python's words, and short.
struct Found<'a>(Unexpected<'a>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unexpected::Unit | Unexpected::Option => f.write_str("None"),
            Unexpected::Bool(true) => f.write_str("True"),
            Unexpected::Bool(false) => f.write_str("False"),
            Unexpected::Unsigned(int) => write!(f, "int {int}"),
            Unexpected::Signed(int) => write!(f, "int {int}"),
            Unexpected::Float(float) => write!(f, "float {float}"),
            Unexpected::Char(char) => write!(f, "str {char:?}"),
            Unexpected::Str(text) => write!(f, "str \"{}\"", Short(text)),
            Unexpected::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Unexpected::Seq => f.write_str("list, tuple or set"),
            Unexpected::Map => f.write_str("dict"),
            other => other.fmt(f),
        }
    }
}

/// The start of a text, escaped.
struct Short<'a>(&'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        for char in chars.by_ref().take(SHOWN) {
            write!(f, "{}", char.escape_debug())?;
        }
        if chars.next().is_some() {
            f.write_str("...")?;
        }
        Ok(())
    }
}

/// The name that Python has for a value's type.
pub(super) fn python_type(value: &Value) -> &'static str {
    match value {
        Value::None => "None",
        Value::Bytes(_) => "bytes",
        Value::ByteArray(_) => "bytearray",
        Value::Str(_) => "str",
        Value::Int(_) => "int",
        Value::Bool(_) => "bool",
        Value::Float(_) => "float",
        Value::Decimal(_) => "Decimal",
        Value::List(_) => "list",
        Value::Set(_) => "set",
        Value::Tuple(_) => "tuple",
        Value::Dict(_) => "dict",
        Value::Packable(_) => "packable",
    }
}

/// A mismatch in these words.
pub(super) fn mismatch(text: &str) -> SerdeError {
    SerdeError::new(SerdeErrorKind::Mismatch(text.to_owned()))
}
