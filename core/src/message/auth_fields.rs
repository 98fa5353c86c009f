//! The auth section: a packify dict that plugins read and write.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::auth_view::{AuthView, EMPTY_DICT};
use super::set_fields::{FieldForm, SetFields};

use crate::error::{FrameErrorKind, SealError};
use crate::packify::{self, DecodeLimits, Dict, Value, ValueRef};
use crate::small_bytes::SmallBytes;

/// The fields beside a message's body, in which plugins keep their nonces and
/// MACs. Names are strings as a rule; a receiver takes any packify value.
///
/// Fields are kept packed, as the section that is sent: reading one borrows its bytes; setting or
/// removing one writes all of them anew, in buffers that are used again for the next message.
#[derive(Clone)]
pub struct AuthFields(Repr);

#[derive(Clone)]
enum Repr {
    /// None, as most messages have.
    Empty,
    /// A received section, validated. One of few bytes, a correlation id say, is here itself.
    Received(SmallBytes),
    /// Fields that were set here.
    Set(Box<SetFields>),
}

impl Default for AuthFields {
    fn default() -> Self {
        Self::new()
    }
}

impl AuthFields {
    /// No fields.
    #[must_use]
    pub const fn new() -> Self {
        Self(Repr::Empty)
    }

    /// The fields of a section in netaio's format: a packify dict, or nothing.
    /// Bytes behind the dict are ignored, as netaio ignores them.
    ///
    /// # Errors
    /// The bytes are no packify value within the limits, or no dict.
    pub fn decode(section: Bytes, limits: &DecodeLimits) -> Result<Self, FrameErrorKind> {
        AuthView::decode(&section, limits)?;
        Ok(Self::from_validated(section))
    }

    /// The fields of a section that [`AuthView::decode`] accepted: the first
    /// `len` bytes of something longer.
    #[inline]
    pub(crate) fn from_validated_start(bytes: &Bytes, len: usize) -> Self {
        if len <= EMPTY_DICT.len() {
            return Self::new();
        }
        let len = len.min(bytes.len());
        let few = bytes.get(..len).and_then(SmallBytes::few);
        let section = few.unwrap_or_else(|| SmallBytes::Shared(bytes.slice(..len)));
        Self(Repr::Received(section))
    }

    fn from_validated(section: Bytes) -> Self {
        let len = section.len();
        Self::from_validated_start(&section, len)
    }

    /// The same fields, of which none is a slice of a receive buffer.
    #[must_use]
    pub(crate) fn into_owned(self) -> Self {
        match self.0 {
            Repr::Received(mut section) => {
                section.own();
                Self(Repr::Received(section))
            }
            set => Self(set),
        }
    }

    /// Whether it is known without a look that there are none.
    #[inline]
    pub(crate) fn is_bare(&self) -> bool {
        matches!(self.0, Repr::Empty)
    }

    /// The fields, borrowed.
    #[inline]
    #[must_use]
    pub fn view(&self) -> AuthView<'_> {
        match &self.0 {
            Repr::Empty => AuthView::validated(&[]),
            Repr::Received(section) => AuthView::validated(section),
            Repr::Set(fields) => fields.view(),
        }
    }

    /// The field with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<ValueRef<'_>> {
        self.view().get(name)
    }

    /// The field with this name, where it holds bytes.
    #[must_use]
    pub fn get_bytes(&self, name: &str) -> Option<&[u8]> {
        match self.get(name) {
            Some(ValueRef::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// Number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view().iter().count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Repr::Empty => true,
            Repr::Set(fields) => fields.is_empty(),
            Repr::Received(_) => self.view().packed().next().is_none(),
        }
    }

    /// Sets a field to bytes, the type that netaio's own plugins use.
    ///
    /// # Errors
    /// Name or bytes are longer than 4 GiB.
    pub fn set_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), SealError> {
        self.fields_mut().set_bytes(name, bytes)
    }

    /// Appends the fields of a plugin's form with their values. Says false, and does nothing,
    /// where one of them is there already, or the values do not fit the form.
    #[inline]
    pub(crate) fn fill<const N: usize>(&mut self, form: &FieldForm<N>, values: [&[u8]; N]) -> bool {
        self.fields_mut().fill(form, values)
    }

    /// Sets a field to a number.
    ///
    /// # Errors
    /// The name is longer than 4 GiB.
    pub fn set_u64(&mut self, name: &str, number: u64) -> Result<(), SealError> {
        let mut packed = Vec::new();
        packify::put_u64(&mut packed, number);
        self.set_packed(name, &packed)
    }

    /// Sets a field to a value that is packed already.
    pub(crate) fn set_packed(&mut self, name: &str, packed: &[u8]) -> Result<(), SealError> {
        self.fields_mut().set_packed(name, packed)
    }

    /// Sets a field to any value.
    ///
    /// # Errors
    /// The value cannot be packed: one of its parts is longer than 4 GiB.
    pub fn set(&mut self, name: &str, value: &Value) -> Result<(), SealError> {
        self.insert(&Value::Str(name.into()), value)
    }

    /// Sets a field whose name is any value, as netaio allows.
    ///
    /// # Errors
    /// Name or value cannot be packed.
    pub fn insert(&mut self, key: &Value, value: &Value) -> Result<(), SealError> {
        let key = key.to_vec().map_err(SealError::Auth)?;
        let value = value.to_vec().map_err(SealError::Auth)?;
        self.fields_mut().insert(&key, &value)
    }

    /// Removes a field and says whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        self.fields_mut().remove(name)
    }

    /// Removes every field and keeps the buffers.
    pub fn clear(&mut self) {
        match &mut self.0 {
            Repr::Set(fields) => fields.clear(),
            Repr::Empty | Repr::Received(_) => self.0 = Repr::Empty,
        }
    }

    /// Makes these the same fields as `other`'s, in the buffers already here.
    pub(crate) fn load(&mut self, other: &Self) {
        self.clear();
        if other.is_bare() {
            return;
        }
        if !matches!(self.0, Repr::Set(_)) {
            self.0 = Repr::Set(Box::default());
        }
        let Repr::Set(fields) = &mut self.0 else {
            return;
        };
        if let Repr::Set(others) = &other.0 {
            fields.load(others);
            return;
        }
        // The sender may have packed one key twice, and in any widths; what is
        // kept of that is what Python keeps, packed as packify packs it.
        let pairs = other.view();
        let pairs = pairs
            .iter()
            .map(|(key, value)| (key.to_value(), value.to_value()));
        // A validated section has keys that Python can hash, and values whose
        // lengths fit.
        fields.load_dict(Dict::from_pairs(pairs).unwrap_or_default());
    }

    /// The section in netaio's format, as [`encode`](Self::encode) makes it, unless the fields are a
    /// received section, which may be packed otherwise.
    #[inline]
    pub(crate) fn section(&self) -> Option<&[u8]> {
        match &self.0 {
            Repr::Empty => Some(&EMPTY_DICT),
            Repr::Set(fields) => Some(fields.section()),
            Repr::Received(_) => None,
        }
    }

    /// Appends the section in netaio's format: a dict with its items sorted by
    /// their packed bytes, in the smallest widths, as packify packs it.
    ///
    /// # Errors
    /// The fields together are longer than 4 GiB.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), SealError> {
        match self.section() {
            Some(section) => {
                out.extend_from_slice(section);
                Ok(())
            }
            None => {
                let mut canonical = Self::new();
                canonical.load(self);
                canonical.encode(out)
            }
        }
    }

    /// For a change: a received section is read first.
    fn fields_mut(&mut self) -> &mut SetFields {
        loop {
            match self.0 {
                Repr::Set(ref mut fields) => return fields,
                Repr::Empty => self.0 = Repr::Set(Box::default()),
                Repr::Received(_) => {
                    let received = core::mem::take(self);
                    self.0 = Repr::Set(Box::default());
                    self.load(&received);
                }
            }
        }
    }
}

impl fmt::Debug for AuthFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

impl PartialEq for AuthFields {
    /// Whether both encode to the same section.
    fn eq(&self, other: &Self) -> bool {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        self.encode(&mut a) == other.encode(&mut b) && a == b
    }
}

impl Eq for AuthFields {}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &[u8] = b"\x4d\x40\x03\x0f\x2d\x1e\
        \x4c\x40\x02\x04\x06\x43\x02ts\x41\x04abcd\
        \x4c\x40\x02\x06\x22\x43\x04hmac\x41\x20hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh\
        \x4c\x40\x02\x07\x12\x43\x05nonce\x41\x101111111111111111";

    fn example() -> AuthFields {
        let mut fields = AuthFields::new();
        fields.set_bytes("nonce", &[b'1'; 16]).unwrap();
        fields.set_bytes("ts", b"old!").unwrap();
        fields.set_bytes("hmac", &[b'h'; 32]).unwrap();
        fields.set_bytes("ts", b"abcd").unwrap();
        fields
    }

    #[test]
    fn fields_are_sorted_as_packify_sorts_them() {
        let mut out = Vec::new();
        example().encode(&mut out).unwrap();
        assert_eq!(out, EXAMPLE);
    }

    #[test]
    fn a_received_section_reads_and_edits_like_ones_own() {
        let section = Bytes::from([EXAMPLE, b"trailing"].concat());
        let mut received = AuthFields::decode(section, &DecodeLimits::DEFAULT).unwrap();
        assert_eq!(received, example());
        assert_eq!(received.get_bytes("ts"), Some(&b"abcd"[..]));
        assert!(received.remove("ts") && !received.remove("ts"));
        assert!(received.get("ts").is_none());
        assert_eq!(received.len(), 2);
    }

    #[test]
    fn odd_widths_and_keys_packed_twice_are_read_and_sent_as_python_does() {
        // "f" in two widths, the second one with the value that counts.
        let section: &[u8] = b"\x4d\x40\x02\x0c\x09\
            \x4c\x40\x02\x04\x03\x83\x00\x01f\x41\x01a\
            \x4c\x40\x02\x03\x01\x43\x01f\x00";
        let received =
            AuthFields::decode(Bytes::from_static(section), &DecodeLimits::DEFAULT).unwrap();
        assert!(received.get("f").unwrap().is_none());
        assert_eq!(received.view().get_packed("f"), Some(&[0][..]));
        let mut out = Vec::new();
        received.encode(&mut out).unwrap();
        assert_eq!(out, b"\x4d\x40\x01\x09\x4c\x40\x02\x03\x01\x43\x01f\x00");
        let mut edited = received;
        edited.set_bytes("other", b"").unwrap();
        assert!(edited.get("f").unwrap().is_none());
        assert_eq!(edited.len(), 2);
    }

    #[test]
    fn nothing_at_all_is_the_empty_dict_and_the_empty_dict_is_sent() {
        let empty = AuthFields::decode(Bytes::new(), &DecodeLimits::DEFAULT).unwrap();
        assert!(empty.is_empty());
        let mut out = Vec::new();
        empty.encode(&mut out).unwrap();
        assert_eq!(out, [0x4d, 0x40, 0x00]);
    }

    #[test]
    fn a_section_that_is_no_dict_is_refused() {
        let list = Bytes::from_static(&[0x4a, 0x40, 0x00]);
        let error = AuthFields::decode(list, &DecodeLimits::DEFAULT).unwrap_err();
        assert_eq!(error, FrameErrorKind::AuthNotADict);
    }

    #[test]
    fn many_fields_keep_their_order_too() {
        let mut fields = AuthFields::new();
        for index in 0..20u8 {
            fields
                .set(
                    &alloc::format!("f{index}"),
                    &Value::from(u32::from(index) * 300),
                )
                .unwrap();
        }
        let mut out = Vec::new();
        fields.encode(&mut out).unwrap();
        let again = AuthFields::decode(Bytes::from(out.clone()), &DecodeLimits::DEFAULT).unwrap();
        assert_eq!(
            (
                again.len(),
                Value::decode(&out, &DecodeLimits::DEFAULT)
                    .unwrap()
                    .to_vec()
                    .unwrap()
            ),
            (20, out)
        );
    }
}
