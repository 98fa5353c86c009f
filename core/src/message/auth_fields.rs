//! The auth section: a packify dict that plugins read and write.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

use bytes::Bytes;

use crate::error::{FrameErrorKind, SealError};
use crate::packify::{self, DecodeLimits, Dict, EncodeError, Pairs, Value, ValueRef};

/// The fields beside a message's body, in which plugins keep their nonces and
/// MACs. Names are strings as a rule; a receiver takes any packify value.
///
/// Fields are kept packed: reading one is a look at bytes, writing one appends
/// to a buffer that is used again for the next message.
#[derive(Clone, Default)]
pub struct AuthFields {
    /// A received section, validated, as it came; empty once `fields` is used.
    received: Bytes,
    fields: Fields,
}

/// Packed keys and values behind one another, and where each is.
#[derive(Clone, Default)]
struct Fields {
    packed: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    start: usize,
    key_len: usize,
    value_len: usize,
}

/// Everything in a validated section was within the limits once.
const VALIDATED: DecodeLimits = DecodeLimits {
    depth: usize::MAX,
    items: usize::MAX,
    packables: true,
};

impl AuthFields {
    /// No fields.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            received: Bytes::new(),
            fields: Fields {
                packed: Vec::new(),
                entries: Vec::new(),
            },
        }
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

    pub(crate) fn from_validated(section: Bytes) -> Self {
        Self {
            received: section,
            fields: Fields::default(),
        }
    }

    /// The fields, to look at.
    #[must_use]
    pub fn view(&self) -> AuthView<'_> {
        if self.received.is_empty() {
            AuthView(View::Fields(&self.fields))
        } else {
            AuthView::decode(&self.received, &VALIDATED).unwrap_or(AuthView(View::Empty))
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
        self.view().packed().next().is_none()
    }

    /// Sets a field to bytes, the type that netaio's own plugins use.
    ///
    /// # Errors
    /// Name or bytes are longer than 4 GiB.
    pub fn set_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), SealError> {
        let fields = self.fields_mut();
        fields.replace(
            |out| packify::put_str(out, name),
            |out| packify::put_bytes(out, bytes),
        )
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
        self.fields_mut().push(&key, &value);
        Ok(())
    }

    /// Removes a field and says whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let fields = self.fields_mut();
        let start = fields.packed.len();
        // A name too long to be packed is no field's.
        let found = packify::put_str(&mut fields.packed, name).is_ok() && fields.take_key_at(start);
        fields.packed.truncate(start);
        found
    }

    /// Removes every field and keeps the buffers.
    pub fn clear(&mut self) {
        self.received = Bytes::new();
        self.fields.packed.clear();
        self.fields.entries.clear();
    }

    /// Makes these the same fields as `other`'s, in the buffers already here.
    pub(crate) fn load(&mut self, other: &Self) {
        self.clear();
        if other.received.is_empty() {
            for (key, value) in other.view().packed() {
                self.fields.append(key, value);
            }
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
        for (key, value) in Dict::from_pairs(pairs).unwrap_or_default() {
            if let (Ok(key), Ok(value)) = (key.to_vec(), value.to_vec()) {
                self.fields.append(&key, &value);
            }
        }
    }

    /// Appends the section in netaio's format: a dict with its items sorted by
    /// their packed bytes, in the smallest widths, as packify packs it.
    ///
    /// # Errors
    /// The fields together are longer than 4 GiB.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), SealError> {
        if !self.received.is_empty() {
            let mut canonical = Self::new();
            canonical.load(self);
            canonical.fields.encode(out)
        } else {
            self.fields.encode(out)
        }
        .map_err(SealError::Auth)
    }

    fn fields_mut(&mut self) -> &mut Fields {
        if !self.received.is_empty() {
            let received = Self::from_validated(core::mem::take(&mut self.received));
            self.load(&received);
        }
        &mut self.fields
    }
}

impl Fields {
    /// Writes key and value behind the rest, in place of an equal key's.
    fn replace(
        &mut self,
        key: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
        value: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
    ) -> Result<(), SealError> {
        let start = self.packed.len();
        let lens = key(&mut self.packed).and_then(|()| {
            let key_len = self.packed.len().saturating_sub(start);
            self.take_key_at(start);
            value(&mut self.packed)?;
            Ok((
                key_len,
                self.packed
                    .len()
                    .saturating_sub(start)
                    .saturating_sub(key_len),
            ))
        });
        match lens {
            Ok((key_len, value_len)) => {
                self.entries.push(Entry {
                    start,
                    key_len,
                    value_len,
                });
                Ok(())
            }
            Err(error) => {
                self.packed.truncate(start);
                Err(SealError::Auth(error))
            }
        }
    }

    /// As [`replace`](Self::replace), with key and value packed already.
    fn push(&mut self, key: &[u8], value: &[u8]) {
        let start = self.packed.len();
        self.packed.extend_from_slice(key);
        self.take_key_at(start);
        self.packed.truncate(start);
        self.append(key, value);
    }

    /// Writes a key that is not there yet, and its value.
    fn append(&mut self, key: &[u8], value: &[u8]) {
        let start = self.packed.len();
        self.packed.extend_from_slice(key);
        self.packed.extend_from_slice(value);
        self.entries.push(Entry {
            start,
            key_len: key.len(),
            value_len: value.len(),
        });
    }

    /// Removes the entry whose key is the bytes from `start` to the end. Its
    /// bytes stay until the buffer is cleared; a message sets few fields.
    fn take_key_at(&mut self, start: usize) -> bool {
        let wanted = self.packed.get(start..).unwrap_or_default();
        let position = self
            .entries
            .iter()
            .position(|entry| self.key(entry) == wanted);
        position.map(|at| self.entries.remove(at)).is_some()
    }

    fn key(&self, entry: &Entry) -> &[u8] {
        let end = entry.start.saturating_add(entry.key_len);
        self.packed.get(entry.start..end).unwrap_or_default()
    }

    fn value(&self, entry: &Entry) -> &[u8] {
        let start = entry.start.saturating_add(entry.key_len);
        let end = start.saturating_add(entry.value_len);
        self.packed.get(start..end).unwrap_or_default()
    }

    /// Order of the packed tuples `(key, value)`: their headers hold the width
    /// of the lengths and the two lengths, then come the key and the value.
    fn order(&self, a: &Entry, b: &Entry) -> Ordering {
        let header = |entry: &Entry| {
            let len = packify::tuple2_header_len(entry.key_len, entry.value_len);
            (len.unwrap_or(usize::MAX), entry.key_len, entry.value_len)
        };
        header(a)
            .cmp(&header(b))
            .then_with(|| self.key(a).cmp(self.key(b)))
            .then_with(|| self.value(a).cmp(self.value(b)))
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        // Eight on the stack: messages carry three to five.
        let mut few = [0usize; 8];
        let mut many;
        let order: &mut [usize] = match few.get_mut(..self.entries.len()) {
            Some(few) => few,
            None => {
                many = alloc::vec![0; self.entries.len()];
                &mut many
            }
        };
        for (index, slot) in order.iter_mut().enumerate() {
            *slot = index;
        }
        order.sort_unstable_by(|a, b| match (self.entries.get(*a), self.entries.get(*b)) {
            (Some(a), Some(b)) => self.order(a, b),
            _ => Ordering::Equal,
        });
        let item_lens = order.iter().map(|index| {
            let entry = self.entries.get(*index)?;
            let header_len = packify::tuple2_header_len(entry.key_len, entry.value_len).ok()?;
            Some(
                header_len
                    .saturating_add(entry.key_len)
                    .saturating_add(entry.value_len),
            )
        });
        packify::put_dict_header(out, item_lens.map(|len| len.unwrap_or(usize::MAX)))?;
        for entry in order.iter().filter_map(|index| self.entries.get(*index)) {
            packify::put_tuple2_header(out, entry.key_len, entry.value_len)?;
            out.extend_from_slice(self.key(entry));
            out.extend_from_slice(self.value(entry));
        }
        Ok(())
    }
}

/// Auth fields, borrowed: what a plugin is shown of a message it has to check.
#[derive(Clone, Copy)]
pub struct AuthView<'a>(View<'a>);

#[derive(Clone, Copy)]
enum View<'a> {
    Empty,
    Pairs(Pairs<'a>),
    Fields(&'a Fields),
}

impl<'a> AuthView<'a> {
    /// A section in netaio's format, without a copy.
    ///
    /// # Errors
    /// As [`AuthFields::decode`].
    pub fn decode(section: &'a [u8], limits: &DecodeLimits) -> Result<Self, FrameErrorKind> {
        if section.is_empty() {
            return Ok(Self(View::Empty));
        }
        match ValueRef::parse(section, limits).map_err(FrameErrorKind::AuthNotPackify)? {
            (ValueRef::Dict(pairs), _) => Ok(Self(View::Pairs(pairs))),
            _ => Err(FrameErrorKind::AuthNotADict),
        }
    }

    /// The field with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<ValueRef<'a>> {
        match self.0 {
            View::Empty => None,
            View::Pairs(pairs) => pairs.get(name),
            View::Fields(_) => self
                .iter()
                .find(|(key, _)| matches!(key, ValueRef::Str(key) if *key == name))
                .map(|(_, value)| value),
        }
    }

    /// All fields, in the order of the wire or of their setting.
    pub fn iter(&self) -> impl Iterator<Item = (ValueRef<'a>, ValueRef<'a>)> + use<'a> {
        self.packed().filter_map(|(key, value)| {
            let (key, _) = ValueRef::parse(key, &VALIDATED).ok()?;
            let (value, _) = ValueRef::parse(value, &VALIDATED).ok()?;
            Some((key, value))
        })
    }

    /// All fields, each as its packed key and its packed value.
    pub fn packed(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let (pairs, fields) = match self.0 {
            View::Empty => (None, None),
            View::Pairs(pairs) => (Some(pairs), None),
            View::Fields(fields) => (None, Some(fields)),
        };
        let entries = fields.into_iter().flat_map(|fields| {
            let entries = fields.entries.iter();
            entries.map(move |entry| (fields.key(entry), fields.value(entry)))
        });
        let pairs = pairs.into_iter().flat_map(|pairs| pairs.packed());
        pairs.map(|pair| (pair.key, pair.value)).chain(entries)
    }
}

impl fmt::Debug for AuthView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
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
