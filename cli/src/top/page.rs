//! Prometheus' text, as much of it as servers write.

/// The most labels of a sample that are looked at.
const LABELS: usize = 16;

/// A line of a page that has a value.
#[derive(Debug, PartialEq)]
pub(super) struct Sample<'a> {
    pub(super) name: &'a str,
    /// Names, and values as they are meant.
    pub(super) labels: Vec<(&'a str, String)>,
    pub(super) value: f64,
}

impl Sample<'_> {
    /// The value of a label.
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        let mut labels = self.labels.iter();
        let found = labels.find(|(label, _)| *label == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The samples of a page. Lines that are none are passed over.
pub(super) fn samples(page: &str) -> impl Iterator<Item = Sample<'_>> {
    page.lines().filter_map(sample)
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, rest) = line.split_at_checked(end)?;
    let (labels, rest) = match rest.strip_prefix('{') {
        None => (Vec::new(), rest),
        Some(rest) => labels(rest)?,
    };
    // A time may follow.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    (!name.is_empty()).then_some(Sample {
        name,
        labels,
        value,
    })
}

/// Labels, and what follows the brace that ends them.
fn labels(mut rest: &str) -> Option<(Vec<(&str, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = quoted(after)?;
        if labels.len() < LABELS {
            labels.push((name.trim(), value));
        }
        rest = after;
    }
}

/// A value up to its quotation mark, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut chars) = (String::new(), text.chars());
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.push(match chars.next()? {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_are_read() {
        let page = concat!(
            "# HELP a What it is.\n# TYPE a counter\n",
            "a{node=\"x\\\"\\\\\\n}\", kind=\"é\",} 7\r\n",
            "b 1e3 1700000000\n\n",
            "c{le=\"+Inf\"} +Inf\n",
        );
        let found: Vec<_> = samples(page).collect();
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].label("node"), Some("x\"\\\n}"));
        assert_eq!(found[0].label("kind"), Some("é"));
        assert_eq!((found[0].name, found[0].value), ("a", 7.0));
        assert_eq!((found[1].name, found[1].value), ("b", 1000.0));
        assert_eq!(found[2].value, f64::INFINITY);
    }

    #[test]
    fn other_lines_are_passed_over() {
        for line in [
            "",
            "a",
            "a ",
            "a b",
            "{} 1",
            "a{ 1",
            "a{b} 1",
            "a{b=\"} 1",
            "a{b=\"\\",
            "a{b=\"c\"}",
            "<html>",
        ] {
            assert_eq!(samples(line).next(), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_page_panics(page in "([a-c_]|[{}=\",\\\\ #\n]|[0-9.+-]|\\PC){0,80}") {
            for sample in samples(&page) {
                prop_assert!(!sample.name.is_empty() && sample.labels.len() <= LABELS);
            }
        }

        #[test]
        fn what_is_escaped_is_read_back(value in "\\PC{0,20}", number in any::<f64>()) {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let line = format!("n{{l=\"{escaped}\"}} {number}");
            let read = sample(&line).unwrap();
            prop_assert_eq!(read.label("l"), Some(&*value));
            prop_assert_eq!(read.value.to_bits(), number.to_bits());
        }
    }
}
