//! What happens in the chat.

use std::fmt;
use std::net::SocketAddr;

use crate::keys::{Announced, Trust};
use crate::name::Name;

/// Somebody who is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) name: Name,
    pub(crate) announced: Announced,
    pub(crate) address: Option<SocketAddr>,
}

/// What happens. Shown, it is a line without control characters: what comes from others has been
/// through `Printable`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Somebody has come, or has a new key or session.
    Here(Person),
    /// Somebody has gone.
    Left {
        name: Name,
        /// Nothing was heard for some time, and no farewell.
        silent: bool,
    },
    /// Somebody has sent a message.
    Said {
        from: Name,
        everyone: bool,
        text: String,
    },
    /// What became of a message of one's own.
    Delivered {
        message: u64,
        to: Name,
        outcome: Result<(), String>,
    },
    /// Something to know.
    Notice(String),
    /// Something that must not be missed.
    Alarm(String),
}

impl Event {
    /// Whether it must not be missed.
    pub(crate) fn is_alarm(&self) -> bool {
        match self {
            Self::Here(person) => matches!(person.announced.trust, Trust::Changed { .. }),
            Self::Alarm(_) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(Person {
                name, announced, ..
            }) => {
                let key = announced.fingerprint;
                match announced.trust {
                    Trust::Known => write!(f, "* {name} is here, key {key}"),
                    Trust::New => write!(f, "* {name} is here, with a NEW key {key}: compare it"),
                    Trust::Changed { known } => write!(
                        f,
                        "!!! THE KEY OF {name} HAS CHANGED: it was {known}, now somebody announces {key}. \
                         Nothing is sent to it or taken from it. If {name} says by other means that it is \
                         right: /forget {name}"
                    ),
                }
            }
            Self::Left { name, silent } => match silent {
                false => write!(f, "* {name} has left"),
                true => write!(f, "* {name} is gone: nothing was heard for some time"),
            },
            Self::Said {
                from,
                everyone,
                text,
            } => {
                let to = if *everyone { "all" } else { "you" };
                write!(f, "{from} to {to}: {text}")
            }
            Self::Delivered {
                message,
                to,
                outcome,
            } => match outcome {
                Ok(()) => write!(f, "* message {message}: delivered to {to}"),
                Err(why) => write!(f, "* message {message}: NOT delivered to {to}: {why}"),
            },
            Self::Notice(text) => write!(f, "* {text}"),
            Self::Alarm(text) => write!(f, "!!! {text}"),
        }
    }
}
