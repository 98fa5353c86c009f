//! What a context has.

use std::fmt::Write;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ContextError;
use crate::args::check_servers;
use crate::identity::PublicKey;
use crate::secret::Secret;
use crate::stdio::error::warn;
use crate::text::{Max, word};

/// What is kept of a server.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Saved {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<String>,
    #[serde(skip_serializing_if = "is_no")]
    pub(crate) udp: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Kept>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Kept>,
    #[serde(skip_serializing_if = "is_no")]
    pub(crate) plain_uri: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) aead_files: Vec<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identity_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) server_keys: Vec<PublicKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) known_servers: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) admin_secret: Option<Kept>,
    #[serde(skip_serializing_if = "is_no")]
    pub(crate) tls: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_cert: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_key: Option<PathBuf>,
}

/// A secret as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kept {
    /// The secret itself.
    Text(Secret),
    /// The file that has it.
    File(PathBuf),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_no(value: &bool) -> bool {
    !value
}

impl Kept {
    /// What the options say, of which the parser takes one.
    ///
    /// # Errors
    /// The file cannot be kept.
    pub(crate) fn of(
        secret: Option<&Secret>,
        file: Option<&PathBuf>,
    ) -> Result<Option<Self>, ContextError> {
        Ok(match (secret, file) {
            (Some(secret), _) => Some(Self::Text(secret.clone())),
            (None, Some(file)) => Some(Self::File(kept(file)?)),
            (None, None) => None,
        })
    }
}

/// The path of a file, from wherever it is used.
///
/// # Errors
/// It is standard input, or is not text.
pub(crate) fn kept(path: &Path) -> Result<PathBuf, ContextError> {
    if path == Path::new("-") {
        return Err(ContextError::Unkept(
            "what comes from standard input: name a file",
        ));
    }
    let absolute = std::path::absolute(path).ok();
    let text = absolute.filter(|path| path.to_str().is_some());
    text.ok_or(ContextError::Unkept("a path that is not UTF-8"))
}

/// Whether a file could be read.
fn look(path: &Path) -> io::Result<()> {
    let about = fs::metadata(path)?;
    if about.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    // To open a pipe would wait for whoever writes to it.
    match about.is_file() {
        true => File::open(path).map(drop),
        false => Ok(()),
    }
}

impl Saved {
    /// Whether it could be used.
    ///
    /// # Errors
    /// What is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(server) = &self.server {
            check_servers(server)?;
        }
        match self.tls_cert.is_some() == self.tls_key.is_some() {
            true => Ok(()),
            false => Err("tls_cert and tls_key go together".into()),
        }
    }

    /// Says of the files that have to be there which cannot be read: they may come, or their names are wrong.
    pub(super) fn warn_of_files(&self) {
        let secrets = [&self.secret, &self.key, &self.admin_secret];
        let secrets = secrets.into_iter().flatten().filter_map(|kept| match kept {
            Kept::Text(_) => None,
            Kept::File(path) => Some(path),
        });
        let (ca, own) = (&self.ca, [&self.tls_cert, &self.tls_key]);
        let others = [ca, &self.identity_file].into_iter().chain(own).flatten();
        for path in secrets.chain(&self.aead_files).chain(others) {
            if let Err(error) = look(path) {
                warn(format_args!(
                    "whoever uses the context needs {}, which cannot be read: {error}",
                    path.display()
                ));
            }
        }
    }

    /// Lines for a person, without secrets.
    pub(super) fn lines(&self) -> String {
        let mut lines = String::new();
        let mut line = |name: &str, value: &str| {
            let value = word(value.as_bytes(), Max::NONE);
            // Into a text: it cannot fail.
            let _ = writeln!(lines, "{name} {value}");
        };
        let mut text = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                line(name, value);
            }
        };
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        text("server", self.server.as_deref());
        text("udp", self.udp.then_some("yes"));
        for (name, kept) in [
            ("secret", &self.secret),
            ("key", &self.key),
            ("admin-secret", &self.admin_secret),
        ] {
            match kept {
                None => {}
                Some(Kept::Text(_)) => text(name, Some("hidden")),
                Some(Kept::File(file)) => {
                    text(&format!("{name}-file"), Some(&file.display().to_string()));
                }
            }
        }
        text("plain-uri", self.plain_uri.then_some("yes"));
        for file in &self.aead_files {
            text("aead-file", Some(&file.display().to_string()));
        }
        text("identity-file", path(&self.identity_file).as_deref());
        for key in &self.server_keys {
            text("server-key", Some(&key.to_string()));
        }
        text("known-servers", path(&self.known_servers).as_deref());
        text("tls", self.tls.then_some("yes"));
        text("ca", path(&self.ca).as_deref());
        text("tls-name", self.tls_name.as_deref());
        text("tls-cert", path(&self.tls_cert).as_deref());
        text("tls-key", path(&self.tls_key).as_deref());
        lines
    }
}
