//! Metrics for the recorder of the `metrics` crate.

use metrics::Label;

use super::Metrics;
use super::samples::Kind;

impl Metrics {
    /// Hands the numbers to the recorder of the `metrics` crate, with these labels: counters are
    /// set to what they are, and gauges too. For a task of the application that does so every few
    /// seconds. The names are those of [`prometheus`](super::prometheus); of the times there is the
    /// number and the sum, as `_count` and `_sum`. With the cargo feature `metrics`.
    ///
    /// ```
    /// # fn report(metrics: &netaio_driver::Metrics) {
    /// metrics.record(&[("node", "api")]);
    /// # }
    /// ```
    pub fn record(&self, labels: &[(&'static str, &str)]) {
        let own: Vec<_> = labels
            .iter()
            .map(|(name, value)| Label::new(*name, (*value).to_owned()))
            .collect();
        for sample in self.samples() {
            for (kind, value) in sample.values {
                let mut labels = own.clone();
                labels.extend(kind.map(|kind| Label::new("kind", kind)));
                match sample.kind {
                    Kind::Counter => metrics::counter!(sample.name, labels).absolute(value),
                    Kind::Gauge => metrics::gauge!(sample.name, labels).set(value as f64),
                }
            }
        }
        for timed in self.timed() {
            let (count, sum) = (timed.times.count(), timed.times.sum());
            if count > 0 {
                let name = timed.name;
                metrics::counter!(format!("{name}_count"), own.clone()).absolute(count);
                metrics::gauge!(format!("{name}_sum"), own.clone()).set(sum.as_secs_f64());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use metrics::{
        Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder,
        SharedString, Unit,
    };

    use super::*;

    /// Lists what is set.
    #[derive(Clone, Default)]
    struct List(Arc<Mutex<Vec<String>>>);

    /// One number of a list.
    struct Entry(List, String);

    impl Entry {
        fn list(&self, value: f64) {
            let line = format!("{} {value}", self.1);
            self.0.0.lock().unwrap().push(line);
        }
    }

    impl CounterFn for Entry {
        fn increment(&self, _: u64) {
            unreachable!("counters are set")
        }

        fn absolute(&self, value: u64) {
            self.list(value as f64);
        }
    }

    impl GaugeFn for Entry {
        fn increment(&self, _: f64) {
            unreachable!("gauges are set")
        }

        fn decrement(&self, _: f64) {
            unreachable!("gauges are set")
        }

        fn set(&self, value: f64) {
            self.list(value);
        }
    }

    impl List {
        fn entry(&self, key: &Key) -> Arc<Entry> {
            let labels = key.labels();
            let labels: Vec<_> = labels
                .map(|label| format!("{}={}", label.key(), label.value()))
                .collect();
            let name = format!("{} {}", key.name(), labels.join(","));
            Arc::new(Entry(self.clone(), name))
        }
    }

    impl Recorder for List {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.entry(key))
        }

        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(self.entry(key))
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn the_recorder_gets_every_number_with_its_labels() {
        let mut snapshot = Metrics {
            connections: 7,
            inbound_bytes: 8,
            ..Metrics::default()
        };
        snapshot.refusals.layer = 9;
        let list = List::default();
        metrics::with_local_recorder(&list, || snapshot.record(&[("node", "api")]));
        let told = list.0.lock().unwrap();
        for line in [
            "netaio_connections_total node=api 7",
            "netaio_inbound_bytes node=api 8",
            "netaio_refused_messages_total node=api,kind=layer 9",
        ] {
            assert!(told.iter().any(|told| told == line), "{line}: {told:?}");
        }
    }
}
