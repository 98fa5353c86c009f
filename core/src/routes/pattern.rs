//! Patterns of uris.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use core::fmt;

use matchit::{InsertError, Router};

use super::error::PatternError;

/// A pattern of uris, as a [`Key`](crate::Key) may have: `sensors/{id}/readings` matches
/// `sensors/7/readings`, and captures `7` as `id`.
///
/// - `{name}` matches one segment, which is not empty: what is between two `/`.
/// - `{*name}`, at the end only, matches all the rest, `/` included; not nothing.
/// - `{{` and `}}` are braces.
///
/// A name is ASCII letters, digits and `_`, begins with no digit, and stands once in a pattern.
///
/// Uris are any bytes; one that is not UTF-8 matches no pattern. Of several patterns the one
/// that says more goes first: segment by segment a text before a name. Where two have names in
/// the same place and nothing else tells them apart, as `a/{id}` and `a/{name}` or
/// `a/{*rest}`, the second one is an error when it is registered. The time that a match takes
/// depends on the uri, not on how many patterns there are.
///
/// ```
/// use netaio_core::Pattern;
///
/// let pattern = Pattern::new("sensors/{id}/readings/{*rest}")?;
/// let captures = pattern.captures(b"sensors/7/readings/2026/05").unwrap();
/// assert_eq!((captures.get("id"), captures.get("rest")), (Some("7"), Some("2026/05")));
/// assert!(pattern.captures(b"sensors/7").is_none());
/// # Ok::<(), netaio_core::PatternError>(())
/// ```
#[derive(Clone)]
pub struct Pattern {
    text: String,
    router: Router<()>,
}

/// The parts of a uri that the names of a [`Pattern`] stand for.
#[derive(Clone, Debug)]
pub struct Captures<'p, 'u>(matchit::Params<'p, 'u>);

impl Pattern {
    /// A pattern.
    ///
    /// # Errors
    /// It is not written as one.
    pub fn new(pattern: impl AsRef<[u8]>) -> Result<Self, PatternError> {
        let text = text(pattern.as_ref())?.to_string();
        let mut router = Router::new();
        let inserted = router.insert(text.as_str(), ());
        inserted.map_err(|error| refused(&text, error))?;
        Ok(Self { text, router })
    }

    /// The pattern as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The parts of a uri that the names stand for, if it matches.
    #[must_use]
    pub fn captures<'u>(&self, uri: &'u [u8]) -> Option<Captures<'_, 'u>> {
        let found = self.router.at(core::str::from_utf8(uri).ok()?);
        Some(Captures(found.ok()?.params))
    }
}

impl<'u> Captures<'_, 'u> {
    /// The part that a name stands for.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'u str> {
        self.0.get(name)
    }

    /// The names and their parts, in the order of the pattern.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'u str)> + '_ {
        self.0.iter()
    }

    /// The number of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the pattern has no names.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A pattern as text, in which names stand for whole segments.
pub(super) fn text(pattern: &[u8]) -> Result<&str, PatternError> {
    let invalid = |reason| PatternError::Invalid {
        pattern: String::from_utf8_lossy(pattern).into(),
        reason,
    };
    let text = core::str::from_utf8(pattern).map_err(|_| invalid("it is not UTF-8"))?;
    // Matchit takes some of them, and misses some beside others.
    let mut names = BTreeSet::new();
    for segment in text.split('/') {
        match name(segment).map_err(invalid)? {
            Some(name) if !names.insert(name) => return Err(invalid("a name stands in it twice")),
            _ => {}
        }
    }
    Ok(text)
}

/// The name that a segment is, if it is one and no text.
fn name(segment: &str) -> Result<Option<&str>, &'static str> {
    let within = segment.strip_prefix('{');
    let within = within.and_then(|rest| rest.strip_suffix('}'));
    let Some(within) = within.filter(|within| !within.contains(['{', '}'])) else {
        let doubled = segment.replace("{{", "").replace("}}", "");
        return match doubled.contains(['{', '}']) {
            true => Err("a name stands for a whole segment; `{{` and `}}` are braces"),
            false => Ok(None),
        };
    };
    let name = within.strip_prefix('*').unwrap_or(within);
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match begins && name.bytes().all(is_fit) {
        true => Ok(Some(name)),
        false => Err(UNFIT_NAME),
    }
}

const UNFIT_NAME: &str =
    "a name is ASCII letters, digits and `_`, and begins with no digit; `{{` and `}}` are braces";

/// Why a pattern was not taken.
pub(super) fn refused(pattern: &str, error: InsertError) -> PatternError {
    let pattern = pattern.to_string();
    let reason = match error {
        InsertError::Conflict { with } => return PatternError::Conflict { pattern, with },
        InsertError::InvalidParamSegment => "a segment has two names",
        InsertError::InvalidCatchAll => "`{*name}` stands at the end only, and for a whole segment",
        _ => "a brace is not closed or a name is empty; `{{` and `}}` are braces",
    };
    PatternError::Invalid { pattern, reason }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.text).finish()
    }
}
