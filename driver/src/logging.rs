//! Rate limits of log lines that a remote can cause.

use std::fmt;
use std::mem;
use std::time::Duration;

use crate::clock::Time;
use crate::panics::attempt;
use crate::sync::{Mutex, lock};

/// The time between two lines of one kind unless set.
pub(crate) const INTERVAL: Duration = Duration::from_secs(10);

/// The log lines of one server, client or node.
pub(crate) struct Logs {
    interval: Duration,
    time: Time,
    lines: Mutex<Lines>,
}

/// When lines were written, and how many were not.
#[derive(Default)]
struct Lines {
    /// As many as there are texts in the source.
    kinds: Vec<Kind>,
    suppressed: u64,
}

/// Lines with the same text.
struct Kind {
    text: &'static str,
    /// When the last one was written, a reading of the monotonic clock.
    written: Duration,
    /// Those that were not written since.
    suppressed: u64,
}

impl Logs {
    pub(crate) fn new(interval: Duration, time: Time) -> Self {
        Self {
            interval,
            time,
            lines: Mutex::default(),
        }
    }

    /// Whether a line with this text is to be written, and if so, how many were
    /// suppressed since the last one. If not, it is counted.
    pub(crate) fn admit(&self, text: &'static str) -> Option<u64> {
        let now = self.time.monotonic();
        let mut lines = lock(&self.lines);
        let Some(kind) = lines.kinds.iter_mut().find(|kind| kind.text == text) else {
            lines.kinds.push(Kind {
                text,
                written: now,
                suppressed: 0,
            });
            return Some(0);
        };
        // With an interval of 0 also if another thread has a later reading.
        if now.saturating_sub(kind.written) >= self.interval {
            kind.written = now;
            return Some(mem::take(&mut kind.suppressed));
        }
        kind.suppressed = kind.suppressed.saturating_add(1);
        lines.suppressed = lines.suppressed.saturating_add(1);
        None
    }

    /// The number of lines that were suppressed so far.
    pub(crate) fn suppressed(&self) -> u64 {
        lock(&self.lines).suppressed
    }
}

/// Writes a line. A subscriber that panics, as one does that cannot write to standard
/// error, costs the line, and not the task that wrote it.
pub(crate) fn shielded(write: impl FnOnce()) {
    attempt(write);
}

/// Writes a line that a remote can cause, unless one with this text was written within
/// the interval: `limited!(logs, WARN, "text", @remote, field = value, %another)`, where `@` is before
/// an address that may not be known. If no subscriber takes lines of this level it does nothing.
///
/// What is shown by `%` and `?` is [`Printable`](netaio_core::Printable): no remote's text
/// makes a line of its own, or a long one.
macro_rules! limited {
    ($logs:expr, $level:ident, $text:literal $(, $($fields:tt)+)?) => {
        $crate::logging::shielded(|| {
            if ::tracing::event_enabled!(::tracing::Level::$level)
                && let Some(suppressed) = $logs.admit($text)
            {
                let suppressed = (suppressed > 0).then_some(suppressed);
                $crate::logging::event!($level [suppressed, $text] [] $($($fields)+)?);
            }
        })
    };
}

/// Makes fields printable one by one: those that are go into the second brackets.
macro_rules! event {
    ($level:ident [$($end:tt)+] [$($done:tt)*]) => {
        ::tracing::event!(::tracing::Level::$level, $($done)* $($end)+)
    };
    ($level:ident $end:tt [$($done:tt)*] %$name:ident $(, $($rest:tt)*)?) => {
        $crate::logging::event!($level $end [$($done)* $name = %::netaio_core::Printable::new(&$name),] $($($rest)*)?)
    };
    ($level:ident $end:tt [$($done:tt)*] ?$name:ident $(, $($rest:tt)*)?) => {
        $crate::logging::event!($level $end [$($done)* $name = %::netaio_core::Printable::debug(&$name),] $($($rest)*)?)
    };
    ($level:ident $end:tt [$($done:tt)*] $name:ident = %$value:expr $(, $($rest:tt)*)?) => {
        $crate::logging::event!($level $end [$($done)* $name = %::netaio_core::Printable::new(&$value),] $($($rest)*)?)
    };
    ($level:ident $end:tt [$($done:tt)*] $name:ident = ?$value:expr $(, $($rest:tt)*)?) => {
        $crate::logging::event!($level $end [$($done)* $name = %::netaio_core::Printable::debug(&$value),] $($($rest)*)?)
    };
    // An address, where there is one.
    ($level:ident $end:tt [$($done:tt)*] @$name:ident $(, $($rest:tt)*)?) => {
        $crate::logging::event!($level $end [$($done)* $name = $name.map(::tracing::field::display),] $($($rest)*)?)
    };
    // Numbers, and what the program itself says.
    ($level:ident $end:tt [$($done:tt)*] $name:ident $(= $value:expr)? $(, $($rest:tt)*)?) => {
        $crate::logging::event!($level $end [$($done)* $name $(= $value)?,] $($($rest)*)?)
    };
}

pub(crate) use event;
pub(crate) use limited;

/// What a remote sent, as a field of a line: printable ASCII on one line, and the first 64
/// bytes of it.
pub(crate) struct Shown<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The bytes that are written.
        const MAX: usize = 64;

        let (first, rest) = self.0.split_at(self.0.len().min(MAX));
        first.escape_ascii().fmt(f)?;
        match rest.len() {
            0 => Ok(()),
            more => write!(f, ".. ({more} bytes more)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::Instant;

    use netaio_core::Now;

    use super::*;
    use crate::clock::Clock;

    /// A clock that is set by hand.
    #[derive(Clone, Default)]
    struct Stopped(Arc<Mutex<Duration>>);

    impl Stopped {
        fn set(&self, milliseconds: u64) {
            *self.0.lock().unwrap() = Duration::from_millis(milliseconds);
        }
    }

    impl Clock for Stopped {
        fn now(&self) -> Now {
            Now::new(*self.0.lock().unwrap(), 0)
        }

        fn instant(&self, _: Duration) -> Instant {
            unreachable!("lines have no deadlines")
        }
    }

    fn logs(interval: Duration) -> (Logs, Stopped) {
        let clock = Stopped::default();
        (Logs::new(interval, Time::of(clock.clone())), clock)
    }

    #[test]
    fn one_line_of_a_kind_in_an_interval() {
        let (logs, clock) = logs(INTERVAL);
        for text in ["refused", "lost"] {
            clock.set(0);
            assert_eq!(logs.admit(text), Some(0));
            for _ in 0..1000 {
                assert_eq!(logs.admit(text), None);
            }
            clock.set(9_999);
            assert_eq!(logs.admit(text), None);
            // The next says how many there would have been.
            clock.set(10_000);
            assert_eq!(logs.admit(text), Some(1001));
            assert_eq!(logs.admit(text), None);
            clock.set(30_000);
            assert_eq!(logs.admit(text), Some(1));
            clock.set(40_000);
            assert_eq!(logs.admit(text), Some(0));
        }
        assert_eq!(logs.suppressed(), 2 * 1002);
    }

    #[test]
    fn what_a_remote_sent_is_short_and_on_one_line() {
        let shown = |bytes: &[u8]| Shown(bytes).to_string();
        assert_eq!(shown(b"a uri"), "a uri");
        assert_eq!(
            shown("1\n2\x1b[31m\u{85}\u{202e}".as_bytes()),
            r"1\n2\x1b[31m\xc2\x85\xe2\x80\xae"
        );
        let long = [b'u'; 70];
        let expected = format!("{}.. (6 bytes more)", "u".repeat(64));
        assert_eq!(shown(&long), expected);
    }

    #[test]
    fn without_an_interval_every_line_is_written() {
        let (logs, clock) = logs(Duration::ZERO);
        for now in [5, 5, 6, 5] {
            clock.set(now);
            assert_eq!(logs.admit("refused"), Some(0));
        }
        assert_eq!(logs.suppressed(), 0);
    }

    #[test]
    fn of_many_threads_one_writes_the_line() {
        let (logs, clock) = logs(Duration::from_secs(10));
        let mut before = 0;
        for round in 0..20 {
            clock.set(10_000 * round);
            let written: Vec<_> = thread::scope(|scope| {
                let threads: Vec<_> = (0..4)
                    .map(|_| scope.spawn(|| logs.admit("refused")))
                    .collect();
                let results = threads.into_iter().map(|thread| thread.join().unwrap());
                results.flatten().collect()
            });
            assert_eq!(written, [before]);
            before = 3;
        }
        assert_eq!(logs.suppressed(), 20 * 3);
    }

    /// Takes the fields of events, in order.
    #[derive(Clone, Default)]
    struct Fields(Arc<Mutex<Vec<String>>>);

    impl tracing::field::Visit for Fields {
        fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
            let mut fields = self.0.lock().unwrap();
            fields.push(format!("{field}={value:?}"));
        }
    }

    impl tracing::Subscriber for Fields {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }

        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

        fn event(&self, event: &tracing::Event<'_>) {
            event.record(&mut self.clone());
        }

        fn enter(&self, _: &tracing::span::Id) {}

        fn exit(&self, _: &tracing::span::Id) {}
    }

    #[test]
    fn whatever_a_field_is_it_is_one_short_line() {
        let fields = Fields::default();
        let _taken = tracing::subscriber::set_default(fields.clone());
        let (logs, _) = logs(INTERVAL);
        let (uri, long) = ("a\nb\u{9b}", ["x"; 1000]);
        limited!(logs, WARN, "refused", number = 5, %uri, ?uri, named = %uri, other = ?long, uri);
        let taken = fields.0.lock().unwrap();
        let [message, number, shown, debugged, named, cut, own] = &taken[..] else {
            unreachable!("{taken:?}");
        };
        assert_eq!([message, number], ["message=refused", "number=5"]);
        assert_eq!([shown, named], [r"uri=a\nb\u{9b}", r"named=a\nb\u{9b}"]);
        assert_eq!(debugged, r#"uri="a\nb\u{9b}""#);
        assert!(cut.len() < 300 && cut.ends_with(".. (5000 bytes)"), "{cut}");
        // What the program itself says is escaped by whoever writes the log.
        assert_eq!(own, r#"uri="a\nb\u{9b}""#);
    }

    #[test]
    fn a_line_without_subscribers_costs_nothing() {
        struct NeverRead;

        impl Clock for NeverRead {
            fn now(&self) -> Now {
                unreachable!("there is no subscriber")
            }

            fn instant(&self, _: Duration) -> Instant {
                unreachable!("there is no subscriber")
            }
        }

        let logs = Logs::new(INTERVAL, Time::of(NeverRead));
        for number in 0..3 {
            limited!(logs, ERROR, "refused", number);
        }
        assert_eq!(logs.suppressed(), 0);
    }

    #[test]
    fn a_line_that_panics_costs_that_line_whatever_it_says() {
        struct Said;

        impl Drop for Said {
            fn drop(&mut self) {
                panic!("a panic of the test: of what is dropped")
            }
        }

        shielded(|| std::panic::panic_any(Said));
    }
}
