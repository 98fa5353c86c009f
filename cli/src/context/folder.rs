//! Where contexts are kept.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::error::Category;
use zeroize::Zeroizing;

use super::{ContextError, Name, Saved};
use crate::args::{ContextChoice, ContextFolder};
use crate::secret::warn_of_others;
use crate::stdio::error::{say, warn};

/// The most bytes of a context: three secrets, however they are escaped, and paths.
const MAX: usize = 256 << 10;

/// The context that a command has, by its option, the environment, or as it is selected.
///
/// # Errors
/// It is not there, or is broken.
pub(crate) fn find(choice: &ContextChoice) -> Result<Option<Saved>, ContextError> {
    let named = match (&choice.context, env::var_os("NETAIO_CONTEXT")) {
        (Some(name), _) => Some(name.clone()),
        (None, Some(name)) => {
            let name = name.to_str().unwrap_or_default();
            Some(name.parse().map_err(ContextError::Variable)?)
        }
        (None, None) => None,
    };
    let folder = match Folder::of(&choice.folder) {
        Ok(folder) => folder,
        // Whoever has no folder has selected nothing.
        Err(_) if named.is_none() => return Ok(None),
        Err(error) => return Err(error),
    };
    match named {
        Some(name) => folder.read(&name).map(Some),
        None => match folder.selected()? {
            Some(name) => folder.read(&name).map(Some),
            None => Ok(None),
        },
    }
}

/// The folder with the folder of contexts.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The one of the option, else of the environment.
    pub(super) fn of(choice: &ContextFolder) -> Result<Self, ContextError> {
        if let Some(folder) = &choice.config_dir {
            return Ok(Self(folder.clone()));
        }
        // One that is relative is no such folder, as its specification has it.
        let absolute = |name| {
            let path = env::var_os(name).map(PathBuf::from);
            path.filter(|path| path.is_absolute())
        };
        let config = absolute("XDG_CONFIG_HOME");
        let config = config.or_else(|| Some(absolute("HOME")?.join(".config")));
        // Windows has it.
        let config = config.or_else(|| absolute("APPDATA"));
        let config = config.ok_or(ContextError::NoFolder)?;
        Ok(Self(config.join("netaio")))
    }

    fn contexts(&self) -> PathBuf {
        self.0.join("contexts")
    }

    fn path(&self, name: &Name) -> PathBuf {
        self.contexts().join(format!("{name}.json"))
    }

    /// The file that names the one that is selected.
    fn selection(&self) -> PathBuf {
        self.0.join("context")
    }

    fn unknown(&self, name: &Name) -> ContextError {
        ContextError::Unknown {
            name: name.clone(),
            folder: self.contexts(),
        }
    }

    /// Reads a context.
    pub(super) fn read(&self, name: &Name) -> Result<Saved, ContextError> {
        let path = self.path(name);
        let broken = |problem: String| ContextError::Broken {
            path: path.clone(),
            problem,
        };
        let text = match read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(self.unknown(name));
            }
            read => read.map_err(|error| failed("read", &path, error))?,
        };
        if text.len() > MAX {
            return Err(broken(format!("it is longer than {MAX} bytes")));
        }
        let saved: Saved = serde_json::from_slice(&text).map_err(|error| {
            // What the parser says shows what stands there: it may be a secret.
            let problem = match error.classify() {
                Category::Data => "that is not what a context has",
                _ => "it is no JSON",
            };
            let (line, column) = (error.line(), error.column());
            broken(format!("line {line}, column {column}: {problem}"))
        })?;
        // serde takes a list for it too.
        if !text.trim_ascii_start().starts_with(b"{") {
            return Err(broken("that is not what a context has".into()));
        }
        saved.check().map_err(broken)?;
        Ok(saved)
    }

    /// Writes a context, beside the one that is there first, and then in its place.
    pub(super) fn write(&self, name: &Name, saved: &Saved) -> Result<PathBuf, ContextError> {
        let path = self.path(name);
        // It never grows, so that there is one copy to be wiped.
        let mut text = Zeroizing::new(Vec::with_capacity(MAX));
        let written = serde_json::to_writer_pretty(&mut *text, saved);
        written.map_err(|error| failed("write", &path, error.into()))?;
        text.push(b'\n');
        self.put(&path, &text)?;
        Ok(path)
    }

    /// Makes a file that its owner alone can read, as a whole.
    fn put(&self, path: &Path, text: &[u8]) -> Result<(), ContextError> {
        let mut folders = fs::DirBuilder::new();
        folders.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folders, 0o700);
        let contexts = self.contexts();
        folders
            .create(&contexts)
            .map_err(|error| failed("make", &contexts, error))?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}.new", std::process::id()));
        let beside = PathBuf::from(beside);
        let write = || {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&beside)?;
            file.write_all(text)?;
            file.sync_all()?;
            fs::rename(&beside, path)
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&beside);
            failed("write", path, error)
        })
    }

    /// The names, in order.
    pub(super) fn names(&self) -> Result<Vec<Name>, ContextError> {
        let contexts = self.contexts();
        let entries = match fs::read_dir(&contexts) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| failed("read", &contexts, error))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed("read", &contexts, error))?;
            let name = entry.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".json"));
            names.extend(name.and_then(|name| name.parse().ok()));
        }
        names.sort();
        Ok(names)
    }

    /// Removes a context, and its selection.
    pub(super) fn remove(&self, name: &Name) -> Result<(), ContextError> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.unknown(name)),
            removed => removed.map_err(|error| failed("remove", &path, error)),
        }?;
        match self.selected()? {
            Some(selected) if selected == *name => {
                say(format_args!(
                    "netaio: {name} was selected: the commands use no context now"
                ));
                self.select(None)
            }
            _ => Ok(()),
        }
    }

    /// The name of the one that is selected.
    pub(super) fn selected(&self) -> Result<Option<Name>, ContextError> {
        let path = self.selection();
        let text = match read_some(&path) {
            Err(error) if is_nowhere(&error) => return Ok(None),
            // Such as that of whoever has become another user. They have chosen nothing.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                warn(format_args!(
                    "cannot read {}, so no context is selected: {error}",
                    path.display()
                ));
                return Ok(None);
            }
            read => read.map_err(|error| failed("read", &path, error))?,
        };
        let name = str::from_utf8(&text).unwrap_or_default().trim_end();
        let name = name.parse().map_err(|problem: &str| ContextError::Broken {
            path,
            problem: problem.into(),
        })?;
        Ok(Some(name))
    }

    /// Selects one that is there, or none.
    pub(super) fn select(&self, name: Option<&Name>) -> Result<(), ContextError> {
        let path = self.selection();
        match name {
            Some(name) => {
                self.read(name)?;
                self.put(&path, format!("{name}\n").as_bytes())
            }
            None => match fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed.map_err(|error| failed("remove", &path, error)),
            },
        }
    }
}

/// Whether there is no such file, and maybe no such folder: /dev/null may be somebody's home.
fn is_nowhere(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotADirectory | NotFound)
}

/// What a file has, or as much as is too much. Others than its owner are not to read it.
fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    warn_of_others("the context", path, &file);
    bounded(file)
}

fn read_some(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    bounded(File::open(path)?)
}

fn bounded(file: File) -> io::Result<Zeroizing<Vec<u8>>> {
    let most = MAX.saturating_add(1);
    let mut text = Zeroizing::new(Vec::with_capacity(most));
    file.take(most as u64).read_to_end(&mut text)?;
    Ok(text)
}

fn failed(what: &'static str, path: &Path, error: io::Error) -> ContextError {
    ContextError::File {
        what,
        path: path.into(),
        error,
    }
}
