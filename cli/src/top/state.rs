//! All that is shown.

use std::time::{Duration, Instant};

use super::change::Change;
use super::figures::Figures;
use super::history::{History, Look};

/// What is known of a server.
#[derive(Debug)]
pub(super) struct State {
    /// Where its figures are.
    pub(super) address: String,
    /// The time between two looks.
    pub(super) interval: Duration,
    /// The last figures, whether or not the server is there now.
    pub(super) change: Option<Change>,
    pub(super) history: History,
    /// How long the server has been there, by this machine's clock.
    pub(super) up: Option<Duration>,
    /// Why there are no figures now.
    pub(super) trouble: Option<Trouble>,
    last: Option<Instant>,
}

/// Why there are none.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) why: String,
    /// What a person may try.
    pub(super) advice: Option<&'static str>,
    /// How often in a row.
    pub(super) tries: u64,
}

impl State {
    /// Before the first look.
    pub(super) fn new(address: String, interval: Duration) -> Self {
        Self {
            address,
            interval,
            change: None,
            history: History::default(),
            up: None,
            trouble: None,
            last: None,
        }
    }

    /// These figures came at a time, `unix` on the clock.
    pub(super) fn took(&mut self, figures: Figures, at: Instant, unix: Duration) {
        let start = figures.server.get("process_start_time_seconds");
        let start = start.and_then(|start| Duration::try_from_secs_f64(start).ok());
        self.up = start.map(|start| unix.saturating_sub(start));
        let elapsed = self.last.map(|last| at.saturating_duration_since(last));
        let before = self.change.take().map(|change| change.now);
        let seconds = elapsed.unwrap_or_default().as_secs_f64();
        let change = Change::new(before, figures, seconds);
        // A look that nothing can be said of yet is none, but where there was another run.
        if change.has_rates() || self.last.is_some() {
            self.history.add(Look::of(&change));
        }
        self.change = Some(change);
        (self.last, self.trouble) = (Some(at), None);
    }

    /// No figures came.
    pub(super) fn failed(&mut self, why: String, advice: Option<&'static str>) {
        let tries = self.trouble.take().map_or(0, |trouble| trouble.tries);
        let tries = tries.saturating_add(1);
        self.trouble = Some(Trouble { why, advice, tries });
        self.history.add(Look::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_goes_and_comes_is_followed() {
        let figures = |received: u64, start: u64| {
            Figures::of(&format!(
                "netaio_received_messages_total{{node=\"tcp\"}} {received}\nprocess_start_time_seconds {start}\n"
            ))
            .unwrap()
        };
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut state = State::new("there".into(), Duration::from_secs(1));
        state.took(figures(100, 50), at(0), Duration::from_secs(60));
        assert_eq!(state.up, Some(Duration::from_secs(10)));
        state.took(figures(110, 50), at(1), Duration::from_secs(61));
        state.failed("gone".into(), None);
        state.failed("gone".into(), None);
        assert_eq!(state.trouble.as_ref().unwrap().tries, 2);
        // The time between is known, and how often something happened in it.
        state.took(figures(150, 50), at(5), Duration::from_secs(65));
        assert!(state.trouble.is_none());
        // Another run.
        state.took(figures(150, 66), at(6), Duration::from_secs(66));
        assert_eq!(state.up, Some(Duration::ZERO));
        let looks = state.history.last(9).map(|look| look.messages_in);
        assert_eq!(
            looks.collect::<Vec<_>>(),
            [Some(10), None, None, Some(10), None]
        );
    }
}
