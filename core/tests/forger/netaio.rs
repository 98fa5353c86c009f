//! `HMACAuthPlugin.check` of netaio 0.0.9, with all that Python does on the way: an
//! attack that would not get past it proves nothing about us.

use netaio_core::AuthFields;
use netaio_core::packify::{Int, Value};
use sha2::{Digest, Sha256};

/// What Python raises. A connection on which it does is closed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Raised(pub(crate) &'static str);

/// Whether netaio would take the message.
pub(crate) fn check(secret: &str, fields: &AuthFields, body: &[u8]) -> Result<bool, Raised> {
    let field = |name| fields.get(name).map(|value| value.to_value());
    let (ts, nonce, mac) = match (field("ts"), field("nonce"), field("hmac")) {
        (Some(ts), Some(nonce), Some(mac)) => (ts, nonce, mac),
        _ => return Ok(false),
    };
    if integer(&ts) == Some(0) || nonce.is_none() || mac.is_none() {
        return Ok(false);
    }
    let mut message = match (&ts, integer(&ts)) {
        (_, Some(ts)) => {
            let ts = u32::try_from(ts).map_err(|_| Raised("OverflowError"))?;
            ts.to_be_bytes().to_vec()
        }
        (Value::Bytes(ts) | Value::ByteArray(ts), _) => ts.clone(),
        _ => return Err(Raised("TypeError")),
    };
    message.extend_from_slice(body);
    let (Value::Bytes(nonce) | Value::ByteArray(nonce)) = nonce else {
        return Err(Raised("TypeError"));
    };
    check_hmac(&mac, hmac(secret, &nonce, &message))
}

/// netaio's `check_hmac`: the sum of all differences is zero.
fn check_hmac(mac: &Value, computed: [u8; 32]) -> Result<bool, Raised> {
    let len = match mac {
        Value::Bytes(mac) | Value::ByteArray(mac) => mac.len(),
        Value::Str(mac) => mac.chars().count(),
        Value::List(mac) | Value::Tuple(mac) => mac.len(),
        Value::Set(mac) => mac.len(),
        Value::Dict(mac) => mac.len(),
        _ => return Err(Raised("TypeError")),
    };
    if len != computed.len() {
        return Ok(false);
    }
    let mut diff = 0;
    for (index, byte) in computed.into_iter().enumerate() {
        let item = match mac {
            Value::Bytes(mac) | Value::ByteArray(mac) => Some(i128::from(mac[index])),
            Value::List(mac) | Value::Tuple(mac) => integer(&mac[index]),
            Value::Dict(mac) => match mac.get_value(&Value::from(index as u64)) {
                Some(item) => integer(item),
                None => return Err(Raised("KeyError")),
            },
            _ => None,
        };
        diff += item.ok_or(Raised("TypeError"))? ^ i128::from(byte);
    }
    Ok(diff == 0)
}

/// An `int`, which a `bool` is to Python too. No attack here has larger ones in
/// a list.
fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Int(int) => Some(small(int)),
        Value::Bool(truth) => Some(i128::from(*truth)),
        _ => None,
    }
}

fn small(int: &Int) -> i128 {
    i128::try_from(int).unwrap_or(match int.is_negative() {
        true => i128::MIN,
        false => i128::MAX,
    })
}

/// netaio's `hmac`, for which secrets are hashed first.
fn hmac(secret: &str, nonce: &[u8], message: &[u8]) -> [u8; 32] {
    let parts: [&[u8]; 3] = [&sha256(&[secret.as_bytes()]), nonce, b"mac"];
    let key = sha256(&[&parts.map(|part| sha256(&[part])).concat()]);
    let pad = |byte: u8| {
        let mut pad = [byte; 136];
        for (pad, key) in pad.iter_mut().zip(key) {
            *pad ^= key;
        }
        pad
    };
    sha256(&[&pad(0x5c), &sha256(&[&pad(0x36), message])])
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    Sha256::digest(parts.concat()).into()
}
