//! What is on the screen. Nothing here waits, sends or draws.

use std::collections::{BTreeMap, VecDeque};

use netaio_tokio::core::Printable;

use crate::event::{Event, Person};
use crate::input::Input;
use crate::keys::{Fingerprint, Trust};
use crate::letter::MAX_TEXT;
use crate::name::Name;

/// Entries that are kept; the oldest make room.
pub(crate) const MAX_HISTORY: usize = 1000;

/// One's own messages that may wait for their receipts.
const MAX_WAITING: usize = 32;

/// An entry of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// What happened.
    Note { text: String, alarm: bool },
    /// A message of somebody.
    Said {
        from: Name,
        everyone: bool,
        text: String,
    },
    /// A message of one's own.
    Mine(Mine),
}

/// A message of one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mine {
    number: u64,
    pub(crate) everyone: bool,
    pub(crate) text: String,
    /// What became of it, for each receiver.
    pub(crate) receivers: Vec<(Name, Delivery)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Waits,
    Done,
    Failed(String),
}

/// Oneself.
#[derive(Clone, Debug)]
pub(crate) struct Myself {
    pub(crate) name: Name,
    pub(crate) fingerprint: Fingerprint,
    /// Where others find this program.
    pub(crate) place: String,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) myself: Myself,
    people: BTreeMap<Name, Person>,
    history: VecDeque<Entry>,
    pub(crate) input: Input,
    /// Rows that the end of the history is below the screen.
    pub(crate) scrolled: usize,
    messages: u64,
}

impl State {
    pub(crate) fn new(myself: Myself) -> Self {
        Self {
            myself,
            people: BTreeMap::new(),
            history: VecDeque::new(),
            input: Input::default(),
            scrolled: 0,
            messages: 0,
        }
    }

    pub(crate) fn people(&self) -> impl Iterator<Item = &Person> {
        self.people.values()
    }

    /// The history, the oldest first.
    pub(crate) fn history(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.history.iter()
    }

    /// The names of those to whom a message for all goes: whose key has not changed.
    pub(crate) fn receivers(&self) -> Vec<Name> {
        let changed = |person: &&Person| matches!(person.announced.trust, Trust::Changed { .. });
        let people = self.people().filter(|person| !changed(person));
        people.map(|person| person.name.clone()).collect()
    }

    /// Whether somebody is here whose name this is.
    pub(crate) fn find(&self, name: &str) -> Option<&Person> {
        self.people().find(|person| person.name.as_str() == name)
    }

    /// Takes over what has happened.
    pub(crate) fn apply(&mut self, event: Event) {
        match event {
            Event::Delivered {
                message,
                to,
                outcome,
            } => return self.delivered(message, &to, outcome),
            Event::Said {
                from,
                everyone,
                text,
            } => {
                return self.push(Entry::Said {
                    from,
                    everyone,
                    text,
                });
            }
            Event::Here(ref person) => {
                self.people.insert(person.name.clone(), person.clone());
            }
            Event::Left { ref name, .. } => {
                self.people.remove(name);
            }
            Event::Notice(_) | Event::Alarm(_) => {}
        }
        self.push(Entry::Note {
            text: event.to_string(),
            alarm: event.is_alarm(),
        });
    }

    /// Adds a message of one's own, and returns its number.
    pub(crate) fn say(&mut self, text: &str, everyone: bool, receivers: &[Name]) -> u64 {
        self.messages = self.messages.saturating_add(1);
        let receivers = receivers.iter();
        let receivers = receivers.map(|name| (name.clone(), Delivery::Waits));
        self.push(Entry::Mine(Mine {
            number: self.messages,
            everyone,
            text: Printable::new(text).with_max(MAX_TEXT).to_string(),
            receivers: receivers.collect(),
        }));
        self.messages
    }

    /// Whether so many messages wait for their receipts that no other one is sent.
    pub(crate) fn is_busy(&self) -> bool {
        self.waiting() >= MAX_WAITING
    }

    /// Messages of one's own that wait for their receipts.
    pub(crate) fn waiting(&self) -> usize {
        let waits = |entry: &&Entry| match entry {
            Entry::Mine(mine) => mine.receivers.iter().any(|(_, it)| *it == Delivery::Waits),
            _ => false,
        };
        self.history().filter(waits).count()
    }

    /// The line is entered.
    pub(crate) fn enter(&mut self) -> String {
        self.scrolled = 0;
        self.input.take()
    }

    /// Scrolls so many rows back; the screen shows how far that goes.
    pub(crate) fn scroll_back(&mut self, rows: usize) {
        let most = MAX_HISTORY.saturating_mul(MAX_TEXT);
        self.scrolled = self.scrolled.saturating_add(rows).min(most);
    }

    pub(crate) fn scroll_forth(&mut self, rows: usize) {
        self.scrolled = self.scrolled.saturating_sub(rows);
    }

    fn delivered(&mut self, message: u64, to: &Name, outcome: Result<(), String>) {
        let mine = self.history.iter_mut().rev().find_map(|entry| match entry {
            Entry::Mine(mine) if mine.number == message => Some(mine),
            _ => None,
        });
        let receivers = mine.into_iter().flat_map(|mine| &mut mine.receivers);
        for (_, delivery) in receivers.filter(|(name, _)| name == to) {
            *delivery = match &outcome {
                Ok(()) => Delivery::Done,
                Err(why) => Delivery::Failed(why.clone()),
            };
        }
    }

    fn push(&mut self, entry: Entry) {
        if self.history.len() >= MAX_HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(entry);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::keys::tests::announced;

    pub(crate) fn state() -> State {
        State::new(Myself {
            name: "alice".parse().unwrap(),
            fingerprint: announced(1, Trust::New).fingerprint,
            place: "127.0.0.1:8786".into(),
        })
    }

    pub(crate) fn here(name: &str, trust: Trust) -> Event {
        Event::Here(Person {
            name: name.parse().unwrap(),
            announced: announced(2, trust),
            address: None,
        })
    }

    fn changed() -> Trust {
        let known = announced(3, Trust::New).fingerprint;
        Trust::Changed { known }
    }

    #[test]
    fn whose_key_has_changed_is_sent_nothing() {
        let mut state = state();
        state.apply(here("bob", Trust::Known));
        state.apply(here("carol", Trust::New));
        let names = ["bob", "carol"].map(|name| name.parse().unwrap());
        assert_eq!(state.receivers(), names);
        state.apply(here("carol", changed()));
        assert_eq!(state.receivers(), names[..1]);
        let last = state.history().next_back();
        let Some(Entry::Note { text, alarm: true }) = last else {
            panic!("{last:?}");
        };
        assert!(
            text.starts_with("!!! THE KEY OF carol HAS CHANGED"),
            "{text}"
        );
        state.apply(Event::Left {
            name: names[0].clone(),
            silent: false,
        });
        assert_eq!(state.receivers(), []);
        assert_eq!(state.people().count(), 1);
    }

    #[test]
    fn the_fate_of_each_message_is_known() {
        let mut state = state();
        let names: Vec<Name> = ["bob", "carol"].map(|name| name.parse().unwrap()).into();
        let first = state.say("one", true, &names);
        let second = state.say("two", false, &names[..1]);
        assert_eq!(state.waiting(), 2);
        let delivered = |message, to: &Name, outcome| Event::Delivered {
            message,
            to: to.clone(),
            outcome,
        };
        state.apply(delivered(second, &names[0], Ok(())));
        state.apply(delivered(first, &names[1], Err("gone".into())));
        // Of a message that is no longer in the history.
        state.apply(delivered(9, &names[1], Ok(())));
        assert_eq!(state.waiting(), 1);
        let [Entry::Mine(one), Entry::Mine(two)] = &state.history.make_contiguous()[..] else {
            panic!("{state:?}");
        };
        let fates = |mine: &Mine| {
            mine.receivers
                .iter()
                .map(|it| it.1.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            fates(one),
            [Delivery::Waits, Delivery::Failed("gone".into())]
        );
        assert_eq!(fates(two), [Delivery::Done]);
    }

    #[test]
    fn everything_is_bounded() {
        let mut state = state();
        for number in 0..MAX_HISTORY + 10 {
            state.apply(Event::Notice(number.to_string()));
        }
        assert_eq!(state.history().count(), MAX_HISTORY);
        let names = ["bob".parse().unwrap()];
        while !state.is_busy() {
            state.say("text", true, &names);
        }
        assert_eq!(state.waiting(), MAX_WAITING);
    }
}
