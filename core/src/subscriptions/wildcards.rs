//! Wildcards: what stands for many keys.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;

/// A set of wildcards, which finds those that a key matches segment by segment, without looking
/// at the others.
///
/// Segments are what is between two `/`. In a wildcard `*` is any one segment, and `**`, at the
/// end, all that follows, one segment at least: `sensors/*/readings`, `sensors/**`. It has one of
/// them at least, and 16 segments at most.
///
/// ```
/// use netaio_core::Wildcards;
///
/// let mut wildcards = Wildcards::new();
/// assert!(wildcards.insert(b"sensors/*/readings") && wildcards.insert(b"sensors/**"));
/// // Once is enough, and this is none.
/// assert!(!wildcards.insert(b"sensors/**") && !wildcards.insert(b"sensors/7*"));
/// let mut found = 0;
/// wildcards.find(b"sensors/7/readings", |_| found += 1);
/// wildcards.find(b"sensors/7", |wildcard| {
///     assert_eq!(wildcard, b"sensors/**");
///     found += 1;
/// });
/// wildcards.find(b"sensors", |_| found += 1);
/// assert_eq!(found, 3);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Wildcards {
    root: Segment,
    len: usize,
}

/// What wildcards have in common up to one of their segments.
#[derive(Clone, Debug, Default)]
struct Segment {
    named: BTreeMap<Box<[u8]>, Segment>,
    any: Option<Box<Segment>>,
    /// The wildcard that ends here.
    ends: Option<Arc<[u8]>>,
    /// The wildcard that takes all that follows.
    rest: Option<Arc<[u8]>>,
}

impl Wildcards {
    /// The most segments of a wildcard: a look-up goes no deeper.
    const SEGMENTS: usize = 16;

    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it is one: it has a `*` or a `**`, each of them a whole segment, `**` the last one,
    /// and no more segments than it may.
    #[must_use]
    pub fn is_wildcard(key: &[u8]) -> bool {
        let mut segments = key.split(|byte| *byte == b'/').peekable();
        let (mut count, mut wild) = (0_usize, false);
        while let Some(segment) = segments.next() {
            count = count.saturating_add(1);
            match segment {
                b"*" => wild = true,
                b"**" if segments.peek().is_none() => wild = true,
                name if name.contains(&b'*') => return false,
                _ => {}
            }
        }
        wild && count <= Self::SEGMENTS
    }

    /// Takes one in, and says whether it was not there. What [is none](Self::is_wildcard) is not
    /// taken.
    pub fn insert(&mut self, wildcard: &[u8]) -> bool {
        let is_new = Self::is_wildcard(wildcard) && self.root.insert(wildcard);
        self.len = self.len.saturating_add(usize::from(is_new));
        is_new
    }

    /// Takes one out, and says whether it was there.
    pub fn remove(&mut self, wildcard: &[u8]) -> bool {
        let was_there = Self::is_wildcard(wildcard) && self.root.remove(Some(wildcard));
        self.len = self.len.saturating_sub(usize::from(was_there));
        was_there
    }

    /// Hands over each wildcard that a key matches.
    pub fn find(&self, key: &[u8], mut found: impl FnMut(&[u8])) {
        if self.len > 0 {
            self.root.find(Some(key), &mut found);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Segment {
    fn insert(&mut self, wildcard: &[u8]) -> bool {
        let mut place = self;
        for segment in wildcard.split(|byte| *byte == b'/') {
            match segment {
                b"**" => return place.rest.replace(wildcard.into()).is_none(),
                b"*" => place = place.any.get_or_insert_default(),
                name => place = place.named.entry(name.into()).or_default(),
            }
        }
        place.ends.replace(wildcard.into()).is_none()
    }

    /// Removes what is left of a wildcard, with the segments that no other one has.
    fn remove(&mut self, wildcard: Option<&[u8]>) -> bool {
        let Some(wildcard) = wildcard else {
            return self.ends.take().is_some();
        };
        let (segment, left) = split(wildcard);
        match segment {
            b"**" => self.rest.take().is_some(),
            b"*" => {
                let removed = self.any.as_mut().is_some_and(|next| next.remove(left));
                self.any.take_if(|next| next.is_empty());
                removed
            }
            name => {
                let Some(next) = self.named.get_mut(name) else {
                    return false;
                };
                let removed = next.remove(left);
                if next.is_empty() {
                    self.named.remove(name);
                }
                removed
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.named.is_empty() && self.any.is_none() && self.ends.is_none() && self.rest.is_none()
    }

    /// Hands over each wildcard that matches what is left of a key.
    fn find(&self, key: Option<&[u8]>, found: &mut impl FnMut(&[u8])) {
        let Some(key) = key else {
            if let Some(wildcard) = &self.ends {
                found(wildcard);
            }
            return;
        };
        if let Some(wildcard) = &self.rest {
            found(wildcard);
        }
        let (segment, left) = split(key);
        if let Some(next) = self.named.get(segment) {
            next.find(left, found);
        }
        if let Some(next) = &self.any {
            next.find(left, found);
        }
    }
}

/// The first segment, and what is behind it.
fn split(key: &[u8]) -> (&[u8], Option<&[u8]>) {
    let end = key.iter().position(|byte| *byte == b'/');
    match end.and_then(|end| key.split_at_checked(end)) {
        Some((segment, left)) => (segment, left.get(1..)),
        None => (key, None),
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn what_is_taken_out_leaves_nothing() {
        let all = ["*", "**", "a/*", "a/**", "a/*/b", "a/*/b/**", "*/*/*"];
        let mut wildcards = Wildcards::new();
        for wildcard in all {
            assert!(wildcards.insert(wildcard.as_bytes()));
        }
        for absent in ["a", "a/b", "b/*", "*/*", "a/*/**", ""] {
            assert!(!wildcards.remove(absent.as_bytes()), "{absent}");
        }
        for (index, wildcard) in all.iter().enumerate() {
            assert_eq!(wildcards.len(), all.len() - index);
            assert!(wildcards.remove(wildcard.as_bytes()));
            let mut left = Vec::new();
            for key in ["a", "a/b", "a/b/b", "a/b/b/c", "x/y/z"] {
                wildcards.find(key.as_bytes(), |found| left.push(found.to_vec()));
            }
            assert!(!left.contains(&wildcard.as_bytes().to_vec()));
        }
        assert!(wildcards.is_empty() && wildcards.root.is_empty());
    }
}
