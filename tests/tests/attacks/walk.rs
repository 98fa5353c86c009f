//! Every limit, and the attacks that press on it.

use std::collections::BTreeSet;

use netaio_tests::limits;

/// Names of limits and of attacks. What is none by default, as an option for those who want
/// less, is pressed on by what presses on the limit that there is.
const PRESSED: &[(&str, &[&str])] = &[
    ("auth_section", &["sections"]),
    ("body", &["sections"]),
    ("packify", &["sections"]),
    ("frame_timeout", &["times", "unfinished"]),
    ("auth_timeout", &["times"]),
    ("idle_timeout", &["times"]),
    ("write_timeout", &["times"]),
    ("failures", &["failures"]),
    ("pending_requests", &["asked"]),
    ("outbound_queue", &["one-slow"]),
    ("backlog", &["times", "large-news", "small-news"]),
    ("backlog_time", &["times"]),
    ("publish_wait", &["one-slow", "large-news", "small-news"]),
    ("slow_consumer", &["one-slow", "large-news", "small-news"]),
    ("subscriptions", &["keys"]),
    ("subscription_key", &["keys"]),
    ("subscriber_key_bytes", &["keys"]),
    ("subscription_keys", &["keys"]),
    ("subscription_key_bytes", &["keys"]),
    ("subscription_bytes", &["keys", "subscribers"]),
    ("subscribers", &["subscribers"]),
    ("subscribers_per_address", &["subscribers"]),
    ("subscription_lease", &["subscribers"]),
    ("peers", &["peers"]),
    ("peers_per_address", &["peers"]),
    ("peer_addresses", &["peers"]),
    ("peer_data", &["peers"]),
    ("unverified_replies_per_ip", &["questions"]),
    ("unverified_replies", &["questions"]),
    ("amplification", &["questions"]),
    ("unverified_senders", &["questions", "subscribers"]),
    ("unvalidated_burst", &["questions", "subscribers"]),
    ("unvalidated_rate", &["questions", "subscribers"]),
    ("unvalidated_total", &["questions", "subscribers"]),
    ("long_content", &["long-contents"]),
    ("long_total", &["long-contents"]),
    ("long_requests", &["long-contents"]),
    ("long_window", &["long-contents"]),
    ("long_silence", &["long-contents"]),
    ("connections", &["silent"]),
    ("connections_per_address", &["silent"]),
    ("handlers", &["waiting", "deferred"]),
    ("abandoned_handlers", &["deferred"]),
    ("handlers_per_connection", &["deferred"]),
    ("frames_per_turn", &["pipelined"]),
    ("inbound_total", &["waiting", "deferred", "unfinished"]),
    (
        "outbound_total",
        &["large-news", "small-news", "answers", "subscribers"],
    ),
    ("shutdown_grace", &["stop"]),
];

/// Whether an attack waits until times have passed, which are short for it.
pub(crate) fn waits(attack: &str) -> bool {
    matches!(attack, "times" | "stop")
}

/// Holds the list against the limits and the attacks that there are.
pub(crate) fn check(attacks: impl Iterator<Item = &'static str>) {
    let limits: BTreeSet<String> = limits::defaults().into_keys().collect();
    let pressed = PRESSED.iter().map(|(limit, _)| (*limit).to_owned());
    assert_eq!(limits, pressed.collect(), "limits, and those attacked");
    let named = PRESSED.iter().flat_map(|(_, attacks)| *attacks).copied();
    let attacks: BTreeSet<&str> = attacks.collect();
    assert_eq!(attacks, named.collect(), "attacks, and those on a limit");
}
