//! Which of the places counts where a secret may be in several.

use std::path::{Path, PathBuf};

use crate::context::Kept;

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
    /// What the context has.
    pub(crate) saved: Option<&'a Kept>,
}

/// The places that one command's secrets come from.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// What comes from standard input.
    stdin: Option<&'static str>,
}

impl Sources {
    /// The secret of the option, else of the file, else of the environment, else of the context.
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
            (None, None) => match (read::variable(what, given.variable)?, given.saved) {
                (Some(secret), _) => Ok(Some(secret)),
                (None, Some(Kept::Text(secret))) => {
                    read::check(what, secret, || "the context".to_owned())?;
                    Ok(Some(secret.clone()))
                }
                (None, Some(Kept::File(path))) => self.file(what, path).map(Some),
                (None, None) => Ok(None),
            },
        }
    }

    /// The keys in these files, else the one in the environment, else those in the context's files.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub(crate) fn keys(
        &mut self,
        what: &'static str,
        files: &[PathBuf],
        variable: &'static str,
        saved: &[PathBuf],
    ) -> Result<Vec<Key>, SecretError> {
        let files = match files.is_empty() {
            false => files,
            true => match read::variable(what, variable)? {
                Some(secret) => {
                    let place = format!("the environment's {variable}");
                    let key = secret.key().ok_or(SecretError::NoKey { what, place })?;
                    return Ok(vec![key]);
                }
                None => saved,
            },
        };
        files.iter().map(|path| self.key(what, path)).collect()
    }

    /// The key in a file; - is standard input.
    ///
    /// # Errors
    /// It cannot be used.
    pub(crate) fn key(&mut self, what: &'static str, path: &PathBuf) -> Result<Key, SecretError> {
        let secret = self.file(what, path)?;
        let path = (*path != Path::new("-")).then_some(path);
        let place = place(path);
        secret.key().ok_or(SecretError::NoKey { what, place })
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
