//! Just enough HTTP/1.1 to be asked how a server does, within bounds that it does not tell.
//!
//! A request is a `GET` or a `HEAD` without a body; a connection has one, and is closed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use netaio_driver::{ReadHalf, Runtime, WriteHalf};
use smol::future;

/// The most connections at once: one more is closed.
const CONNECTIONS: usize = 32;

/// The most bytes of a request.
const REQUEST: usize = 8 << 10;

/// The time that a connection has for all of it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The time between two attempts where nothing can be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// What is answered to a path.
pub(super) struct Answer {
    pub(super) status: &'static str,
    pub(super) kind: &'static str,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn text(status: &'static str, body: impl Into<String>) -> Self {
        let kind = "text/plain; charset=utf-8";
        let body = body.into();
        Self { status, kind, body }
    }
}

/// Answers what is asked at a path; `None` where there is nothing.
pub(super) type Ask = Arc<dyn Fn(&str) -> Option<Answer> + Send + Sync>;

/// Listens at the first address of a name.
///
/// # Errors
/// It cannot be bound.
pub(super) async fn listen<R: Runtime>(address: &str) -> io::Result<R::Listener> {
    let addresses = R::resolve(address).await?;
    let first = addresses.first().ok_or(io::ErrorKind::NotFound)?;
    R::listen(*first).await
}

/// Answers until the end of the process. Returns where.
///
/// # Errors
/// The system does not say where that is.
pub(super) fn serve<R: Runtime>(listener: R::Listener, ask: Ask) -> io::Result<SocketAddr> {
    let local = R::local_address(&listener)?;
    R::spawn(async move {
        let open = Arc::new(AtomicUsize::new(0));
        loop {
            let Ok((reader, writer, _)) = R::accept(&listener, None).await else {
                R::sleep_until(Instant::now() + PAUSE).await;
                continue;
            };
            let place = Place::take(&open);
            if let Some(place) = place {
                R::spawn(connection::<R>(reader, writer, ask.clone(), place));
            }
        }
    });
    Ok(local)
}

/// One of the connections that may be open.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(open: &Arc<AtomicUsize>) -> Option<Self> {
        let before = open.fetch_add(1, Ordering::Relaxed);
        let place = Self(open.clone());
        (before < CONNECTIONS).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn connection<R: Runtime>(
    mut reader: R::Reader,
    mut writer: R::Writer,
    ask: Ask,
    _place: Place,
) {
    let work = async {
        let mut request = BytesMut::new();
        let answer = loop {
            if let Some(answer) = answer(&request, &ask) {
                break answer;
            }
            request.reserve(1024);
            if !matches!(reader.read(&mut request).await, Ok(1..)) {
                return;
            }
        };
        let mut rest = answer.as_slice();
        while !rest.is_empty() {
            match writer.write(rest).await {
                Ok(count @ 1..) => rest = rest.get(count..).unwrap_or_default(),
                _ => return,
            }
        }
        let _ = writer.shutdown().await;
        // What was sent besides is read, or the answer might be lost with it.
        for _ in 0..64 {
            request.clear();
            request.reserve(1024);
            if !matches!(reader.read(&mut request).await, Ok(1..)) {
                return;
            }
        }
    };
    future::or(work, R::sleep_until(Instant::now() + PATIENCE)).await;
}

/// The answer to a request, once it is there: its head, and its body where that is wanted.
fn answer(request: &[u8], ask: &Ask) -> Option<Vec<u8>> {
    let ends = |end: &[u8]| request.windows(end.len()).any(|window| window == end);
    let is_whole = ends(b"\r\n\r\n") || ends(b"\n\n");
    if !is_whole && request.len() < REQUEST {
        return None;
    }
    let (answer, with_body) = match is_whole && request.len() <= REQUEST {
        false => (
            Answer::text("431 Request Header Fields Too Large", "too long\n"),
            true,
        ),
        true => asked(request, ask),
    };
    let Answer { status, kind, body } = answer;
    let mut text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n",
        body.len()
    );
    if status.starts_with("405") {
        text.push_str("Allow: GET, HEAD\r\n");
    }
    text.push_str("\r\n");
    if with_body {
        text.push_str(&body);
    }
    Some(text.into_bytes())
}

/// What is answered, and whether its body is wanted.
fn asked(request: &[u8], ask: &Ask) -> (Answer, bool) {
    let bad = || {
        (
            Answer::text("400 Bad Request", "this is no request\n"),
            true,
        )
    };
    let line = request.split(|byte| *byte == b'\n').next();
    let Some(Ok(line)) = line.map(std::str::from_utf8) else {
        return bad();
    };
    let words: Vec<_> = line.trim_end_matches('\r').split(' ').collect();
    let [method, target, "HTTP/1.0" | "HTTP/1.1"] = words[..] else {
        return bad();
    };
    // Whatever is asked for besides is no matter.
    let path = target.split(['?', '#']).next().unwrap_or_default();
    if !path.starts_with('/') {
        return bad();
    }
    if !matches!(method, "GET" | "HEAD") {
        let answer = Answer::text("405 Method Not Allowed", "GET and HEAD are answered\n");
        return (answer, true);
    }
    let missing = || Answer::text("404 Not Found", "there are /metrics and /healthz\n");
    (ask(path).unwrap_or_else(missing), method == "GET")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(request: &str) -> Option<String> {
        let ask: Ask = Arc::new(|path| (path == "/a").then(|| Answer::text("200 OK", "yes")));
        let answer = answer(request.as_bytes(), &ask)?;
        Some(String::from_utf8(answer).unwrap())
    }

    #[test]
    fn whole_requests_are_answered() {
        let yes = said("GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert!(yes.starts_with("HTTP/1.1 200 OK\r\n") && yes.ends_with("\r\n\r\nyes"));
        assert!(yes.contains("\r\nContent-Length: 3\r\n"));
        let head = said("HEAD /a HTTP/1.0\n\n").unwrap();
        assert!(head.contains("Length: 3\r\n") && head.ends_with("\r\n\r\n"));
        for (request, status) in [
            ("GET /b HTTP/1.1\r\n\r\n", "404 "),
            ("POST /a HTTP/1.1\r\n\r\n", "405 "),
            ("GET a HTTP/1.1\r\n\r\n", "400 "),
            ("GET /a HTTP/2\r\n\r\n", "400 "),
            ("GET  /a HTTP/1.1\r\n\r\n", "400 "),
            ("\r\n\r\n", "400 "),
            (&"x".repeat(REQUEST), "431 "),
            (
                &format!("GET /a HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(REQUEST)),
                "431 ",
            ),
        ] {
            let answer = said(request).unwrap();
            assert_eq!(&answer[9..13], status, "{request}");
        }
    }

    #[test]
    fn parts_of_requests_are_waited_for() {
        let whole = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(said(&whole[..end]), None);
        }
    }
}
