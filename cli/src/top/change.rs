//! What has happened between two looks at a server.

use super::figures::{Figures, Numbers};
use super::times::Times;

/// Figures, and those before them.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) now: Figures,
    /// `None` for the first look at a run of the server.
    before: Option<Figures>,
    /// The time between them.
    pub(super) seconds: f64,
}

/// A part of it: one node, or what is of the whole server.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) now: &'a Numbers,
    before: Option<&'a Numbers>,
    seconds: f64,
}

impl Change {
    /// From the figures of a time before, if there are any, to these.
    pub(super) fn new(before: Option<Figures>, now: Figures, seconds: f64) -> Self {
        let same_run = |before: &Figures| seconds > 0.0 && !now.is_of_another_run(before);
        Self {
            before: before.filter(same_run),
            now,
            seconds,
        }
    }

    /// Whether there are figures before these: else nothing is known of how fast it goes.
    pub(super) fn has_rates(&self) -> bool {
        self.before.is_some()
    }

    /// What is of the whole server.
    pub(super) fn server(&self) -> Part<'_> {
        Part {
            now: &self.now.server,
            before: self.before.as_ref().map(|before| &before.server),
            seconds: self.seconds,
        }
    }

    /// Its nodes, by name.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (&str, Part<'_>)> {
        self.now.nodes.iter().map(|(name, now)| {
            let before = self.before.as_ref();
            let part = Part {
                now,
                before: before.and_then(|before| before.nodes.get(name)),
                seconds: self.seconds,
            };
            (name.as_str(), part)
        })
    }

    /// How often a second something is counted, of all nodes.
    pub(super) fn rate(&self, name: &str) -> Option<f64> {
        let rates = self.nodes().filter_map(|(_, part)| part.rate(name));
        rates.fold(None, |sum, rate| Some(sum.unwrap_or(0.0) + rate))
    }
}

impl Part<'_> {
    /// The value of a number.
    pub(super) fn get(&self, name: &str) -> Option<f64> {
        self.now.get(name)
    }

    /// How often a second something is counted.
    pub(super) fn rate(&self, name: &str) -> Option<f64> {
        let grown = self.get(name)? - self.before?.get(name)?;
        Some(grown.max(0.0) / self.seconds)
    }

    /// How long the handlers took that have ended meanwhile.
    pub(super) fn handlers(&self) -> Option<Times> {
        Some(self.now.handlers.since(&self.before?.handlers))
    }

    /// How many of them a second.
    pub(super) fn handled(&self) -> Option<f64> {
        self.handlers().map(|times| times.count / self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(messages: u64, handled: u64) -> Figures {
        let page = format!(
            "netaio_received_messages_total{{node=\"tcp\"}} {messages}\n\
             netaio_received_messages_total{{node=\"udp\"}} {messages}\n\
             netaio_handler_seconds_count{{node=\"tcp\"}} {handled}\n\
             netaio_handler_seconds_sum{{node=\"tcp\"}} {handled}\n"
        );
        Figures::of(&page).unwrap()
    }

    #[test]
    fn rates_are_of_the_time_between_two_looks() {
        let change = Change::new(Some(figures(100, 10)), figures(300, 15), 0.5);
        assert_eq!(change.rate("received_messages"), Some(800.0));
        assert_eq!(change.rate("sent_messages"), None);
        let (name, tcp) = change.nodes().next().unwrap();
        assert_eq!((name, tcp.rate("received_messages")), ("tcp", Some(400.0)));
        assert_eq!(tcp.handled(), Some(10.0));
        assert_eq!(tcp.handlers().unwrap().mean(), Some(1.0));
    }

    #[test]
    fn there_are_none_at_first_and_after_a_restart() {
        for (before, seconds) in [
            (None, 1.0),
            (Some(figures(400, 15)), 1.0),
            (Some(figures(100, 1)), 0.0),
        ] {
            let change = Change::new(before, figures(300, 15), seconds);
            assert!(!change.has_rates());
            assert_eq!(change.rate("received_messages"), None);
            let (_, tcp) = change.nodes().next().unwrap();
            assert_eq!(tcp.get("received_messages"), Some(300.0));
            assert_eq!(tcp.handlers(), None);
        }
    }
}
