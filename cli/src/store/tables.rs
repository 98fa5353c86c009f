//! What is in the file.

use bytes::Bytes;
use netaio_core::Change;
use netaio_driver::resources::{StoreError, StoreLimits};
use redb::{
    ReadTransaction, ReadableTable, ReadableTableMetadata, Table, TableDefinition, WriteTransaction,
};

use super::refused::FileError;

/// The format of the file: which tables it has, and what is in them. One that reads differently has another
/// number.
pub(super) const FORMAT: u64 = 1;

/// The content of each uri.
pub(super) const RESOURCES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("resources");

/// Numbers by their names.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("netaio");

/// The name of the format's number.
const FORMAT_NAME: &str = "format";

/// The name of the number of transactions that have changed resources.
const COMMITS_NAME: &str = "commits";

/// The name of the bytes that all resources count.
const BYTES_NAME: &str = "bytes";

/// Makes the tables of an empty file.
pub(super) fn make(changes: &WriteTransaction) -> Result<(), FileError> {
    changes.open_table(RESOURCES)?;
    let mut numbers = changes.open_table(NUMBERS)?;
    numbers.insert(FORMAT_NAME, FORMAT)?;
    numbers.insert(BYTES_NAME, 0)?;
    numbers.insert(COMMITS_NAME, 0)?;
    Ok(())
}

/// The format of a file, if it is one of a store.
pub(super) fn format(file: &ReadTransaction) -> Result<Option<u64>, FileError> {
    match file.open_table(NUMBERS) {
        Ok(numbers) => Ok(numbers.get(FORMAT_NAME)?.map(|format| format.value())),
        Err(redb::TableError::Storage(error)) => Err(error.into()),
        // No such table, or one of another kind.
        Err(_) => Ok(None),
    }
}

/// The number of resources, and the bytes that they count.
pub(super) fn usage(file: &ReadTransaction) -> Result<(u64, u64), FileError> {
    let numbers = file.open_table(NUMBERS)?;
    let bytes = numbers.get(BYTES_NAME)?.map_or(0, |bytes| bytes.value());
    Ok((file.open_table(RESOURCES)?.len()?, bytes))
}

/// The number of transactions that have changed resources.
pub(super) fn commits(file: &ReadTransaction) -> Result<u64, FileError> {
    let commits = file.open_table(NUMBERS)?.get(COMMITS_NAME)?;
    Ok(commits.map_or(0, |commits| commits.value()))
}

/// The tables in a transaction that changes them.
pub(super) struct Tables<'a> {
    resources: Table<'a, &'static [u8], &'static [u8]>,
    numbers: Table<'a, &'static str, u64>,
    bytes: u64,
}

impl<'a> Tables<'a> {
    pub(super) fn open(changes: &'a WriteTransaction) -> Result<Self, FileError> {
        let numbers = changes.open_table(NUMBERS)?;
        let bytes = numbers.get(BYTES_NAME)?.map_or(0, |bytes| bytes.value());
        Ok(Self {
            resources: changes.open_table(RESOURCES)?,
            numbers,
            bytes,
        })
    }

    /// Makes a change, or returns why it cannot be made: then nothing is changed.
    ///
    /// # Errors
    /// The outer one: the file's.
    pub(super) fn change(
        &mut self,
        change: Change,
        uri: &Bytes,
        content: &Bytes,
        limits: &StoreLimits,
    ) -> Result<Result<(), StoreError>, FileError> {
        let old = self.resources.get(&**uri)?;
        let freed = old.map(|old| StoreLimits::size(uri, old.value()));
        let checked = match (change, freed) {
            (Change::Created, Some(_)) => Err(StoreError::Exists),
            (Change::Created, None) => {
                let number = self.resources.len()?;
                let fits = limits.check_content(content);
                fits.and_then(|()| limits.check_number(number))
            }
            (_, None) => Err(StoreError::NotFound),
            (Change::Updated, Some(_)) => limits.check_content(content),
            (_, Some(_)) => Ok(()),
        };
        let added = match change {
            Change::Deleted => 0,
            _ => StoreLimits::size(uri, content),
        };
        let bytes = self.bytes.saturating_sub(freed.unwrap_or(0));
        let bytes = bytes.saturating_add(added);
        let checked = checked.and_then(|()| match change {
            Change::Deleted => Ok(()),
            _ => limits.check_bytes(bytes),
        });
        if checked.is_ok() {
            match change {
                Change::Deleted => drop(self.resources.remove(&**uri)?),
                _ => drop(self.resources.insert(&**uri, &**content)?),
            }
            self.bytes = bytes;
        }
        Ok(checked)
    }

    /// The number of transactions before this one.
    pub(super) fn commits(&self) -> Result<u64, FileError> {
        let commits = self.numbers.get(COMMITS_NAME)?;
        Ok(commits.map_or(0, |commits| commits.value()))
    }

    /// Notes what the resources count, and returns their number and that.
    pub(super) fn finish(mut self) -> Result<(u64, u64), FileError> {
        let commits = self.commits()?.saturating_add(1);
        self.numbers.insert(COMMITS_NAME, commits)?;
        self.numbers.insert(BYTES_NAME, self.bytes)?;
        Ok((self.resources.len()?, self.bytes))
    }
}

/// Counts what is in the file, one resource after the other.
pub(super) fn count(file: &ReadTransaction) -> Result<(u64, u64), FileError> {
    let (mut resources, mut bytes) = (0_u64, 0_u64);
    for entry in file.open_table(RESOURCES)?.iter()? {
        let (uri, content) = entry?;
        resources = resources.saturating_add(1);
        bytes = bytes.saturating_add(StoreLimits::size(uri.value(), content.value()));
    }
    Ok((resources, bytes))
}
