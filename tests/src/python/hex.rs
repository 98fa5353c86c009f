//! Bytes as text.

use super::{PythonError, Result};

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.map(|nibble| DIGITS[usize::from(nibble)]).collect()
}

/// Hexadecimal digits as bytes.
///
/// # Errors
///
/// When they are none, or an odd number of them.
pub fn unhex(text: &str) -> Result<Vec<u8>> {
    let wrong = || PythonError::new(format!("{text:?} is not hexadecimal"));
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).ok_or_else(wrong);
    let byte = |[high, low]: &[u8; 2]| {
        let value = digit(*high)? << 4 | digit(*low)?;
        u8::try_from(value).map_err(|_| wrong())
    };
    if odd.is_empty() {
        pairs.iter().map(byte).collect()
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal() -> Result<()> {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(unhex(&hex(&all))?, all);
        assert!(unhex("abc").is_err());
        assert!(unhex("0g").is_err());
        assert!(unhex("+1").is_err());
        Ok(())
    }
}
