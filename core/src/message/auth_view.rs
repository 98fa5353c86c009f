//! Auth fields, borrowed.

use core::fmt;

use crate::error::FrameErrorKind;
use crate::packify::{DecodeLimits, Pairs, ValueRef};

/// Auth fields, borrowed: what a plugin gets of a message that it checks.
// A section that is valid, or nothing where there are no fields. It fits registers: what is larger is
// moved through memory, in other pieces than it was written, for which processors wait.
#[derive(Clone, Copy)]
pub struct AuthView<'a>(&'a [u8]);

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
            return Ok(Self(&[]));
        }
        match Pairs::parse(section, limits).map_err(FrameErrorKind::AuthNotPackify)? {
            Some(_) => Ok(Self(section)),
            None => Err(FrameErrorKind::AuthNotADict),
        }
    }

    /// A section that [`decode`](Self::decode) accepted.
    #[inline]
    pub(crate) const fn validated(section: &'a [u8]) -> Self {
        Self(section)
    }

    /// The section, or nothing where there are no fields.
    #[inline]
    pub(super) const fn section(self) -> &'a [u8] {
        self.0
    }

    #[inline]
    pub(super) fn pairs(self) -> Option<Pairs<'a>> {
        // Most messages have no fields; a dict that is not empty is longer.
        match self.0.len() <= EMPTY_DICT.len() {
            true => None,
            false => Pairs::validated(self.0),
        }
    }

    /// The field with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<ValueRef<'a>> {
        self.pairs()?.get(name)
    }

    /// The packed value of the field with this name.
    #[must_use]
    pub fn get_packed(&self, name: &str) -> Option<&'a [u8]> {
        self.pairs()?.get_packed(name)
    }

    /// As [`get_packed`](Self::get_packed), for several names at once.
    #[inline]
    #[must_use]
    pub fn get_each_packed<const N: usize>(&self, names: [&str; N]) -> [Option<&'a [u8]>; N] {
        self.pairs()
            .map_or([None; N], |pairs| pairs.get_each_packed(names))
    }

    /// All fields, in the order of the wire.
    pub fn iter(&self) -> impl Iterator<Item = (ValueRef<'a>, ValueRef<'a>)> + use<'a> {
        self.pairs().into_iter().flatten()
    }

    /// All fields, each as its packed key and its packed value, in the order of the wire.
    pub fn packed(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let pairs = self.pairs().map(|pairs| pairs.packed());
        let pairs = pairs.into_iter().flatten();
        pairs.map(|pair| (pair.key, pair.value))
    }
}

impl fmt::Debug for AuthView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
