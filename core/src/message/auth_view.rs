//! Auth fields, borrowed.

use core::fmt;

use crate::error::FrameErrorKind;
use crate::packify::{DecodeLimits, Pairs, ValueRef};

/// Auth fields, borrowed: what a plugin gets of a message that it checks.
// None where there are none.
#[derive(Clone, Copy)]
pub struct AuthView<'a>(Option<Pairs<'a>>);

/// The empty packify dict. netaio never sends a section shorter than this, and
/// its receivers fail on one.
pub(crate) const EMPTY_DICT: [u8; 3] = [0x4d, 0x40, 0x00];

impl<'a> AuthView<'a> {
    /// A section in netaio's format, without a copy.
    ///
    /// # Errors
    /// The bytes are no packify value within the limits, or no dict.
    pub fn decode(section: &'a [u8], limits: &DecodeLimits) -> Result<Self, FrameErrorKind> {
        if section.is_empty() || section == EMPTY_DICT {
            return Ok(Self(None));
        }
        match ValueRef::parse(section, limits).map_err(FrameErrorKind::AuthNotPackify)? {
            (ValueRef::Dict(pairs), _) => Ok(Self(Some(pairs))),
            _ => Err(FrameErrorKind::AuthNotADict),
        }
    }

    /// A section that [`decode`](Self::decode) accepted.
    #[inline]
    pub(crate) fn validated(section: &'a [u8]) -> Self {
        // Most messages have no fields; a dict that is not empty is longer.
        if section.len() <= EMPTY_DICT.len() {
            return Self(None);
        }
        Self(ValueRef::validated(section).as_dict())
    }

    #[inline]
    pub(super) fn pairs(self) -> Option<Pairs<'a>> {
        self.0
    }

    /// The field with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<ValueRef<'a>> {
        self.0?.get(name)
    }

    /// As [`get`](Self::get), for several names at once.
    #[must_use]
    pub fn get_each<const N: usize>(&self, names: [&str; N]) -> [Option<ValueRef<'a>>; N] {
        self.0.map_or([None; N], |pairs| pairs.get_each(names))
    }

    /// The packed value of the field with this name.
    #[must_use]
    pub fn get_packed(&self, name: &str) -> Option<&'a [u8]> {
        self.0?.get_packed(name)
    }

    /// All fields, in the order of the wire.
    pub fn iter(&self) -> impl Iterator<Item = (ValueRef<'a>, ValueRef<'a>)> + use<'a> {
        self.0.into_iter().flatten()
    }

    /// All fields, each as its packed key and its packed value, in the order of the wire.
    pub fn packed(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let pairs = self.0.map(|pairs| pairs.packed()).into_iter().flatten();
        pairs.map(|pair| (pair.key, pair.value))
    }
}

impl fmt::Debug for AuthView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
