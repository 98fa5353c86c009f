//! The keys that have subscribers.

use core::hash::{BuildHasher, Hash, Hasher};

use slab::Slab;

use super::channel::Channel;
use crate::hashes::Hashes;
use crate::lines::{Line, Lines};

/// The channels, by their keys and by their ids. One is where the hash of its key says, with all
/// that a publication to one subscriber needs of it: where there are many, no cache has any of it,
/// and each place that another one leads to is waited for by itself.
#[derive(Clone, Debug)]
pub(super) struct Channels<S> {
    table: Lines<Channel<S>>,
    /// Where they are, by their ids.
    places: Slab<usize>,
}

impl<S> Line for Channel<S> {
    type Key = u32;

    #[inline]
    fn key(&self) -> u32 {
        self.tag
    }

    #[inline]
    fn hash(tag: u32, _: &Hashes) -> u64 {
        tag.into()
    }
}

/// A key as it is hashed, in one write.
struct Key<'a>(&'a [u8]);

impl Hash for Key<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0);
    }
}

impl<S: Copy> Channels<S> {
    /// Bytes that a channel takes, as a rule.
    pub(super) const EACH: usize = 2 * size_of::<Channel<S>>() + Self::PLACE;
    const PLACE: usize = size_of::<[usize; 2]>();

    /// None yet. `hashes`: the places are to be known to nobody.
    pub(super) fn new(hashes: Hashes) -> Self {
        Self {
            table: Lines::new(hashes),
            places: Slab::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub(super) fn hashes(&self) -> Hashes {
        self.table.hashes()
    }

    /// Changes the places of all of them.
    pub(super) fn set_hashes(&mut self, hashes: Hashes) {
        let old = core::mem::replace(&mut self.table, Lines::new(hashes));
        for mut channel in old.into_entries() {
            channel.tag = self.tag(channel.key());
            self.put(channel);
        }
    }

    #[inline]
    fn tag(&self, key: &[u8]) -> u32 {
        self.hashes().hash_one(Key(key)) as u32
    }

    /// The channel of a key.
    #[inline]
    pub(super) fn find(&self, key: &[u8]) -> Option<&Channel<S>> {
        let has_key = |channel: &Channel<S>| channel.key() == key;
        self.table
            .get(self.table.find_that(self.tag(key), has_key)?)
    }

    pub(super) fn get(&self, id: u32) -> Option<&Channel<S>> {
        self.table.get(*self.places.get(id as usize)?)
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Channel<S>> {
        self.table.get_mut(*self.places.get(id as usize)?)
    }

    /// Makes one for a key that has none, and returns its id.
    pub(super) fn open(&mut self, key: &[u8]) -> u32 {
        let id = u32::try_from(self.places.insert(0)).unwrap_or(u32::MAX);
        self.put(Channel::new(key, self.tag(key), id));
        id
    }

    fn put(&mut self, channel: Channel<S>) {
        let (id, places) = (channel.id as usize, &mut self.places);
        let moved = |channel: &Channel<S>, at| note(places, channel.id as usize, at);
        let at = self.table.insert_among(channel, moved);
        note(&mut self.places, id, at);
    }

    /// Removes one.
    pub(super) fn close(&mut self, id: u32) -> Option<Channel<S>> {
        let at = self.places.try_remove(id as usize)?;
        let mut moved = |channel: &Channel<S>, at| note(&mut self.places, channel.id as usize, at);
        let closed = self.table.remove_at(at, &mut moved);
        self.table.shrink(moved);
        closed
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Channel<S>> {
        self.table.iter()
    }

    /// Bytes of their memory, but for that of long keys and of subscribers behind the first.
    pub(super) fn bytes(&self) -> usize {
        let places = self.places.capacity().saturating_mul(Self::PLACE);
        self.table.bytes().saturating_add(places)
    }

    /// Bytes that one more takes. Tables that are full double.
    pub(super) fn growth(&self) -> usize {
        /// Entries that a slab has memory for once there is one in it.
        const FIRST: usize = 4;
        let places = match self.places.len() < self.places.capacity() {
            true => 0,
            false => self.places.capacity().max(FIRST),
        };
        let places = places.saturating_mul(Self::PLACE);
        self.table.bytes_growth().saturating_add(places)
    }
}

/// Notes where the channel of an id is.
fn note(places: &mut Slab<usize>, id: usize, at: usize) {
    if let Some(place) = places.get_mut(id) {
        *place = at;
    }
}
