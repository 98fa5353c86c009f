//! What goes wrong with a file, with its path.

use std::path::Path;

use super::database::attempt;
use super::refused::{Refused, RefusedFile};
use crate::error::CliError;

/// Does something with the file at the path.
pub(super) fn at<T>(path: &Path, work: impl FnOnce() -> Result<T, Refused>) -> Result<T, CliError> {
    attempt(work).map_err(|refused| refused_at(path, refused))
}

/// The error of the file at the path.
pub(super) fn refused_at(path: &Path, refused: Refused) -> CliError {
    let path = path.to_owned();
    RefusedFile { path, refused }.into()
}
