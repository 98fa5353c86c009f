//! What a page says of a server.

use std::collections::BTreeMap;

use super::page::{Sample, samples};
use super::times::Times;

/// The most nodes of a server that are looked at: `netaio serve` has two, tcp and udp.
const NODES: usize = 8;

/// The most numbers of each.
const NUMBERS: usize = 256;

/// A number of a page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number {
    pub(super) value: f64,
    /// It only grows.
    pub(super) is_counter: bool,
}

/// Numbers by their names, which are those of the page without `netaio_` and `_total`. Several by
/// the label `kind` are there each (`refused_messages_layer`), and as their sum.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Numbers {
    pub(super) all: BTreeMap<String, Number>,
    /// How long handlers took.
    pub(super) handlers: Times,
}

/// What a server has counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Figures {
    /// By name.
    pub(super) nodes: BTreeMap<String, Numbers>,
    /// What is of the whole server.
    pub(super) server: Numbers,
}

impl Numbers {
    /// The value of a number.
    pub(super) fn get(&self, name: &str) -> Option<f64> {
        self.all.get(name).map(|number| number.value)
    }

    fn add(&mut self, sample: &Sample<'_>, name: &str) {
        let value = sample.value;
        match name.strip_prefix("handler_seconds_") {
            Some("sum") => return self.handlers.sum = value,
            Some("count") => return self.handlers.count = value,
            Some("bucket") => {
                let bound = sample.label("le").unwrap_or_default();
                return self.handlers.add_bucket(bound, value);
            }
            _ => {}
        }
        // Other histograms are not looked at.
        if sample.label("le").is_some() {
            return;
        }
        let counted = name.strip_suffix("_total");
        let (name, is_counter) = (counted.unwrap_or(name), counted.is_some());
        self.sum_up(name, value, is_counter);
        if let Some(kind) = sample.label("kind") {
            self.sum_up(&format!("{name}_{kind}"), value, is_counter);
        }
    }

    fn sum_up(&mut self, name: &str, value: f64, is_counter: bool) {
        if let Some(number) = self.all.get_mut(name) {
            number.value += value;
        } else if self.all.len() < NUMBERS {
            let number = Number { value, is_counter };
            self.all.insert(name.to_owned(), number);
        }
    }

    /// Whether something that only grows is less than it was.
    fn is_older_than(&self, before: &Self) -> bool {
        let is_less = |(name, number): (&String, &Number)| {
            number.is_counter && before.get(name).is_some_and(|value| number.value < value)
        };
        self.all.iter().any(is_less)
    }
}

impl Figures {
    /// The figures of a page; `None` where it has none of netaio.
    pub(super) fn of(page: &str) -> Option<Self> {
        let mut figures = Self::default();
        let mut is_ours = false;
        for sample in samples(page).filter(|sample| sample.value.is_finite()) {
            let name = match sample.name.strip_prefix("netaio_") {
                Some(name) => {
                    is_ours = true;
                    name
                }
                None if sample.name.starts_with("process_") => sample.name,
                None => continue,
            };
            let numbers = match sample.label("node") {
                None => &mut figures.server,
                Some(node) if figures.nodes.contains_key(node) || figures.nodes.len() < NODES => {
                    figures.nodes.entry(node.to_owned()).or_default()
                }
                Some(_) => continue,
            };
            numbers.add(&sample, name);
        }
        is_ours.then_some(figures)
    }

    /// Whether these are not of the same run of the server, which has counted less.
    pub(super) fn is_of_another_run(&self, before: &Self) -> bool {
        let start = |figures: &Self| figures.server.get("process_start_time_seconds");
        let nodes = self.nodes.iter();
        let mut nodes = nodes.filter_map(|(name, now)| Some((now, before.nodes.get(name)?)));
        start(self) != start(before)
            || self.server.is_older_than(&before.server)
            || nodes.any(|(now, before)| now.is_older_than(before))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn a_page_is_numbers_by_node() {
        let figures = Figures::of(concat!(
            "netaio_open_connections{node=\"tcp\"} 3\n",
            "netaio_refused_messages_total{node=\"tcp\",kind=\"frame\"} 1\n",
            "netaio_refused_messages_total{node=\"tcp\",kind=\"layer\"} 2\n",
            "netaio_handler_seconds_bucket{node=\"tcp\",le=\"0.001\"} 4\n",
            "netaio_handler_seconds_sum{node=\"tcp\"} 0.002\n",
            "netaio_handler_seconds_count{node=\"tcp\"} 4\n",
            "netaio_round_trip_seconds_bucket{node=\"tcp\",le=\"0.001\"} 9\n",
            "netaio_peers{node=\"udp\"} NaN\n",
            "netaio_store_resources 5\n",
            "process_resident_memory_bytes 1e6\n",
            "go_threads 7\n",
        ))
        .unwrap();
        let tcp = &figures.nodes["tcp"];
        assert_eq!(tcp.get("refused_messages"), Some(3.0));
        assert_eq!(tcp.get("refused_messages_layer"), Some(2.0));
        assert!(tcp.all["refused_messages"].is_counter && !tcp.all["open_connections"].is_counter);
        assert_eq!((tcp.all.len(), tcp.handlers.mean()), (4, Some(0.0005)));
        assert!(!figures.nodes.contains_key("udp"));
        assert_eq!(figures.server.get("store_resources"), Some(5.0));
        assert_eq!(figures.server.all.len(), 2);
        assert_eq!(Figures::of("go_threads 7\nprocess_x 1\n"), None);
    }

    #[test]
    fn what_is_kept_of_a_page_is_bounded() {
        let mut page = String::new();
        for number in 0..1000 {
            writeln!(page, "netaio_a{{node=\"{number}\"}} 1").unwrap();
            writeln!(page, "netaio_{number}_total{{kind=\"{number}\"}} 1").unwrap();
        }
        let figures = Figures::of(&page).unwrap();
        assert_eq!(figures.nodes.len(), NODES);
        assert_eq!(figures.server.all.len(), NUMBERS);
    }

    #[test]
    fn a_server_that_has_counted_less_is_another_one() {
        let of = |page: &str| Figures::of(page).unwrap();
        let first = of("netaio_a_total{node=\"x\"} 5\nnetaio_b{node=\"x\"} 5\n");
        for (page, is_another) in [
            (
                "netaio_a_total{node=\"x\"} 5\nnetaio_b{node=\"x\"} 1\n",
                false,
            ),
            ("netaio_a_total{node=\"y\"} 1\n", false),
            ("netaio_a_total{node=\"x\"} 4\n", true),
            (
                "netaio_a_total{node=\"x\"} 6\nprocess_start_time_seconds 1\n",
                true,
            ),
        ] {
            assert_eq!(of(page).is_of_another_run(&first), is_another, "{page}");
        }
    }
}
