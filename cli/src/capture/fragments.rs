//! IP packets that were sent in parts.

use std::collections::HashMap;
use std::net::IpAddr;

use super::packet::{Fragment, Ip};
use super::pieces::Pieces;

/// The most packets that are put together at a time; of more the older half is given up.
const PACKETS: usize = 256;

/// The longest packet, in bytes: 13 bits of offset, in units of 8 bytes, and the last part.
const LONGEST: u64 = 0x1_ffff;

/// Which packet a fragment is of.
type Key = (IpAddr, IpAddr, u8, u32);

struct Part {
    pieces: Pieces,
    /// The packet's length, once its end has come.
    len: Option<u64>,
    /// When it was heard of last, as the number of the fragment.
    heard: u64,
}

/// Puts fragments together.
#[derive(Default)]
pub(super) struct Fragments {
    parts: HashMap<Key, Part>,
    number: u64,
    /// Packets that were given up.
    pub(super) lost: u64,
}

impl Fragments {
    /// The packet's payload, once all of it is there.
    pub(super) fn add(&mut self, ip: &Ip<'_>, fragment: Fragment) -> Option<Vec<u8>> {
        self.number = self.number.saturating_add(1);
        let key = (
            ip.source,
            ip.destination,
            ip.protocol,
            fragment.identification,
        );
        let end = fragment.offset.saturating_add(ip.payload.len() as u64);
        if end > LONGEST {
            return None;
        }
        if self.parts.len() >= PACKETS && !self.parts.contains_key(&key) {
            self.give_up_older();
        }
        let part = self.parts.entry(key).or_insert_with(|| Part {
            pieces: Pieces::default(),
            len: None,
            heard: 0,
        });
        part.heard = self.number;
        part.pieces.insert(fragment.offset, ip.payload);
        if !fragment.more {
            part.len = Some(end);
        }
        let whole = part.len.and_then(|len| part.pieces.whole(len))?;
        self.parts.remove(&key);
        Some(whole)
    }

    fn give_up_older(&mut self) {
        let mut heard: Vec<_> = self.parts.values().map(|part| part.heard).collect();
        let (_, middle, _) = heard.select_nth_unstable(PACKETS / 2);
        let middle = *middle;
        let before = self.parts.len();
        self.parts.retain(|_, part| part.heard > middle);
        let lost = before.saturating_sub(self.parts.len());
        self.lost = self.lost.saturating_add(lost as u64);
    }

    /// Packets of which a part is missing.
    pub(super) fn incomplete(&self) -> u64 {
        self.lost.saturating_add(self.parts.len() as u64)
    }
}
