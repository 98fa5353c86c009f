//! Python's `Decimal`, as text: nobody here reckons with it.

#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::{self, Write as _};
use core::str::{Chars, FromStr};

use thiserror::Error;

/// Exponents as CPython's decimal bounds them on 64 bits: of the most significant digit at
/// most, and of the least significant at least.
const MAX_ADJUSTED: i64 = 999_999_999_999_999_999;
const MIN_EXPONENT: i64 = -1_999_999_999_999_999_997;

/// A number as `decimal.Decimal` holds it, kept as the text that Python's `str` gives for it,
/// which is what packify packs: `1e2` becomes `1E+2`, ` 1_0 ` becomes `10`, `inf` becomes
/// `Infinity`.
///
/// Equality is that of the text, so 1.0 is not 1 here; as items of a
/// [`Set`](crate::Set) and keys of a [`Dict`](crate::Dict) they are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal(Box<str>);

/// A text that Python's `Decimal` does not accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a decimal number")]
pub struct InvalidDecimal;

impl Decimal {
    /// Reads what `decimal.Decimal(text)` reads: an optional sign; digits with at most one
    /// point, and an exponent; or `inf`, `infinity`, `nan`, `snan` (the last two with an
    /// optional payload of digits) in any case. White space around it and underscores
    /// anywhere are dropped. Digits may be of any script that Unicode 14 knows, as in
    /// CPython 3.11.
    ///
    /// # Errors
    ///
    /// [`InvalidDecimal`] for any other text, and for exponents out of Python's bounds:
    /// that of the first digit above 999,999,999,999,999,999, or that of the last one below
    /// -1,999,999,999,999,999,997.
    pub fn parse(text: &str) -> Result<Self, InvalidDecimal> {
        let parts = Parts::of(text).ok_or(InvalidDecimal)?;
        let mut canonical = String::with_capacity(parts.canonical_len());
        // A String takes all that is written.
        let _ = parts.write_to(&mut canonical);
        Ok(Self(canonical.into_boxed_str()))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a signaling NaN, which Python cannot hash.
    pub fn is_signaling_nan(&self) -> bool {
        is_signaling(&self.0) == Some(true)
    }
}

impl Default for Decimal {
    /// Zero.
    fn default() -> Self {
        Self("0".into())
    }
}

impl FromStr for Decimal {
    type Err = InvalidDecimal;

    fn from_str(text: &str) -> Result<Self, InvalidDecimal> {
        Self::parse(text)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// `None` where `text` is no decimal, else whether it is a signaling NaN.
pub(crate) fn is_signaling(text: &str) -> Option<bool> {
    Parts::of(text).map(|parts| matches!(parts.kind, Kind::Nan { signaling: true }))
}

/// A decimal, looked at in its text.
pub(crate) struct Parts<'a> {
    pub(crate) negative: bool,
    pub(crate) kind: Kind,
    /// From the first digit on; before a point and an exponent are more digits.
    digits: Ascii<'a>,
}

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// `count` digits, without leading zeros but at least one, times ten to `exponent`.
    Finite {
        count: usize,
        exponent: i64,
    },
    Infinity,
    /// With any number of digits behind it: its payload.
    Nan {
        signaling: bool,
    },
}

impl<'a> Parts<'a> {
    pub(crate) fn of(text: &'a str) -> Option<Self> {
        let mut rest = Ascii(text.trim_matches(is_python_space).chars());
        let negative = match rest.clone().next() {
            Some(sign @ (b'+' | b'-')) => {
                rest.next();
                sign == b'-'
            }
            _ => false,
        };
        let digits = rest.clone();
        match rest.clone().next()? {
            b'0'..=b'9' | b'.' => {
                let kind = finite(rest)?;
                Some(Self {
                    negative,
                    kind,
                    digits,
                })
            }
            b'i' | b'I' => {
                rest.skip_word(b"inf")?;
                if rest.clone().next().is_some() {
                    rest.skip_word(b"inity")?;
                }
                rest.next().is_none().then_some(Self {
                    negative,
                    kind: Kind::Infinity,
                    digits,
                })
            }
            first => {
                let signaling = matches!(first, b's' | b'S');
                rest.skip_word(if signaling { b"snan" } else { b"nan" })?;
                let digits = rest.clone();
                rest.all(|byte| byte.is_ascii_digit()).then_some(Self {
                    negative,
                    kind: Kind::Nan { signaling },
                    digits,
                })
            }
        }
    }

    /// The digits of the coefficient or the payload as ASCII, without leading zeros: none
    /// for zero.
    pub(crate) fn significant(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.digits
            .clone()
            .take_while(|byte| !matches!(byte, b'e' | b'E'))
            .filter(u8::is_ascii_digit)
            .skip_while(|digit| *digit == b'0')
    }

    /// At least the length of the canonical text in bytes, and little more.
    fn canonical_len(&self) -> usize {
        match self.kind {
            // Sign, point, `E`, another sign and nineteen digits; or sign, `0.00000`.
            Kind::Finite { count, .. } => count.saturating_add(24),
            Kind::Infinity => 9,
            Kind::Nan { .. } => self.significant().count().saturating_add(5),
        }
    }

    /// Writes what Python's `str` gives.
    fn write_to(&self, out: &mut String) -> fmt::Result {
        if self.negative {
            out.push('-');
        }
        match self.kind {
            Kind::Infinity => out.push_str("Infinity"),
            Kind::Nan { signaling } => {
                out.push_str(if signaling { "sNaN" } else { "NaN" });
                out.extend(self.significant().map(char::from));
            }
            Kind::Finite { count, exponent } => self.write_finite(count, exponent, out)?,
        }
        Ok(())
    }

    fn write_finite(&self, count: usize, exponent: i64, out: &mut String) -> fmt::Result {
        let zero = self.significant().next().is_none();
        let mut digits = self
            .significant()
            .chain(zero.then_some(b'0'))
            .map(char::from);
        // Digits that stand before the point when no exponent is written.
        let whole = exponent.saturating_add_unsigned(count as u64);
        if exponent <= 0 && whole > -6 {
            if whole <= 0 {
                out.push_str("0.");
                out.extend((whole..0).map(|_| '0'));
                out.extend(digits);
            } else {
                out.extend((0..whole).map_while(|_| digits.next()));
                if exponent < 0 {
                    out.push('.');
                    out.extend(digits);
                }
            }
            return Ok(());
        }
        out.extend(digits.next());
        if count > 1 {
            out.push('.');
            out.extend(digits);
        }
        write!(out, "E{:+}", whole.saturating_sub(1))
    }
}

/// Reads digits, a point, an exponent.
fn finite(rest: Ascii<'_>) -> Option<Kind> {
    let mut count = 0usize;
    let mut fraction = 0i64;
    let (mut any, mut point) = (false, false);
    let mut exponent = 0;
    let mut rest = rest;
    while let Some(byte) = rest.next() {
        match byte {
            b'0'..=b'9' => {
                any = true;
                if byte != b'0' || count > 0 {
                    count = count.saturating_add(1);
                }
                if point {
                    fraction = fraction.saturating_add(1);
                }
            }
            b'.' if !point => point = true,
            b'e' | b'E' => {
                exponent = signed(rest)?;
                break;
            }
            _ => return None,
        }
    }
    let count = count.max(1);
    let exponent = any.then_some(exponent)?.saturating_sub(fraction);
    let adjusted = exponent
        .saturating_add_unsigned(count as u64)
        .saturating_sub(1);
    (exponent >= MIN_EXPONENT && adjusted <= MAX_ADJUSTED)
        .then_some(Kind::Finite { count, exponent })
}

/// Reads an exponent to its end. One that is out of all bounds is cut to some other such.
fn signed(mut rest: Ascii<'_>) -> Option<i64> {
    let negative = match rest.clone().next()? {
        sign @ (b'+' | b'-') => {
            rest.next();
            sign == b'-'
        }
        _ => false,
    };
    let mut value = None;
    for byte in rest {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte & 0xf))?;
        value = Some(
            value
                .unwrap_or(0i64)
                .saturating_mul(10)
                .saturating_add(digit),
        );
    }
    value.map(|value| {
        if negative {
            value.saturating_neg()
        } else {
            value
        }
    })
}

/// The characters of a text as ASCII: digits of all scripts as such, no underscores, and NUL
/// (which no rule accepts) for all others.
#[derive(Clone)]
struct Ascii<'a>(Chars<'a>);

impl Ascii<'_> {
    /// Goes past `word`, in any case; `None` if there is another.
    fn skip_word(&mut self, word: &[u8]) -> Option<()> {
        word.iter()
            .all(|expected| {
                self.next()
                    .is_some_and(|byte| byte.eq_ignore_ascii_case(expected))
            })
            .then_some(())
    }
}

impl Iterator for Ascii<'_> {
    type Item = u8;

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let c = self.0.find(|c| *c != '_')?;
        Some(
            u8::try_from(c)
                .ok()
                .filter(u8::is_ascii)
                .unwrap_or_else(|| ascii_digit(c)),
        )
    }
}

/// What `str.isspace` is true for.
fn is_python_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

/// NUL unless `c` is a digit, of another script.
fn ascii_digit(c: char) -> u8 {
    let next = ZEROS.partition_point(|zero| *zero <= c);
    let distance = next
        .checked_sub(1)
        .and_then(|index| ZEROS.get(index))
        .and_then(|zero| u32::from(c).checked_sub(u32::from(*zero)));
    distance
        .and_then(|distance| char::from_digit(distance, 10))
        .map_or(0, |digit| digit as u8)
}

/// The zeros of Unicode 14 beyond ASCII; one to nine follow each.
#[rustfmt::skip]
const ZEROS: [char; 65] = [
    '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{b66}',
    '\u{be6}', '\u{c66}', '\u{ce6}', '\u{d66}', '\u{de6}', '\u{e50}', '\u{ed0}', '\u{f20}',
    '\u{1040}', '\u{1090}', '\u{17e0}', '\u{1810}', '\u{1946}', '\u{19d0}', '\u{1a80}', '\u{1a90}',
    '\u{1b50}', '\u{1bb0}', '\u{1c40}', '\u{1c50}', '\u{a620}', '\u{a8d0}', '\u{a900}', '\u{a9d0}',
    '\u{a9f0}', '\u{aa50}', '\u{abf0}', '\u{ff10}', '\u{104a0}', '\u{10d30}', '\u{11066}',
    '\u{110f0}', '\u{11136}', '\u{111d0}', '\u{112f0}', '\u{11450}', '\u{114d0}', '\u{11650}',
    '\u{116c0}', '\u{11730}', '\u{118e0}', '\u{11950}', '\u{11c50}', '\u{11d50}', '\u{11da0}',
    '\u{16a60}', '\u{16ac0}', '\u{16b50}', '\u{1d7ce}', '\u{1d7d8}', '\u{1d7e2}', '\u{1d7ec}',
    '\u{1d7f6}', '\u{1e140}', '\u{1e2f0}', '\u{1e950}', '\u{1fbf0}',
];
