//! The limits that there are.

use std::collections::BTreeMap;

use netaio_tokio::config::Limits;

/// What `Limits` are by default: its fields' names, and their values as they are shown.
///
/// # Panics
/// They are not shown a field a line.
#[must_use]
#[allow(clippy::panic, reason = "tests fail by panicking")]
pub fn defaults() -> BTreeMap<String, String> {
    let shown = format!("{:#?}", Limits::default());
    let mut fields: Vec<(String, String)> = Vec::new();
    // The first line names the type, and the last one has its closing brace.
    for line in shown.lines().skip(1) {
        let field = line
            .strip_prefix("    ")
            .filter(|it| it.starts_with(char::is_alphabetic));
        match (
            field.and_then(|field| field.split_once(": ")),
            fields.last_mut(),
        ) {
            (Some((name, value)), _) => fields.push((name.into(), value.into())),
            // A field of a field.
            (None, Some((_, value))) => value.push_str(line),
            (None, None) => panic!("{line}"),
        }
    }
    fields.into_iter().collect()
}
