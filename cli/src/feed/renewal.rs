//! Subscriptions over UDP, which are asked for again and again: nothing else says that a server
//! has restarted, and has forgotten them.

use std::time::{Duration, Instant};

use async_channel::Sender;
use netaio_core::{Layer, Message};
use netaio_driver::{Remote, RequestError, Runtime};

use super::hearing::Heard;
use crate::args::FeedChoice;
use crate::error::CliError;

/// The pause after one that was not confirmed.
const SOON: Duration = Duration::from_secs(1);

/// How many in a row are not confirmed before that is told: single datagrams get lost.
const SILENT: u32 = 2;

/// Subscribes to all uris.
///
/// # Errors
/// There is no answer, or the server refuses.
pub(super) async fn subscribe(
    server: &Remote,
    inner: &Layer,
    uris: &[String],
    timeout: Duration,
) -> Result<(), CliError> {
    for uri in uris {
        let request = server.request_message(Message::subscribe(uri.clone()));
        let request = request.inner(inner.clone()).timeout(timeout);
        request.await?.into_result()?;
    }
    Ok(())
}

/// Subscribes again, until nobody listens.
pub(super) fn start<R: Runtime>(
    (server, inner): (Remote, Layer),
    uris: &[String],
    choice: &FeedChoice,
    told: Sender<Heard>,
) {
    let (uris, every, timeout) = (uris.to_vec(), choice.renew, choice.server.timeout);
    R::spawn(async move {
        let (mut failures, mut pause) = (0_u32, every);
        loop {
            R::sleep_until(Instant::now() + pause).await;
            let heard = match subscribe(&server, &inner, &uris, timeout.min(every)).await {
                Ok(()) => {
                    let again = failures >= SILENT;
                    (failures, pause) = (0, every);
                    Heard::Renewed { again }
                }
                Err(error) => {
                    let was_silent = failures >= SILENT;
                    failures = match is_certain(&error) {
                        true => failures.max(SILENT - 1),
                        false => failures,
                    };
                    failures = failures.saturating_add(1);
                    pause = SOON.min(every);
                    match failures >= SILENT && !was_silent {
                        true => Heard::Silent(error),
                        false => continue,
                    }
                }
            };
            if told.send(heard).await.is_err() {
                break;
            }
        }
    });
}

/// Whether it is no datagram that was lost.
fn is_certain(error: &CliError) -> bool {
    !matches!(error, CliError::Request(RequestError::TimedOut(_)))
}
