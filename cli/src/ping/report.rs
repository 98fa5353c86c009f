//! What is printed of round trips.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use netaio_driver::Response;
use serde::Serialize;

use crate::args::Ping;
use crate::error::CliError;
use crate::json;

/// An answer, and how long it took.
pub(super) struct Answer {
    pub(super) response: Response,
    pub(super) from: Option<SocketAddr>,
    pub(super) time: Duration,
}

/// The round trips so far.
pub(super) struct Report<'a> {
    options: &'a Ping,
    begun: Instant,
    sent: u64,
    answered: u64,
    times: Times,
    /// Why there was no answer, the last time.
    lost: Option<CliError>,
}

/// Sums of times, in seconds.
#[derive(Default)]
struct Times {
    least: f64,
    most: f64,
    sum: f64,
    squares: f64,
}

/// A round trip as JSON, in this order.
#[derive(Serialize)]
#[serde(untagged)]
enum Round<'a> {
    Answer {
        number: u64,
        /// Its type.
        answer: String,
        from: Option<String>,
        verified: bool,
        seconds: f64,
    },
    Lost {
        number: u64,
        error: &'a str,
    },
}

#[derive(Serialize)]
struct Summary<'a> {
    server: &'a str,
    transport: &'a str,
    sent: u64,
    answered: u64,
    /// Null where nothing was answered.
    seconds: Option<Spread>,
}

#[derive(Serialize)]
struct Spread {
    min: f64,
    avg: f64,
    max: f64,
    mdev: f64,
}

impl<'a> Report<'a> {
    pub(super) fn new(options: &'a Ping) -> Self {
        Self {
            options,
            begun: Instant::now(),
            sent: 0,
            answered: 0,
            times: Times::default(),
            lost: None,
        }
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// One is sent.
    pub(super) fn begin(&mut self) {
        self.sent = self.sent.saturating_add(1);
    }

    /// There is nothing to report.
    pub(super) fn nothing(&mut self) {
        self.sent = 0;
    }

    /// An answer: what is printed of it.
    pub(super) fn answered(&mut self, answer: &Answer) -> io::Result<Vec<u8>> {
        let seconds = answer.time.as_secs_f64();
        self.times.add(seconds, self.answered == 0);
        self.answered = self.answered.saturating_add(1);
        let number = self.sent;
        let (kind, verified) = (answer.response.message_type, answer.response.is_verified());
        let from = answer.from.map(|from| from.to_string());
        if self.options.json {
            return line(&Round::Answer {
                number,
                answer: kind.to_string(),
                from,
                verified,
                seconds,
            });
        }
        let from = from.unwrap_or_else(|| self.options.server.address.clone());
        let unverified = if verified { "" } else { ", unverified" };
        let time = milliseconds(seconds);
        Ok(format!("{number}: {kind} from {from} in {time} ms{unverified}\n").into_bytes())
    }

    /// There is no answer: what is printed of that.
    pub(super) fn lost(&mut self, error: CliError) -> io::Result<Vec<u8>> {
        let (number, text) = (self.sent, error.to_string());
        self.lost = Some(error);
        if self.options.json {
            let error = &text;
            return line(&Round::Lost { number, error });
        }
        Ok(format!("{number}: {text}\n").into_bytes())
    }

    /// All of it.
    pub(super) fn summary(&self) -> io::Result<Vec<u8>> {
        let server = &self.options.server;
        let transport = if server.udp { "UDP" } else { "TCP" };
        let (sent, answered) = (self.sent, self.answered);
        let spread = (answered > 0).then(|| self.times.spread(answered));
        if self.options.json {
            return line(&Summary {
                server: &server.address,
                transport,
                sent,
                answered,
                seconds: spread,
            });
        }
        let lost = sent.saturating_sub(answered) as f64 * 100.0 / sent.max(1) as f64;
        // Milliseconds are enough.
        let time = Duration::from_millis(self.begun.elapsed().as_millis() as u64);
        let address = &server.address;
        let mut text = format!(
            "--- {address} over {transport} ---\n\
             {sent} sent, {answered} answered, {lost:.0}% lost, {time:?}\n"
        );
        if let Some(Spread {
            min,
            avg,
            max,
            mdev,
        }) = spread
        {
            let times = [min, avg, max, mdev].map(milliseconds).join("/");
            text.push_str(&format!("round trip min/avg/max/mdev = {times} ms\n"));
        }
        Ok(text.into_bytes())
    }

    /// What comes of the command.
    ///
    /// # Errors
    /// Nothing was answered: why not, the last time.
    pub(super) fn result(self) -> Result<(), CliError> {
        match self.lost {
            Some(error) if self.answered == 0 => Err(error),
            _ => Ok(()),
        }
    }
}

impl Times {
    fn add(&mut self, seconds: f64, is_first: bool) {
        self.least = match is_first {
            true => seconds,
            false => self.least.min(seconds),
        };
        self.most = self.most.max(seconds);
        self.sum += seconds;
        self.squares += seconds * seconds;
    }

    fn spread(&self, number: u64) -> Spread {
        let number = number as f64;
        let avg = self.sum / number;
        Spread {
            min: self.least,
            avg,
            max: self.most,
            mdev: (self.squares / number - avg * avg).max(0.0).sqrt(),
        }
    }
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.3}", seconds * 1000.0)
}

fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    json::write(value, &mut line)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_spread_around_their_mean() {
        let mut times = Times::default();
        for (index, seconds) in [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0].iter().enumerate() {
            times.add(*seconds, index == 0);
        }
        let Spread {
            min,
            avg,
            max,
            mdev,
        } = times.spread(8);
        assert_eq!([min, avg, max, mdev], [2.0, 5.0, 9.0, 2.0]);
        assert_eq!(milliseconds(0.000_213_4), "0.213");
    }
}
