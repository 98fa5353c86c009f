//! Which of the places counts where a secret may be in several.

use std::path::{Path, PathBuf};

use super::{Key, Secret, SecretError, place, read};

/// What a secret is called, and where it may come from.
pub(crate) struct Given<'a> {
    /// In errors: "the secret".
    pub(crate) what: &'static str,
    /// What was typed.
    pub(crate) option: Option<&'a Secret>,
    /// The name of that option.
    pub(crate) name: &'static str,
    /// The file that was named. The parser takes it or the option.
    pub(crate) file: Option<&'a PathBuf>,
    /// The name of the variable.
    pub(crate) variable: &'static str,
}

/// The places that one command's secrets come from.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// What comes from standard input.
    stdin: Option<&'static str>,
}

impl Sources {
    /// The secret of the option, else of the file, else of the environment.
    ///
    /// # Errors
    /// The first place that has one has none that can be used.
    pub(crate) fn find(&mut self, given: &Given<'_>) -> Result<Option<Secret>, SecretError> {
        let what = given.what;
        match (given.option, given.file) {
            (Some(secret), _) => {
                read::check(what, secret, || given.name.to_owned())?;
                Ok(Some(secret.clone()))
            }
            (None, Some(path)) => self.file(what, path).map(Some),
            (None, None) => read::variable(what, given.variable),
        }
    }

    /// The keys in these files, else the one in the environment.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub(crate) fn keys(
        &mut self,
        what: &'static str,
        files: &[PathBuf],
        variable: &'static str,
    ) -> Result<Vec<Key>, SecretError> {
        let key = |secret: &Secret, place: String| {
            let key = secret.key();
            key.ok_or(SecretError::NoKey { what, place })
        };
        if files.is_empty() {
            let found = read::variable(what, variable)?;
            let found = found.map(|secret| key(&secret, format!("the environment's {variable}")));
            return found.into_iter().collect();
        }
        let mut keys = Vec::new();
        for path in files {
            let secret = self.file(what, path)?;
            let path = (*path != Path::new("-")).then_some(path);
            keys.push(key(&secret, place(path))?);
        }
        Ok(keys)
    }

    /// The secret in a file; - is standard input.
    ///
    /// # Errors
    /// There is none that can be used.
    pub(crate) fn file(&mut self, what: &'static str, path: &Path) -> Result<Secret, SecretError> {
        if path == Path::new("-") {
            self.take_stdin(what)?;
            return read::stdin(what);
        }
        read::file(what, path)
    }

    /// Standard input is to be read for this.
    ///
    /// # Errors
    /// It is for something else already.
    pub(crate) fn take_stdin(&mut self, second: &'static str) -> Result<(), SecretError> {
        match self.stdin.replace(second) {
            Some(first) => Err(SecretError::Twice { first, second }),
            None => Ok(()),
        }
    }
}
