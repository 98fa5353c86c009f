//! `netaio ping`.

mod report;

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use netaio_core::types::AUTH_ERROR;
use netaio_core::{Layer, Message};
use netaio_driver::{ErrorResponse, Heartbeat, RequestError, Runtime};

use self::report::{Answer, Report};
use crate::args::Ping;
use crate::asked::Asked;
use crate::error::CliError;
use crate::lasting::Lasting;
use crate::runtime::{Work, block_on};

/// Asks a server again and again, and prints how long each answer takes.
pub(crate) fn ping(options: Ping) -> Result<(), CliError> {
    let lasting = Lasting::start()?;
    let runtime = options.server.runtime.runtime;
    block_on(runtime, Pinging { options, lasting }).map_err(CliError::Start)?
}

struct Pinging {
    options: Ping,
    lasting: Lasting,
}

impl Work for Pinging {
    type Output = Result<(), CliError>;

    async fn on<R: Runtime>(self) -> Self::Output {
        let mut report = Report::new(&self.options);
        let pinged = self.ping_all::<R>(&mut report);
        // A signal ends the pinging with its report.
        let pinged = self.lasting.unless_ended(pinged).await.map(drop);
        if matches!(pinged, Err(CliError::Output(_))) {
            return pinged;
        }
        if report.sent() > 0 {
            let summary = report.summary().map_err(CliError::Output)?;
            self.lasting.print(summary).await?;
        }
        self.lasting.finish().await?;
        pinged?;
        report.result()
    }
}

impl Pinging {
    async fn ping_all<R: Runtime>(&self, report: &mut Report<'_>) -> Result<(), CliError> {
        let options = &self.options;
        let mut asked = None;
        let mut left = options.count.map(NonZeroU64::get);
        while left != Some(0) {
            let begun = Instant::now();
            report.begin();
            let line = match round::<R>(options, &mut asked).await {
                Ok(answer) if answer.response.message_type == AUTH_ERROR => {
                    let message = answer.response.into_message();
                    return Err(ErrorResponse(message).into());
                }
                Ok(answer) => report.answered(&answer),
                // There is no server at all, or another one: nothing was measured.
                Err(error @ (CliError::Connect(_) | CliError::Identity(_)))
                    if report.sent() == 1 =>
                {
                    report.nothing();
                    return Err(error);
                }
                Err(error) if error.may_pass() => {
                    // One by datagrams that does not know this client may not even say so.
                    let server = &options.server;
                    let is_late = matches!(error, CliError::Request(RequestError::TimedOut(_)));
                    if !is_late || server.udp && server.identity.own().is_some() {
                        asked = None;
                    }
                    report.lost(error)
                }
                Err(error) => return Err(error),
            };
            self.lasting.print(line.map_err(CliError::Output)?).await?;
            left = left.map(|left| left.saturating_sub(1));
            if left != Some(0) {
                R::sleep_until(begun + options.interval).await;
            }
        }
        Ok(())
    }
}

/// Asks once, of a server that is met first where it is not.
async fn round<R: Runtime>(
    options: &Ping,
    asked: &mut Option<Asked<R>>,
) -> Result<Answer, CliError> {
    let server = &options.server;
    if let Some(known) = asked {
        let answer = ask(known, server.timeout).await;
        let response = answer.as_ref().map(|answer| &answer.response);
        if !known.is_forgotten(response) {
            return Ok(answer?);
        }
    }
    let first = async |asked: &Asked<R>| Ok(ask(asked, server.timeout).await?);
    let (met, answer) = Asked::with(server, first).await?;
    *asked = Some(met);
    Ok(answer)
}

async fn ask<R: Runtime>(asked: &Asked<R>, timeout: Duration) -> Result<Answer, RequestError> {
    let remote = asked.remote();
    let request = remote.request_message(Message::request(Heartbeat::URI));
    let request = request.inner(asked.inner(Layer::new()));
    let begun = Instant::now();
    let response = request.timeout(timeout).await?;
    Ok(Answer {
        response,
        from: remote.addr(),
        time: begun.elapsed(),
    })
}
