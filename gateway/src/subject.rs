//! Uris as subjects of NATS and as keys of its buckets.
//!
//! A uri is any bytes; a subject is tokens between dots, and a bucket's key has letters, digits and
//! `-_=./` alone. Both take the same tokens here, so that what is published and what is stored are
//! found under one name: each segment of a uri, which is what is between two `/`, is a token.
//!
//! - Letters and digits of ASCII, `-` and `_` are themselves.
//! - Any other byte is `=` and its two hexadecimal digits, capital ones.
//! - A segment without a byte is `=` alone.
//!
//! `sensors/7` is `sensors.7`, `/a b` is `=.a=20b`. No two uris have the same tokens, and
//! [`uri`] leads back.

/// The longest subject or key: the line of a NATS server that names it may have 4,096 bytes, and names
/// an inbox and the prefix too.
pub const MAX_LEN: usize = 3_072;

/// A uri whose subject would be longer than [`MAX_LEN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the uri is too long for NATS: its subject may have {MAX_LEN} bytes")]
pub struct UriTooLong;

/// The tokens of a uri, with dots between them.
///
/// # Errors
/// They are longer than [`MAX_LEN`].
pub fn tokens(uri: &[u8]) -> Result<String, UriTooLong> {
    encode(uri, |_, _| None)
}

/// The subject that matches what a pattern of uris matches: `*` is one segment, and `**`, at
/// the end, is all that follows, one segment at least.
///
/// # Errors
/// It is longer than [`MAX_LEN`].
pub fn wildcard(pattern: &[u8]) -> Result<String, UriTooLong> {
    encode(pattern, |segment, is_last| match segment {
        b"*" => Some("*"),
        b"**" if is_last => Some(">"),
        _ => None,
    })
}

fn encode(
    uri: &[u8],
    special: impl Fn(&[u8], bool) -> Option<&'static str>,
) -> Result<String, UriTooLong> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| {
        HEX.get(usize::from(nibble))
            .map_or('0', |hex| char::from(*hex))
    };
    let mut tokens = String::with_capacity(uri.len().min(MAX_LEN));
    let mut segments = uri.split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if let Some(token) = special(segment, is_last) {
            tokens.push_str(token);
        } else if segment.is_empty() {
            tokens.push('=');
        } else {
            for byte in segment {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => {
                        tokens.push(char::from(*byte));
                    }
                    _ => tokens.extend(['=', digit(byte >> 4), digit(byte & 15)]),
                }
                if tokens.len() > MAX_LEN {
                    return Err(UriTooLong);
                }
            }
        }
        if !is_last {
            tokens.push('.');
        }
        if tokens.len() > MAX_LEN {
            return Err(UriTooLong);
        }
    }
    Ok(tokens)
}

/// The uri that has these tokens; `None` where none has.
#[must_use]
pub fn uri(tokens: &str) -> Option<Vec<u8>> {
    let mut uri = Vec::with_capacity(tokens.len());
    for (index, token) in tokens.split('.').enumerate() {
        if index > 0 {
            uri.push(b'/');
        }
        if token != "=" {
            decode(token, &mut uri)?;
        }
    }
    Some(uri)
}

/// One token that is not `=` alone.
fn decode(token: &str, uri: &mut Vec<u8>) -> Option<()> {
    if token.is_empty() {
        return None;
    }
    let mut bytes = token.bytes();
    let value = |hex: u8| match hex {
        b'0'..=b'9' => hex.checked_sub(b'0'),
        b'A'..=b'F' => hex.checked_sub(b'A')?.checked_add(10),
        _ => None,
    };
    while let Some(byte) = bytes.next() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => uri.push(byte),
            b'=' => {
                let (high, low) = (value(bytes.next()?)?, value(bytes.next()?)?);
                let byte = (high << 4) | low;
                // What stands for itself has no second name, and a `/` is a dot.
                if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/') {
                    return None;
                }
                uri.push(byte);
            }
            _ => return None,
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_uris_are_read_as_they_are() {
        for (uri, expected) in [
            (&b"sensors/7"[..], "sensors.7"),
            (b"", "="),
            (b"/", "=.="),
            (b"/a b", "=.a=20b"),
            (b"a.b/*", "a=2Eb.=2A"),
            (b"=", "=3D"),
            (b">", "=3E"),
            (b"$KV", "=24KV"),
            (b"\xff\x00", "=FF=00"),
        ] {
            assert_eq!(tokens(uri).unwrap(), expected);
            assert_eq!(super::uri(expected).unwrap(), uri);
        }
    }

    #[test]
    fn patterns_are_the_wildcards_of_nats() {
        for (pattern, expected) in [
            (&b"sensors/*/readings"[..], "sensors.*.readings"),
            (b"sensors/**", "sensors.>"),
            (b"**", ">"),
            (b"a*/**/b", "a=2A.=2A=2A.b"),
        ] {
            assert_eq!(wildcard(pattern).unwrap(), expected);
        }
    }

    #[test]
    fn what_no_uri_has_is_no_uri() {
        for tokens in [
            "", ".", "a.", "=4", "=g0", "=2f", "=2F", "=41", "a*", "==", "ä",
        ] {
            assert_eq!(super::uri(tokens), None, "{tokens}");
        }
    }

    #[test]
    fn long_ones_are_refused() {
        assert_eq!(tokens(&[b'a'; MAX_LEN]).unwrap().len(), MAX_LEN);
        tokens(&[b'a'; MAX_LEN + 1]).unwrap_err();
        tokens(&[b'/'; MAX_LEN]).unwrap_err();
        tokens(&[0; MAX_LEN / 3 + 1]).unwrap_err();
    }

    /// Bytes of which many mean something to one side or the other.
    fn uris() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            prop::sample::select(b"//..**>>==23EFafz09 $-_".to_vec()),
            any::<u8>(),
        ];
        prop::collection::vec(byte, 0..40)
    }

    proptest! {
        #[test]
        fn every_uri_comes_back(uri in uris()) {
            let tokens = tokens(&uri).unwrap();
            prop_assert_eq!(super::uri(&tokens), Some(uri));
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=.".contains(c);
            prop_assert!(tokens.chars().all(is_plain));
            prop_assert!(tokens.split('.').all(|token| !token.is_empty()));
        }

        #[test]
        fn a_name_has_one_uri(name in "[a-c=.23EF]{0,12}") {
            if let Some(uri) = super::uri(&name) {
                prop_assert_eq!(tokens(&uri).unwrap(), name);
            }
        }
    }
}
