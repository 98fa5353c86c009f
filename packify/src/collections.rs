//! What sets and dicts do: no two equal entries, kept in the order in which they are packed.

use alloc::vec::{self, Vec};
use core::slice;

use crate::equality;
use crate::error::Unhashable;
use crate::order;
use crate::value::{Dict, Set, Value};

impl Set {
    /// An empty one.
    pub const fn new() -> Self {
        Self { items: Vec::new() }
    }

    /// Of equal values the first one stays.
    ///
    /// # Errors
    ///
    /// [`Unhashable`] if one of the values is.
    pub fn from_values(values: impl IntoIterator<Item = Value>) -> Result<Self, Unhashable> {
        let items: Vec<Value> = values.into_iter().collect();
        if !items.iter().all(Value::is_hashable) {
            return Err(Unhashable);
        }
        Ok(Self::of_hashable(items))
    }

    pub(crate) fn of_hashable(mut items: Vec<Value>) -> Self {
        equality::merge_equal(&mut items, |item| item, |_, _| {});
        items.sort_unstable_by(order::cmp_packed);
        Self { items }
    }

    /// Adds `value` unless an equal one is there. Returns whether it was added. O(n).
    ///
    /// # Errors
    ///
    /// [`Unhashable`] if the value is.
    pub fn insert(&mut self, value: Value) -> Result<bool, Unhashable> {
        if !value.is_hashable() {
            return Err(Unhashable);
        }
        if self.contains(&value) {
            return Ok(false);
        }
        let at = self
            .items
            .partition_point(|item| order::cmp_packed(item, &value).is_lt());
        self.items.insert(at, value);
        Ok(true)
    }

    /// Takes the item out that equals `value`. O(n).
    pub fn remove(&mut self, value: &Value) -> Option<Value> {
        let at = self
            .items
            .iter()
            .position(|item| equality::equal(item, value))?;
        Some(self.items.remove(at))
    }

    /// Whether an item equals `value`. O(n).
    pub fn contains(&self, value: &Value) -> bool {
        self.items.iter().any(|item| equality::equal(item, value))
    }

    /// The number of items.
    pub const fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The items in packed order.
    pub fn iter(&self) -> slice::Iter<'_, Value> {
        self.items.iter()
    }
}

impl IntoIterator for Set {
    type Item = Value;
    type IntoIter = vec::IntoIter<Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<'a> IntoIterator for &'a Set {
    type Item = &'a Value;
    type IntoIter = slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl Dict {
    /// An empty one.
    pub const fn new() -> Self {
        Self { pairs: Vec::new() }
    }

    /// Of equal keys the first one stays, with the value of the last one, as in Python.
    ///
    /// # Errors
    ///
    /// [`Unhashable`] if one of the keys is.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (Value, Value)>) -> Result<Self, Unhashable> {
        let pairs: Vec<_> = pairs.into_iter().collect();
        if !pairs.iter().all(|(key, _)| key.is_hashable()) {
            return Err(Unhashable);
        }
        Ok(Self::of_hashable(pairs))
    }

    pub(crate) fn of_hashable(mut pairs: Vec<(Value, Value)>) -> Self {
        equality::merge_equal(
            &mut pairs,
            |(key, _)| key,
            |first, last| core::mem::swap(&mut first.1, &mut last.1),
        );
        pairs.sort_unstable_by(order::cmp_packed_pair);
        Self { pairs }
    }

    /// Sets the value of `key`, and returns the one it had. A key that equals one which is
    /// there leaves that one in place. O(n).
    ///
    /// # Errors
    ///
    /// [`Unhashable`] if the key is.
    pub fn insert(
        &mut self,
        key: impl Into<Value>,
        value: impl Into<Value>,
    ) -> Result<Option<Value>, Unhashable> {
        let key = key.into();
        if !key.is_hashable() {
            return Err(Unhashable);
        }
        let mut pair = (key, value.into());
        let mut old = None;
        if let Some(at) = self.position(&pair.0) {
            let (key, value) = self.pairs.remove(at);
            pair.0 = key;
            old = Some(value);
        }
        // The order goes by the value too.
        let at = self
            .pairs
            .partition_point(|other| order::cmp_packed_pair(other, &pair).is_lt());
        self.pairs.insert(at, pair);
        Ok(old)
    }

    /// The value of the `str` key `key`. O(n).
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.pairs
            .iter()
            .find(|pair| pair.0.as_str() == Some(key))
            .map(|(_, value)| value)
    }

    /// The value of a key of any type. O(n).
    pub fn get_value(&self, key: &Value) -> Option<&Value> {
        self.pairs
            .iter()
            .find(|pair| equality::equal(&pair.0, key))
            .map(|(_, value)| value)
    }

    /// Takes out the value of a key. O(n).
    pub fn remove(&mut self, key: &Value) -> Option<Value> {
        self.position(key).map(|at| self.pairs.remove(at).1)
    }

    fn position(&self, key: &Value) -> Option<usize> {
        self.pairs
            .iter()
            .position(|pair| equality::equal(&pair.0, key))
    }

    /// The number of pairs.
    pub const fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The pairs in packed order.
    pub fn iter(&self) -> slice::Iter<'_, (Value, Value)> {
        self.pairs.iter()
    }
}

impl IntoIterator for Dict {
    type Item = (Value, Value);
    type IntoIter = vec::IntoIter<(Value, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.pairs.into_iter()
    }
}

impl<'a> IntoIterator for &'a Dict {
    type Item = &'a (Value, Value);
    type IntoIter = slice::Iter<'a, (Value, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.pairs.iter()
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use super::*;

    #[test]
    fn sets_keep_the_first_of_equal_values() {
        let mut set = Set::from_values([2.into(), true.into(), 1.into(), 1.0.into()]).unwrap();
        assert_eq!(set.as_slice(), [true.into(), 2.into()]);
        assert_eq!(set.insert(1.into()), Ok(false));
        assert_eq!(set.insert(b"x".into()), Ok(true));
        assert_eq!(set.as_slice(), [true.into(), b"x".into(), 2.into()]);
        assert!(set.contains(&2.0.into()));
        assert_eq!(set.remove(&2.0.into()), Some(2.into()));
        assert_eq!(set.len(), 2);
    }

    #[test]
    fn dicts_keep_the_first_key_and_the_last_value() {
        let pairs = [
            (1.into(), "a".into()),
            (2.into(), "b".into()),
            (true.into(), "c".into()),
        ];
        let mut dict = Dict::from_pairs(pairs).unwrap();
        assert_eq!(
            dict.as_slice(),
            [(1.into(), "c".into()), (2.into(), "b".into())]
        );
        assert_eq!(dict.insert(1.0, "d"), Ok(Some("c".into())));
        assert_eq!(dict.get_value(&true.into()), Some(&"d".into()));
        assert_eq!(dict.remove(&2.into()), Some("b".into()));
        assert_eq!(dict.as_slice(), [(1.into(), "d".into())]);
    }

    #[test]
    fn dicts_are_in_packed_order_after_each_insertion() {
        let mut dict = Dict::new();
        for (key, value) in [("nonce", &[1; 16][..]), ("ts", b"ts"), ("hmac", &[2; 32])] {
            assert_eq!(dict.insert(key, value), Ok(None));
        }
        let keys: Vec<_> = dict.iter().filter_map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["ts", "hmac", "nonce"]);
        dict.insert("ts", [0; 300]).unwrap();
        assert_eq!(dict.as_slice()[2].0, "ts".into());
        assert_eq!(dict, Dict::from_pairs(dict.clone()).unwrap());
    }

    #[test]
    fn many_keys_merge_as_few_do() {
        let pairs = (0..1000).map(|n| ((n % 100).to_string().into(), n.into()));
        let dict = Dict::from_pairs(pairs).unwrap();
        assert_eq!(dict.len(), 100);
        assert_eq!(dict.get("7"), Some(&907.into()));
    }

    #[test]
    fn what_python_cannot_hash_is_refused() {
        for value in [
            Value::List(vec![]),
            Value::ByteArray(vec![]),
            Set::new().into(),
            Dict::new().into(),
            (1, Vec::<Value>::new()).into(),
            crate::Decimal::parse("snan").unwrap().into(),
        ] {
            assert_eq!(Set::from_values([value.clone()]), Err(Unhashable));
            assert_eq!(Set::new().insert(value.clone()), Err(Unhashable));
            assert_eq!(
                Dict::from_pairs([(value.clone(), 1.into())]),
                Err(Unhashable)
            );
            assert_eq!(Dict::new().insert(value, 1), Err(Unhashable));
        }
    }
}
