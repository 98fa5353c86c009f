//! Auth fields as JSON: field names to hex.
//!
//! Both sides of a pair have a form for what is no text, or no bytes:
//!
//! | in the frame | in JSON |
//! | --- | --- |
//! | name: a str | the str |
//! | name: anything else, or a str that begins with `packify:` | `packify:` and the hex of the packed name |
//! | value: bytes | their hex |
//! | value: anything else | `{"packify": hex}`, of the packed value |

use std::fmt;

use netaio_core::packify::{DecodeLimits, Dict, MAX_DEPTH, Value, ValueRef};
use netaio_core::{AuthFields, SealError};
use serde::de::{Deserializer, Error as _, MapAccess, Unexpected, Visitor};
use serde::ser::{Error as _, SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::hex::{hex, unhex};

const PREFIX: &str = "packify:";

/// What is packed by hand may be anything that packify packs.
const ANYTHING: DecodeLimits = DecodeLimits {
    depth: MAX_DEPTH,
    items: usize::MAX,
    packables: true,
};

/// The fields as Python would see them: of one key packed twice, the last value.
pub(super) fn fields(auth: &AuthFields) -> Dict {
    let pairs = auth.view();
    let pairs = pairs
        .iter()
        .map(|(key, value)| (key.to_value(), value.to_value()));
    // The keys were validated when the section was.
    Dict::from_pairs(pairs).unwrap_or_default()
}

/// A field's name in JSON, and among a readable line's names.
pub(super) fn name(key: &Value) -> String {
    match key {
        Value::Str(text) if !text.starts_with(PREFIX) => text.clone(),
        // What came in packed fits into its lengths again.
        other => format!("{PREFIX}{}", hex(&other.to_vec().unwrap_or_default())),
    }
}

/// Auth fields to be printed.
pub(crate) struct Printed<'a>(pub(crate) &'a AuthFields);

impl Serialize for Printed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = fields(self.0);
        let mut map = serializer.serialize_map(Some(fields.len()))?;
        for (key, value) in &fields {
            match value {
                Value::Bytes(bytes) => map.serialize_entry(&name(key), &hex(bytes))?,
                other => {
                    let packed = other.to_vec().map_err(S::Error::custom)?;
                    map.serialize_entry(
                        &name(key),
                        &Packed {
                            packify: hex(&packed),
                        },
                    )?;
                }
            }
        }
        map.end()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Packed {
    packify: String,
}

/// Auth fields that were read.
#[derive(Default)]
pub(super) struct Given(Vec<(Value, Value)>);

impl Given {
    /// The fields, to be sealed.
    pub(super) fn into_fields(self) -> Result<AuthFields, SealError> {
        let mut fields = AuthFields::new();
        for (key, value) in &self.0 {
            fields.insert(key, value)?;
        }
        Ok(fields)
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor).map(Self)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Vec<(Value, Value)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of auth fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let key = match name.strip_prefix(PREFIX) {
                None => Value::Str(name),
                Some(packed) => {
                    let key = unpack(packed).map_err(A::Error::custom)?;
                    if !key.is_hashable() {
                        let text = format!("auth field {name}: Python cannot hash this name");
                        return Err(A::Error::custom(text));
                    }
                    key
                }
            };
            let FieldValue(value) = map.next_value()?;
            fields.push((key, value));
        }
        Ok(fields)
    }
}

struct FieldValue(Value);

impl<'de> Deserialize<'de> for FieldValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"the hex of an auth field's bytes, or {"packify": hex}"#)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        let bytes = unhex(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))?;
        Ok(Value::Bytes(bytes))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        let map = serde::de::value::MapAccessDeserializer::new(map);
        let Packed { packify } = Packed::deserialize(map)?;
        unpack(&packify).map_err(A::Error::custom)
    }
}

/// One packed value, in hex, and nothing behind it.
fn unpack(text: &str) -> Result<Value, String> {
    let packed = unhex(text).ok_or_else(|| format!("packify {text:?} is not hex"))?;
    let (value, len) = ValueRef::parse(&packed, &ANYTHING)
        .map_err(|error| format!("packify {text:?}: {error}"))?;
    match packed.len().saturating_sub(len) {
        0 => Ok(value.to_value()),
        rest => Err(format!("packify {text:?}: {rest} bytes behind the value")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<AuthFields, String> {
        let given: Given = serde_json::from_str(text).map_err(|error| error.to_string())?;
        given.into_fields().map_err(|error| error.to_string())
    }

    #[test]
    fn every_form_reads_back() {
        let text = concat!(
            r#"{"ts":{"packify":"4407"},"packify:00":"","packify:4105":"ff","#,
            r#""packify:43087061636b6966793a":"01"}"#
        );
        let text = text.replace("4105", "410105");
        let fields = read(&text).unwrap();
        assert_eq!(fields.len(), 4);
        let key = Value::Str("packify:".into());
        assert!(fields.view().iter().any(|(name, _)| name.to_value() == key));
        let printed = serde_json::to_string(&Printed(&fields)).unwrap();
        assert_eq!(read(&printed).unwrap(), fields);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, problem) in [
            ("[]", "an object of auth fields"),
            (r#"{"a":5}"#, "the hex of an auth field's bytes"),
            (r#"{"a":"5"}"#, "the hex of an auth field's bytes"),
            (r#"{"a":{"pack":"00"}}"#, "unknown field `pack`"),
            (r#"{"a":{"packify":"0x"}}"#, "is not hex"),
            (r#"{"a":{"packify":"440700"}}"#, "1 bytes behind the value"),
            (r#"{"a":{"packify":"43"}}"#, "length needs 1 bytes"),
            (r#"{"packify:4a4000":"00"}"#, "Python cannot hash"),
            (r#"{"packify:zz":"00"}"#, "is not hex"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
