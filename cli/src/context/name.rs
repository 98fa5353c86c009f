//! Names of contexts, which are names of files too.

use std::fmt;
use std::str::FromStr;

/// A name that stands for one file, in one folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name(String);

/// The longest one.
const MAX: usize = 64;

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let begins = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
        match begins && text.len() <= MAX && text.bytes().all(fits) {
            true => Ok(Self(text.into())),
            false => Err(
                "a context's name is 1 to 64 letters and digits, and . _ - behind the first one",
            ),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_folder() {
        let long = "a".repeat(MAX);
        for right in ["a", "Prod-1", "a.b_c", "0", &*long] {
            assert!(right.parse::<Name>().is_ok(), "{right}");
        }
        let long = "a".repeat(MAX + 1);
        for wrong in [
            "", ".", "..", "../a", "a/b", "/a", "a\\b", ".hidden", "-a", "a b", "a\n", "é", "a\0",
            &*long,
        ] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong:?}");
        }
    }
}
