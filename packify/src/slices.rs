//! Cuts containers into the slices of their items.

use crate::head::{self, Head, Table};
use crate::short;

/// The slices that a container gives its items.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slices<'a> {
    table: Table<'a>,
    rest: &'a [u8],
}

impl<'a> Slices<'a> {
    /// Of a container whose lengths are in `table`, and whose items `rest` begins with.
    pub(crate) const fn new(table: Table<'a>, rest: &'a [u8]) -> Self {
        Self { table, rest }
    }

    /// How many are left.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.table.count()
    }

    /// The next one.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<&'a [u8]> {
        let (item, rest) = self.rest.split_at_checked(self.table.next_len()?)?;
        self.rest = rest;
        Some(item)
    }

    /// The slices of key and value, of a dict's item.
    #[inline]
    pub(crate) fn of_pair(item: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        head::pair(item, item.len())
            .ok()
            .map(|pair| (pair.key, pair.value))
    }
}

/// `slice` up to the end of the value that it begins with.
#[inline]
pub(crate) fn trim(slice: &[u8]) -> &[u8] {
    match short::first(slice) {
        Some(value) => value,
        None => trim_any(slice),
    }
}

fn trim_any(slice: &[u8]) -> &[u8] {
    let Ok((head, mut rest)) = head::head(slice, slice.len()) else {
        return slice;
    };
    if let Head::Container(_, table) = head {
        let mut slices = Slices::new(table, rest);
        while slices.next().is_some() {}
        rest = slices.rest;
    }
    slice
        .split_at_checked(slice.len().saturating_sub(rest.len()))
        .map_or(slice, |(value, _)| value)
}
