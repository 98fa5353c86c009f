//! The auth fields that a frame begins with, besides those that plugins make.

use crate::error::SealError;
use crate::message::AuthFields;

/// The field for correlation ids, as the frame is to have it whatever the message
/// has.
#[derive(Clone, Copy)]
pub(crate) struct CorrelationField<'a> {
    pub(crate) name: &'a str,
    /// The id that the frame is to carry, packed.
    pub(crate) id: Option<&'a [u8]>,
}

impl CorrelationField<'_> {
    pub(super) fn put(self, fields: &mut AuthFields) -> Result<(), SealError> {
        match self.id {
            Some(id) => fields.set_packed(self.name, id),
            None => {
                fields.remove(self.name);
                Ok(())
            }
        }
    }
}

/// A field that is the link's, as the frame is to have it whatever the message has.
#[derive(Clone, Copy)]
pub(crate) struct LinkField<'a> {
    pub(crate) name: &'a str,
    /// Its bytes, where the frame is to have it.
    pub(crate) value: Option<&'a [u8]>,
}

impl LinkField<'_> {
    pub(super) fn put(self, fields: &mut AuthFields) -> Result<(), SealError> {
        match self.value {
            Some(value) => fields.set_bytes(self.name, value),
            None if fields.is_empty() => Ok(()),
            None => {
                fields.remove(self.name);
                Ok(())
            }
        }
    }
}

/// What a frame has of the auth fields that its message has already.
#[derive(Clone, Copy)]
pub(crate) enum Fields<'a> {
    /// Those that no plugin makes, and what becomes of the correlation id and of the fields
    /// that are the link's.
    Fresh(Option<CorrelationField<'a>>, &'a [LinkField<'a>]),
    /// All of them, and plugins keep what they keep.
    AsGiven,
}
