//! Auth fields, borrowed.

use core::fmt;

use super::packed_fields::PackedFields;
use crate::error::FrameErrorKind;
use crate::packify::{DecodeLimits, Pairs, ValueRef};

/// Auth fields, borrowed: what a plugin gets of a message that it checks.
#[derive(Clone, Copy)]
pub struct AuthView<'a>(View<'a>);

#[derive(Clone, Copy)]
enum View<'a> {
    Empty,
    Pairs(Pairs<'a>),
    Fields(&'a PackedFields),
}

/// The empty packify dict. netaio never sends a section shorter than this, and
/// its receivers fail on one.
pub(crate) const EMPTY_DICT: [u8; 3] = [0x4d, 0x40, 0x00];

impl<'a> AuthView<'a> {
    pub(super) fn of(fields: &'a PackedFields) -> Self {
        Self(View::Fields(fields))
    }

    /// A section in netaio's format, without a copy.
    ///
    /// # Errors
    /// The bytes are no packify value within the limits, or no dict.
    pub fn decode(section: &'a [u8], limits: &DecodeLimits) -> Result<Self, FrameErrorKind> {
        if section.is_empty() || section == EMPTY_DICT {
            return Ok(Self(View::Empty));
        }
        match ValueRef::parse(section, limits).map_err(FrameErrorKind::AuthNotPackify)? {
            (ValueRef::Dict(pairs), _) => Ok(Self(View::Pairs(pairs))),
            _ => Err(FrameErrorKind::AuthNotADict),
        }
    }

    /// A section that [`decode`](Self::decode) accepted.
    #[inline]
    pub(crate) fn validated(section: &'a [u8]) -> Self {
        // Most messages have no fields; a dict that is not empty is longer.
        if section.len() <= EMPTY_DICT.len() {
            return Self(View::Empty);
        }
        match ValueRef::validated(section) {
            ValueRef::Dict(pairs) => Self(View::Pairs(pairs)),
            _ => Self(View::Empty),
        }
    }

    /// The field with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<ValueRef<'a>> {
        match self.0 {
            View::Empty => None,
            View::Pairs(pairs) => pairs.get(name),
            View::Fields(fields) => fields.find(name).map(ValueRef::validated),
        }
    }

    /// As [`get`](Self::get), for several names at once.
    #[must_use]
    pub fn get_each<const N: usize>(&self, names: [&str; N]) -> [Option<ValueRef<'a>>; N] {
        match self.0 {
            View::Pairs(pairs) => pairs.get_each(names),
            _ => names.map(|name| self.get(name)),
        }
    }

    /// The packed value of the field with this name.
    #[must_use]
    pub fn get_packed(&self, name: &str) -> Option<&'a [u8]> {
        match self.0 {
            View::Empty => None,
            View::Pairs(pairs) => pairs.get_packed(name),
            View::Fields(fields) => fields.find(name),
        }
    }

    /// All fields, in the order of the wire or of their setting.
    pub fn iter(&self) -> impl Iterator<Item = (ValueRef<'a>, ValueRef<'a>)> + use<'a> {
        self.packed()
            .map(|(key, value)| (ValueRef::validated(key), ValueRef::validated(value)))
    }

    /// All fields, each as its packed key and its packed value: in the order of the wire.
    /// Fields that were set here come in the order that they will have there.
    pub fn for_each_in_order(&self, each: &mut dyn FnMut(&[u8], &[u8])) {
        match self.0 {
            View::Empty => {}
            View::Pairs(pairs) => pairs.packed().for_each(|pair| each(pair.key, pair.value)),
            View::Fields(fields) => fields.for_each_in_order(each),
        }
    }

    /// All fields, each as its packed key and its packed value.
    pub fn packed(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let (pairs, fields) = match self.0 {
            View::Empty => (None, None),
            View::Pairs(pairs) => (Some(pairs), None),
            View::Fields(fields) => (None, Some(fields)),
        };
        let entries = fields.into_iter().flat_map(PackedFields::iter);
        let pairs = pairs.into_iter().flat_map(|pairs| pairs.packed());
        let pairs = pairs.map(|pair| (pair.key, pair.value));
        pairs.chain(entries)
    }
}

impl fmt::Debug for AuthView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
