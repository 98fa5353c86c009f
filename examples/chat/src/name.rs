//! Names of people.

use std::fmt;

use netaio_tokio::core::Printable;

/// A name, which is the id of its peer: letters and digits of any script, and within it `.`, `_` and
/// `-`. So it is a word on a screen and in a command, and the name of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name(String);

impl Name {
    /// Characters of the longest name.
    pub(crate) const MAX: usize = 20;

    /// The name of a peer with this id, if it is one.
    pub(crate) fn of_id(id: &[u8]) -> Option<Self> {
        std::str::from_utf8(id).ok()?.parse().ok()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Among the letters of Unicode are some that are not seen.
        let letter = |c: char| c.is_alphanumeric() && Printable::shows(c);
        let within = |c: char| letter(c) || matches!(c, '.' | '_' | '-');
        let short = text.chars().count() <= Self::MAX;
        match text.starts_with(letter) && text.chars().all(within) && short {
            true => Ok(Self(text.to_owned())),
            false => Err(format!(
                "a name has at most {} letters and digits, and within it `.`, `_` and `-`",
                Self::MAX
            )),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words() {
        for name in ["alice", "Zoë-2", "b.o_b", "अनु", &"x".repeat(Name::MAX)] {
            // Marks that belong to a letter are none themselves.
            let is_word = name
                .chars()
                .all(|c| c.is_alphanumeric() || ".-_".contains(c));
            assert_eq!(Name::of_id(name.as_bytes()).is_some(), is_word, "{name}");
        }
        let long = "x".repeat(Name::MAX + 1);
        for id in [
            &b""[..],
            b" ",
            b"a b",
            b"-a",
            b"../a",
            b"a/b",
            b"a\x1b[31m",
            b"a\n",
            b"\xff",
            "a\u{202e}b".as_bytes(),
            "a\u{115f}b".as_bytes(),
            long.as_bytes(),
        ] {
            assert_eq!(Name::of_id(id), None, "{id:?}");
        }
    }
}
