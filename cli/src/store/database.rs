//! The file, opened and kept open.

use std::fs::{self, OpenOptions};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use netaio_driver::resources::StoreError;

use super::foreign::Foreign;
use super::refused::{FileError, Refused};
use super::tables::{self, FORMAT};
use crate::tally::Tally;

/// Opens the file.
pub(super) type Open = Box<dyn Fn() -> Result<redb::Database, Refused> + Send + Sync>;

/// The memory for pages of the file, in bytes.
const CACHE: usize = 64 << 20;

/// The time between two attempts to open a file again that has failed.
const RETRY: Duration = Duration::from_secs(1);

/// Failures of the file.
static FAILURES: Tally = Tally::new();

/// A file that is open. One whose disk fails has to be opened again: the database takes nothing more then.
pub(super) struct Database {
    open: Open,
    file: RwLock<Option<redb::Database>>,
    /// When it could not be opened again.
    failed: Mutex<Option<Instant>>,
}

impl Database {
    /// Opens it for the first time.
    pub(super) fn new(open: Open) -> Result<Self, Refused> {
        let file = attempt(&open)?;
        Ok(Self {
            open,
            file: RwLock::new(Some(file)),
            failed: Mutex::new(None),
        })
    }

    /// Does something with the file. Where it fails, the file is closed, and opened again by who comes next.
    ///
    /// # Errors
    /// The disk is full, or the file does not work: that is logged.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&redb::Database) -> Result<T, FileError>,
    ) -> Result<T, StoreError> {
        self.reopen()?;
        let error = {
            let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
            let file = file.as_ref().ok_or(StoreError::Unavailable)?;
            // A damaged file may make the database panic.
            match panic::catch_unwind(AssertUnwindSafe(|| work(file))) {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(error)) => Some(error),
                Err(_) => None,
            }
        };
        let failed = self.file.write().map(|mut file| file.take());
        // One that has panicked may do so again.
        let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(failed)));
        Err(failure(error))
    }

    /// Opens the file again if it is not open, but not all the time.
    fn reopen(&self) -> Result<(), StoreError> {
        let is_open = |file: &Option<redb::Database>| file.is_some();
        if is_open(&self.file.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = self.file.write().unwrap_or_else(PoisonError::into_inner);
        if is_open(&file) {
            return Ok(());
        }
        if failed.is_some_and(|failed| failed.elapsed() < RETRY) {
            return Err(StoreError::Unavailable);
        }
        let opened = panic::catch_unwind(AssertUnwindSafe(&self.open));
        match opened.unwrap_or_else(|_| Err(panicked())) {
            Ok(opened) => {
                *file = Some(opened);
                Ok(())
            }
            Err(refused) => {
                *failed = Some(Instant::now());
                if let Some(number) = FAILURES.add() {
                    tracing::error!(%refused, number, "the store cannot be opened again");
                }
                Err(StoreError::Unavailable)
            }
        }
    }
}

/// Logs why the file has failed, and returns what clients are told.
fn failure(error: Option<FileError>) -> StoreError {
    let error = error.map(|error| *error.0);
    let is_full = match &error {
        Some(redb::Error::Io(error)) => is_full(error),
        _ => false,
    };
    if let Some(number) = FAILURES.add() {
        let error = error.map_or("a panic".to_owned(), |error| error.to_string());
        tracing::error!(%error, number, "the store does not work");
    }
    match is_full {
        true => StoreError::DiskFull,
        false => StoreError::Unavailable,
    }
}

/// Whether there is no room for what was written.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Does something with a file that may be damaged. The database may panic then, and says so nowhere else:
/// while a command starts, no other thread is to panic.
pub(super) fn attempt<T>(work: impl FnOnce() -> Result<T, Refused>) -> Result<T, Refused> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(hook);
    done.unwrap_or_else(|_| Err(panicked()))
}

/// The database asserts what it expects of a file.
fn panicked() -> Refused {
    Refused::Damaged("the database can make no sense of it".to_owned())
}

/// Opens a store, or makes it where there is no file.
pub(super) fn open(path: &Path) -> Result<redb::Database, Refused> {
    let opened = match open_whole(path) {
        Err(Refused::Missing) => {
            make(path)?;
            open_whole(path)
        }
        opened => opened,
    };
    opened.map(|(file, _)| file)
}

/// Opens a store that is there, reads all of it, and says whether it was in order. One that is damaged is
/// not opened: its next change would have new checksums made over what is wrong.
pub(super) fn open_whole(path: &Path) -> Result<(redb::Database, bool), Refused> {
    let mut file = open_existing(path)?;
    let was_in_order = file.check_integrity()?;
    Ok((file, was_in_order))
}

/// Opens a store that is there.
fn open_existing(path: &Path) -> Result<redb::Database, Refused> {
    open_known(path).map_err(|refused| match refused {
        Refused::Foreign(_) => Refused::Foreign(Foreign::at(path)),
        Refused::Io(error) if error.kind() == io::ErrorKind::IsADirectory => {
            Refused::Foreign(Foreign::Folder)
        }
        refused => refused,
    })
}

/// The same, which does not look at what else it may be.
fn open_known(path: &Path) -> Result<redb::Database, Refused> {
    let file = builder(path).open(path)?;
    let read = file.begin_read().map_err(FileError::from)?;
    match tables::format(&read)? {
        Some(FORMAT) => {}
        Some(found) if found > FORMAT => {
            let known = FORMAT;
            return Err(Refused::Newer { found, known });
        }
        _ => return Err(Refused::Foreign(Foreign::Unknown)),
    }
    read.close().map_err(FileError::from)?;
    Ok(file)
}

fn builder(path: &Path) -> redb::Builder {
    let mut builder = redb::Database::builder();
    let shown = path.display().to_string();
    builder
        .set_cache_size(CACHE)
        // Which later versions of the database read too.
        .create_with_file_format_v3(true)
        .set_repair_callback(move |repair| {
            let percent = (repair.progress() * 100.0) as u32;
            tracing::info!(path = %shown, percent, "the store was not closed: it is being looked through");
        });
    builder
}

/// Makes an empty store beside the path, and then moves it there: whoever finds a file at the path finds a
/// whole one.
fn make(path: &Path) -> Result<(), Refused> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    private(&mut options);
    let file = options.open(&new).map_err(Refused::Io)?;
    let file = builder(&new).create_file(file)?;
    let changes = file.begin_write().map_err(FileError::from)?;
    tables::make(&changes)?;
    changes.commit().map_err(FileError::from)?;
    drop(file);
    fs::rename(&new, path).map_err(Refused::Io)?;
    sync_folder(path).map_err(Refused::Io)
}

/// What is kept is the server's own affair.
#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

/// The name of a new file is on the disk once its folder is.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
