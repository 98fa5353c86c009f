//! The statuses that the command exits with.

/// Wrong usage, which is clap's status too.
pub(crate) const USAGE: u8 = 2;
/// What did not work for any reason that has no status of its own.
pub(crate) const FAILED: u8 = 1;
/// No answer came in time.
pub(crate) const TIMEOUT: u8 = 3;
/// There is no connection.
pub(crate) const CONNECTION: u8 = 4;

/// Each status, and what it says.
pub(crate) const STATUSES: &[(&str, &str)] = &[
    (
        "0",
        "Success; also when nobody reads the output any more, or SIGINT (Ctrl-C) or SIGTERM ended a \
         command that goes on until then (serve, subscribe, watch, ping, top, node, bench).",
    ),
    (
        "1",
        "An error answer, or something that cannot be read, written or started.",
    ),
    (
        "2",
        "Wrong usage: of options, of a file with a content or a secret, or a content that is too long.",
    ),
    ("3", "No answer in time."),
    (
        "4",
        "No connection, or one that ended; a datagram that nobody receives.",
    ),
    (
        "128+N",
        "Signal N came: a second one to a command that was taking its leave, or the first one to \
         any other.",
    ),
];

/// The table as text.
pub(crate) fn table() -> String {
    let lines = STATUSES
        .iter()
        .map(|(status, what)| format!("  {status:<7}{what}\n"));
    format!("Exit status:\n{}", lines.collect::<String>())
}
