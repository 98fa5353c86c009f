//! What was measured.

use std::io;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::totals::Sums;
use crate::json;

/// The percentiles that are told, with their names in JSON.
pub(super) const PERCENTILES: [(f64, &str); 4] =
    [(50.0, "p50"), (90.0, "p90"), (99.0, "p99"), (99.9, "p99.9")];

/// What was asked for.
#[derive(Serialize)]
pub(super) struct Setup {
    pub(super) server: String,
    #[serde(rename = "self")]
    pub(super) own: bool,
    pub(super) transport: &'static str,
    pub(super) runtime: &'static str,
    /// Contents are encrypted between both ends.
    pub(super) x25519: bool,
    pub(super) asking: &'static str,
    pub(super) connections: u32,
    pub(super) in_flight: u32,
    pub(super) subscribers: Option<usize>,
    pub(super) size: u16,
    /// In requests a second.
    pub(super) rate: Option<u32>,
}

/// A report.
pub(super) struct Report {
    pub(super) setup: Setup,
    /// The time that was measured.
    pub(super) time: Duration,
    /// A signal, or the loss of all connections, has ended it.
    pub(super) ended_early: bool,
    /// Of the requests.
    pub(super) requests: Sums,
    /// Due, but not begun; in an open loop.
    pub(super) not_begun: Option<u64>,
    pub(super) fanout: Option<Deliveries>,
}

/// What subscribers have got.
pub(super) struct Deliveries {
    pub(super) sums: Sums,
    /// All that the server has told of, and did not come.
    pub(super) lost: u64,
}

#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    setup: &'a Setup,
    seconds: f64,
    ended_early: bool,
    requests: Measured<'a>,
    not_begun: Option<u64>,
    deliveries: Option<Measured<'a>>,
    lost: Option<u64>,
}

/// Latencies are in seconds.
#[derive(Serialize)]
struct Measured<'a> {
    /// All whose latency is told.
    count: u64,
    /// Those that came by the end of the time; the others were in flight then.
    in_time: u64,
    per_second: f64,
    /// Null where there is none.
    latency: Option<Latency>,
    /// Each with its number.
    histogram: Vec<(f64, u64)>,
    errors: &'a std::collections::BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct Latency {
    min: f64,
    mean: f64,
    #[serde(flatten)]
    percentiles: std::collections::BTreeMap<&'static str, f64>,
    max: f64,
}

impl Report {
    /// So many a second, of a number.
    pub(super) fn per_second(&self, number: u64) -> f64 {
        match self.time.is_zero() {
            true => 0.0,
            false => number as f64 / self.time.as_secs_f64(),
        }
    }

    /// As one line of JSON.
    pub(super) fn json(&self) -> io::Result<String> {
        let deliveries = self.fanout.as_ref();
        json::to_string(&Printed {
            setup: &self.setup,
            seconds: self.time.as_secs_f64(),
            ended_early: self.ended_early,
            requests: self.measured(&self.requests),
            not_begun: self.not_begun,
            deliveries: deliveries.map(|deliveries| self.measured(&deliveries.sums)),
            lost: deliveries.map(|deliveries| deliveries.lost),
        })
        .map(|line| line + "\n")
    }

    fn measured<'a>(&self, sums: &'a Sums) -> Measured<'a> {
        let latency = &sums.latency;
        let recorded = latency.iter_recorded();
        Measured {
            count: latency.len(),
            in_time: sums.within,
            per_second: self.per_second(sums.within),
            latency: (!latency.is_empty()).then(|| Latency::of(latency)),
            histogram: recorded
                .map(|step| (in_seconds(step.value_iterated_to()), step.count_at_value()))
                .collect(),
            errors: &sums.errors,
        }
    }
}

impl Latency {
    fn of(latency: &Histogram<u64>) -> Self {
        let value =
            |(percentile, name)| (name, in_seconds(latency.value_at_percentile(percentile)));
        Self {
            min: in_seconds(latency.min()),
            mean: latency.mean() / 1e9,
            percentiles: PERCENTILES.map(value).into(),
            max: in_seconds(latency.max()),
        }
    }
}

fn in_seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}
