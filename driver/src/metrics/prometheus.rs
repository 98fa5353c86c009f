//! Metrics in the text format of Prometheus.

use std::fmt::{self, Write};

use super::Metrics;
use super::samples::Kind;

/// Renders snapshots in the text format of Prometheus, version 0.0.4, to be served as
/// `text/plain; version=0.0.4`. Each has a name, which is the label `node` of its lines. The names of
/// all metrics begin with `netaio_`.
///
/// ```
/// use netaio_driver::{Client, Runtime, Server, prometheus};
///
/// /// The page of a program that is server and client.
/// fn page<R: Runtime>(server: &Server<R>, upstream: &Client<R>) -> String {
///     prometheus([("api", &server.metrics()), ("upstream", &upstream.metrics())])
/// }
///
/// let page = prometheus([("api", &Default::default())]);
/// assert!(page.contains("# TYPE netaio_connections_total counter\n"));
/// assert!(page.contains("netaio_connections_total{node=\"api\"} 0\n"));
/// ```
#[must_use]
pub fn prometheus<'a>(nodes: impl IntoIterator<Item = (&'a str, &'a Metrics)>) -> String {
    let nodes: Vec<_> = nodes.into_iter().collect();
    let mut page = String::new();
    // Writing to a text does not fail.
    let _ = render(&mut page, &nodes);
    page
}

fn render(page: &mut String, nodes: &[(&str, &Metrics)]) -> fmt::Result {
    let all = nodes
        .iter()
        .map(|(name, metrics)| (*name, metrics.samples()));
    let all: Vec<_> = all.collect();
    let Some((_, first)) = all.first() else {
        return Ok(());
    };
    for (index, sample) in first.iter().enumerate() {
        let kind = match sample.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        writeln!(page, "# HELP {} {}", sample.name, sample.help)?;
        writeln!(page, "# TYPE {} {kind}", sample.name)?;
        for (node, samples) in &all {
            let values = samples.get(index).map(|sample| &sample.values);
            for (kind, value) in values.into_iter().flatten() {
                let node = Label(node);
                match kind {
                    None => writeln!(page, "{}{{node=\"{node}\"}} {value}", sample.name)?,
                    Some(kind) => writeln!(
                        page,
                        "{}{{node=\"{node}\",kind=\"{kind}\"}} {value}",
                        sample.name
                    )?,
                }
            }
        }
    }
    for index in 0..2 {
        let mut told = false;
        for (node, metrics) in nodes {
            let [first, second] = metrics.timed();
            let timed = if index == 0 { first } else { second };
            // What is not measured is left out.
            if timed.times.count() == 0 {
                continue;
            }
            let (name, node) = (timed.name, Label(node));
            if !std::mem::replace(&mut told, true) {
                writeln!(page, "# HELP {name} {}", timed.help)?;
                writeln!(page, "# TYPE {name} histogram")?;
            }
            for (bound, count) in timed.times.buckets() {
                let bound = bound.map_or("+Inf".into(), |it| it.as_secs_f64().to_string());
                writeln!(
                    page,
                    "{name}_bucket{{node=\"{node}\",le=\"{bound}\"}} {count}"
                )?;
            }
            let sum = timed.times.sum().as_secs_f64();
            writeln!(page, "{name}_sum{{node=\"{node}\"}} {sum}")?;
            writeln!(
                page,
                "{name}_count{{node=\"{node}\"}} {}",
                timed.times.count()
            )?;
        }
    }
    Ok(())
}

/// The value of a label.
struct Label<'a>(&'a str);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::histogram::Times;

    #[test]
    fn each_metric_is_described_once_and_each_line_is_one() {
        let times = Times::default();
        times.add(Duration::from_millis(3));
        let measured = Metrics {
            connections: 7,
            handler_times: times.snapshot(),
            ..Metrics::default()
        };
        let page = prometheus([("a\"\\\n", &measured), ("b", &Metrics::default())]);
        let mut described: Vec<_> = page
            .lines()
            .filter(|line| line.starts_with("# TYPE"))
            .collect();
        let all = described.len();
        described.sort_unstable();
        described.dedup();
        assert_eq!(described.len(), all);
        for line in [
            r#"netaio_connections_total{node="a\"\\\n"} 7"#,
            r#"netaio_connections_total{node="b"} 0"#,
            r#"netaio_refused_messages_total{node="b",kind="layer"} 0"#,
            r#"netaio_handler_seconds_bucket{node="a\"\\\n",le="0.0025"} 0"#,
            r#"netaio_handler_seconds_bucket{node="a\"\\\n",le="0.005"} 1"#,
            r#"netaio_handler_seconds_bucket{node="a\"\\\n",le="+Inf"} 1"#,
            r#"netaio_handler_seconds_sum{node="a\"\\\n"} 0.003"#,
            r#"netaio_handler_seconds_count{node="a\"\\\n"} 1"#,
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
        assert!(!page.contains("round_trip"));
        assert_eq!(prometheus([]), "");
    }
}
