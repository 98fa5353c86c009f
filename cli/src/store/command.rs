//! `netaio store`.

use crate::args::{StoreCommand, StoreFile};
use crate::error::CliError;
use crate::stdio::error::say;
use crate::units;

use super::database;
use super::named::at;
use super::refused::{FileError, Refused};
use super::{dump, load, tables};

/// Looks into a store's file, or writes it.
pub(crate) fn store(command: StoreCommand) -> Result<(), CliError> {
    match command {
        StoreCommand::Check(options) => check(&options),
        StoreCommand::Dump(options) => dump::dump(&options),
        StoreCommand::Load(options) => load::load(&options),
    }
}

/// Looks through all of the file.
fn check(options: &StoreFile) -> Result<(), CliError> {
    let path = &options.path;
    let ((resources, bytes), was_in_order) = at(path, || {
        let (file, was_in_order) = database::open_whole(path)?;
        let read = file.begin_read().map_err(FileError::from)?;
        let (there, said) = (tables::count(&read)?, tables::usage(&read)?);
        if there != said {
            let text = format!(
                "it has {} resources that count {} bytes, and says {} and {}",
                there.0, there.1, said.0, said.1
            );
            return Err(Refused::Damaged(text));
        }
        Ok((there, was_in_order))
    })?;
    if !was_in_order {
        say(format_args!(
            "{}: it was not in order, and is now",
            path.display()
        ));
    }
    let what = units::plural(resources, "resource that counts", "resources that count");
    say(format_args!(
        "{}: {resources} {what} {bytes} bytes",
        path.display()
    ));
    Ok(())
}
