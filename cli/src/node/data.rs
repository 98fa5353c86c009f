//! The data of peers: packify, as a rule a dict, as netaio's own are.

use std::io;
use std::str;

use netaio_core::packify::{DecodeLimits, Dict, EncodeError, Value, ValueRef};
use serde_json::{Map, Value as Json};

use crate::codec::hex::hex;
use crate::json;

/// The data of a remote is read within the usual limits; an application's own types are
/// shown too.
const LIMITS: DecodeLimits = DecodeLimits {
    packables: true,
    ..DecodeLimits::DEFAULT
};

/// Packs a text: a JSON object as a dict, any other text as a dict with the entry
/// `data`. Without a text the dict is empty. Fields of bytes come beside it, in the place of those of their names.
pub(super) fn pack(text: Option<&str>, fields: &[(&str, &[u8])]) -> Result<Vec<u8>, EncodeError> {
    let dict = match text.map(|text| (text, serde_json::from_str(text))) {
        None => Map::new(),
        Some((_, Ok(Json::Object(object)))) => object,
        Some((text, _)) => Map::from_iter([("data".to_owned(), text.into())]),
    };
    let others = dict.iter();
    let others = others.filter(|(name, _)| fields.iter().all(|(field, _)| field != name));
    let others = others.map(|(name, value)| (name.as_str().into(), to_packify(value)));
    let fields = fields.iter();
    let fields = fields.map(|(name, bytes)| ((*name).into(), Value::Bytes(bytes.to_vec())));
    // Keys that are text can be hashed.
    let dict = Dict::from_pairs(others.chain(fields)).unwrap_or_default();
    Value::from(dict).to_vec()
}

fn to_packify(json: &Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(value) => (*value).into(),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => number.into(),
            (_, Some(number)) => number.into(),
            _ => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => Value::List(items.iter().map(to_packify).collect()),
        Json::Object(object) => {
            let pairs = object.iter();
            let pairs = pairs.map(|(key, value)| (key.as_str().into(), to_packify(value)));
            // Keys that are text can be hashed.
            Dict::from_pairs(pairs).unwrap_or_default().into()
        }
    }
}

/// The data as JSON, to be read: bytes are `0x` and hex, and so on. `None` where it
/// is not packify, or more than that.
pub(super) fn unpack(data: &[u8]) -> Option<Json> {
    let (value, len) = ValueRef::parse(data, &LIMITS).ok()?;
    (len == data.len()).then(|| to_json(&value.to_value()))
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::None => Json::Null,
        Value::Bytes(bytes) | Value::ByteArray(bytes) => bytes_to_json(bytes),
        Value::Str(text) => text.as_str().into(),
        Value::Int(int) => match (u64::try_from(int), i64::try_from(int)) {
            (Ok(number), _) => number.into(),
            (_, Ok(number)) => number.into(),
            _ => int.to_string().into(),
        },
        Value::Bool(value) => (*value).into(),
        Value::Float(number) if number.is_finite() => (*number).into(),
        Value::Float(number) => number.to_string().into(),
        Value::Decimal(decimal) => decimal.to_string().into(),
        Value::List(items) | Value::Tuple(items) => items.iter().map(to_json).collect(),
        Value::Set(items) => items.iter().map(to_json).collect(),
        Value::Dict(dict) => dict
            .iter()
            .map(|(key, value)| (key_to_json(key), to_json(value)))
            .collect(),
        Value::Packable(packable) => {
            let name = packable.name.to_string();
            Map::from_iter([(name, bytes_to_json(&packable.data))]).into()
        }
    }
}

fn bytes_to_json(bytes: &[u8]) -> Json {
    format!("0x{}", hex(bytes)).into()
}

/// A key that is no text is what it would be as a value.
fn key_to_json(key: &Value) -> String {
    match to_json(key) {
        Json::String(text) => text,
        other => other.to_string(),
    }
}

/// The data for a person, on one line: as JSON where it is packify, in quotes where
/// it is text, else as hex.
pub(super) fn readable(data: &[u8]) -> io::Result<String> {
    match (unpack(data), str::from_utf8(data)) {
        (Some(json), _) => json::to_string(&json),
        (None, Ok(text)) => json::to_string(&text),
        (None, Err(_)) => Ok(format!("0x{}", hex(data))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netaio_core::packify::Set;

    /// What Python's `packify.pack` returns for the same data.
    #[test]
    fn text_is_packed_as_a_dict() {
        let packed = |text| hex(&pack(text, &[]).unwrap());
        assert_eq!(packed(None), "4d4000");
        let data = "4d4001124c400206074304646174614305";
        assert_eq!(packed(Some("hello")), format!("{data}68656c6c6f"));
        assert_eq!(packed(Some("[1]")), packed(Some(r#"{"data":"[1]"}"#)));
        assert_eq!(packed(Some("{")), packed(Some(r#"{"data":"{"}"#)));
    }

    #[test]
    fn json_goes_there_and_back() {
        for text in [
            "{}",
            r#"{"a":null,"b":true,"c":[1,-2,0.5,18446744073709551615,[]],"d":{"e":"☂"}}"#,
        ] {
            let packed = pack(Some(text), &[]).unwrap();
            assert_eq!(readable(&packed).unwrap(), text);
        }
    }

    #[test]
    fn everything_that_packs_can_be_read() {
        let value = Value::Tuple(vec![
            Value::Bytes(vec![0, 255]),
            Value::Float(f64::INFINITY),
            Value::Decimal("1.50".parse().unwrap()),
            Value::Int((-1_i128 << 70).into()),
            Value::Set(Set::from_values([Value::from("x")]).unwrap()),
            Dict::from_pairs([(1.into(), Value::None), (Value::None, 2.into())])
                .unwrap()
                .into(),
        ]);
        assert_eq!(
            readable(&value.to_vec().unwrap()).unwrap(),
            r#"["0x00ff","inf","1.50","-1180591620717411303424",["x"],{"1":null,"null":2}]"#
        );
    }

    #[test]
    fn what_is_not_packify_is_text_or_hex() {
        assert_eq!(readable(b"").unwrap(), r#""""#);
        assert_eq!(readable(b"hello \"you\"").unwrap(), r#""hello \"you\"""#);
        assert_eq!(readable(b"\xff\xfe").unwrap(), "0xfffe");
        // A packed None, and something behind it.
        assert_eq!(readable(b"\0").unwrap(), "null");
        assert_eq!(readable(b"\0\0").unwrap(), r#""\u0000\u0000""#);
    }

    #[test]
    fn nothing_escapes_the_line() {
        let text = "a\nb\x1b[31m\u{9b}31m\u{7f}\u{202e}\u{2028}\u{e0001}";
        let packed = pack(Some(text), &[]).unwrap();
        let line = readable(&packed).unwrap();
        assert_eq!(
            line,
            r#"{"data":"a\nb\u001b[31m\u009b31m\u007f\u202e\u2028\udb40\udc01"}"#
        );
        let json: Json = serde_json::from_str(&line).unwrap();
        assert_eq!(json["data"], text);
    }
}
