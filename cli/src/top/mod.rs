//! `netaio top`.

mod change;
pub(crate) mod error;
mod figures;
mod fit;
mod history;
mod http;
mod jobs;
mod page;
mod report;
mod rows;
mod screen;
mod state;
mod terminal;
#[cfg(test)]
mod tests;
mod times;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_channel::Receiver;
use netaio_core::Printable;
use netaio_driver::Runtime;
use smol::future;

use self::error::TopError;
use self::figures::Figures;
use self::jobs::{Job, Jobs};
use self::screen::Styles;
use self::state::State;
use self::terminal::{Act, Shown};
use crate::args::Top;
use crate::colours;
use crate::error::CliError;
use crate::lasting::Lasting;
use crate::runtime::{Work, block_on};
use crate::signals::Stop;
use crate::stdio::Output;
use crate::stdio::error::say;

/// Shows what a server does.
pub(crate) fn top(options: Top) -> Result<(), CliError> {
    let runtime = options.runtime.runtime;
    let is_dumb = std::env::var_os("TERM").is_some_and(|name| name == "dumb");
    let is_shown = Output::is_terminal() && !is_dumb && !options.once && !options.json;
    match is_shown {
        true => {
            let stop = Stop::on_signals_of_terminals()?;
            let by = stop.clone();
            let shown = block_on(runtime, Showing { options, stop }).map_err(CliError::Start)?;
            by.end_if_by_force();
            shown
        }
        false => {
            let lasting = Lasting::start()?;
            block_on(runtime, Printing { options, lasting }).map_err(CliError::Start)?
        }
    }
}

/// What came of a look at the server.
type Looked = Result<(Figures, Instant, Duration), TopError>;

/// Looks at the server again and again, in a task of its own.
fn looks<R: Runtime>(options: &Top) -> Receiver<Looked> {
    let (sender, looks) = async_channel::bounded(1);
    let (address, interval, timeout) = (options.metrics.clone(), options.interval, options.timeout);
    R::spawn(async move {
        loop {
            let begun = Instant::now();
            let looked = look::<R>(&address, timeout).await;
            if sender.send(looked).await.is_err() {
                return;
            }
            match begun.checked_add(interval) {
                Some(next) => R::sleep_until(next).await,
                None => future::pending().await,
            }
        }
    });
    looks
}

async fn look<R: Runtime>(address: &str, timeout: Duration) -> Looked {
    let page = http::get::<R>(address, timeout).await?;
    let at = Instant::now();
    let unix = SystemTime::now().duration_since(UNIX_EPOCH);
    let address = address.to_owned();
    let figures = Figures::of(&page).ok_or(TopError::NoFigures { address })?;
    Ok((figures, at, unix.unwrap_or_default()))
}

/// On a terminal.
struct Showing {
    options: Top,
    stop: Stop,
}

/// What happens there next.
enum Next {
    /// Nothing more.
    End,
    /// The screen is drawn anew.
    Draw,
    Job(Job),
    Looked(Looked),
}

impl Work for Showing {
    type Output = Result<(), CliError>;

    async fn on<R: Runtime>(self) -> Self::Output {
        let options = &self.options;
        let mut state = State::new(options.metrics.clone(), options.interval);
        let styles = Styles::new(colours::are_wanted());
        let looks = looks::<R>(options);
        let mut shown = Shown::start().map_err(CliError::Output)?;
        let acts = terminal::acts().map_err(CliError::Start)?;
        let mut jobs = Jobs::start()?;
        loop {
            let drawn = shown.draw(|area, buffer| screen::draw(&state, styles, area, buffer));
            drawn.map_err(CliError::Output)?;
            let looked = async { looks.recv().await.map_or(Next::End, Next::Looked) };
            let act = async {
                match acts.recv().await {
                    Ok(Act::Resize) => Next::Draw,
                    Ok(Act::Stop) => {
                        jobs::stop_all();
                        Next::Draw
                    }
                    Ok(Act::Quit) => Next::End,
                    // There are signals.
                    Err(_) => future::pending().await,
                }
            };
            let job = async { Next::Job(jobs.next().await) };
            let next = future::or(job, future::or(act, looked));
            match self.stop.or(next).await.unwrap_or(Next::End) {
                Next::End => return Ok(()),
                Next::Draw => {}
                Next::Job(Job::Stop) if !jobs::may_stop() => {}
                Next::Job(job) => {
                    shown.leave();
                    if job == Job::Stop && self.stop.or(jobs.stop()).await.is_none() {
                        return Ok(());
                    }
                    shown.resume().map_err(CliError::Output)?;
                }
                Next::Looked(Ok((figures, at, unix))) => state.took(figures, at, unix),
                Next::Looked(Err(error)) => {
                    state.failed(readable(&error), error.advice());
                }
            }
        }
    }
}

fn readable(error: &TopError) -> String {
    Printable::new(error).with_max(512).to_string()
}

/// Where there is no terminal, or text is wanted.
struct Printing {
    options: Top,
    lasting: Lasting,
}

impl Work for Printing {
    type Output = Result<(), CliError>;

    async fn on<R: Runtime>(self) -> Self::Output {
        let looks = looks::<R>(&self.options);
        let printed = self.lasting.unless_ended(self.print_all(&looks)).await;
        self.lasting.finish().await?;
        printed.map(drop)
    }
}

impl Printing {
    async fn print_all(&self, looks: &Receiver<Looked>) -> Result<(), CliError> {
        let options = &self.options;
        let mut state = State::new(options.metrics.clone(), options.interval);
        while let Ok(looked) = looks.recv().await {
            match looked {
                Ok((figures, at, unix)) => {
                    if state.trouble.is_some() {
                        say(format_args!("{} is there again", options.metrics));
                    }
                    state.took(figures, at, unix);
                }
                Err(error) if options.once => return Err(error.into()),
                Err(error) => {
                    // Once for each time that it goes.
                    if state.trouble.is_none() {
                        say(format_args!("{error}; it is tried again"));
                    }
                    state.failed(readable(&error), error.advice());
                    if options.json {
                        let line = report::no_figures(&state).map_err(CliError::Output)?;
                        self.lasting.print(line.into_bytes()).await?;
                    }
                    continue;
                }
            }
            // The first look knows of no rates.
            if !state
                .change
                .as_ref()
                .is_some_and(|change| change.has_rates())
            {
                continue;
            }
            self.print(&state).await?;
            if options.once {
                break;
            }
        }
        Ok(())
    }

    async fn print(&self, state: &State) -> Result<(), CliError> {
        let text = match self.options.json {
            true => report::json(state).map_err(CliError::Output)?,
            false if self.options.once => report::text(state),
            false => format!("{}\n", report::text(state)),
        };
        self.lasting.print(text.into_bytes()).await
    }
}
