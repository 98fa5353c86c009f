//! What is sealed: messages and their receipts.
//!
//! X25519 keeps a content between two peers, and no more: who records a message can send it again,
//! later, or back to its sender. So a letter names the sessions of both, which are random and are
//! announced with the key, and has a number that grows.

use std::collections::{BTreeMap, BTreeSet};

use netaio_tokio::core::packify::as_bytes;
use serde::{Deserialize, Serialize};

use crate::name::Name;

/// Bytes of the longest text: a letter of that length is in one packet of an Ethernet.
pub(crate) const MAX_TEXT: usize = 1000;

/// Numbers that are remembered of each sender; what is older than all of them is refused.
const REMEMBERED: usize = 64;

/// A run of the program: random bytes, as many as a key has, so that they are found in the data of a
/// peer as a key is.
pub(crate) type Session = [u8; 32];

/// A message to one receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Letter {
    /// Its sender's name.
    pub(crate) name: String,
    /// The sender's session.
    #[serde(serialize_with = "as_bytes")]
    pub(crate) from: Vec<u8>,
    /// The receiver's.
    #[serde(serialize_with = "as_bytes")]
    pub(crate) to: Vec<u8>,
    /// Grows with each letter of a sender, over its restarts too.
    pub(crate) number: u64,
    /// It went to all.
    pub(crate) everyone: bool,
    pub(crate) text: String,
}

/// The answer to a letter: it was received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    #[serde(serialize_with = "as_bytes")]
    pub(crate) received_by: Vec<u8>,
    #[serde(serialize_with = "as_bytes")]
    pub(crate) sent_by: Vec<u8>,
    pub(crate) number: u64,
}

impl Receipt {
    pub(crate) fn of(letter: &Letter) -> Self {
        Self {
            received_by: letter.to.clone(),
            sent_by: letter.from.clone(),
            number: letter.number,
        }
    }
}

/// Whether a letter has come before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    First,
    /// Sent again, since its receipt was lost, or by somebody who has recorded it.
    Again,
    /// Older than all that are remembered.
    TooOld,
}

/// The letters that have come. Senders are remembered who have a key that is trusted, so there are
/// no more of them than that.
#[derive(Debug, Default)]
pub(crate) struct Received(BTreeMap<Name, BTreeSet<u64>>);

impl Received {
    pub(crate) fn take(&mut self, from: &Name, number: u64) -> Arrival {
        let numbers = self.0.entry(from.clone()).or_default();
        if numbers.contains(&number) {
            return Arrival::Again;
        }
        if numbers.len() >= REMEMBERED {
            if numbers.first().is_some_and(|oldest| number < *oldest) {
                return Arrival::TooOld;
            }
            numbers.pop_first();
        }
        numbers.insert(number);
        Arrival::First
    }
}

#[cfg(test)]
mod tests {
    use netaio_tokio::Packed;

    use super::*;

    #[test]
    fn letters_are_packed_and_read() {
        let letter = Letter {
            name: "alice".into(),
            from: vec![1; 32],
            to: vec![2; 32],
            number: u64::MAX,
            everyone: true,
            text: "☂ \u{1b}".into(),
        };
        let packed = Packed(&letter).to_bytes().unwrap();
        assert_eq!(Packed::<Letter>::from_bytes(&packed).unwrap().0, letter);
        let receipt = Receipt::of(&letter);
        let of_receipt = Packed(&receipt).to_bytes().unwrap();
        assert_eq!(
            Packed::<Receipt>::from_bytes(&of_receipt).unwrap().0,
            receipt
        );
        // Neither passes for the other.
        assert!(Packed::<Letter>::from_bytes(&of_receipt).is_err());
        assert!(Packed::<Receipt>::from_bytes(&packed).is_err());
    }

    #[test]
    fn a_letter_arrives_once() {
        let mut received = Received::default();
        let [alice, bob] = ["alice", "bob"].map(|name| name.parse().unwrap());
        assert_eq!(received.take(&alice, 7), Arrival::First);
        assert_eq!(received.take(&alice, 7), Arrival::Again);
        assert_eq!(received.take(&bob, 7), Arrival::First);
        // One that was overtaken.
        assert_eq!(received.take(&alice, 6), Arrival::First);
        for number in 0..1000 {
            received.take(&alice, 1000 + number);
        }
        assert_eq!(received.take(&alice, 1999), Arrival::Again);
        assert_eq!(received.take(&alice, 7), Arrival::TooOld);
        assert_eq!(received.0[&alice].len(), REMEMBERED);
    }
}
