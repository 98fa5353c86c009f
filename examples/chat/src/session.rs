//! A person in the chat: events are shown, and what is entered is done.

use tokio::sync::mpsc;
use tokio::task::block_in_place;

use crate::Failure;
use crate::chat::Chat;
use crate::command::{Command, HELP};
use crate::event::Event;
use crate::jobs::{self, Job, Jobs};
use crate::letter::MAX_TEXT;
use crate::plain;
use crate::state::State;
use crate::stop::Signals;
use crate::terminal::{self, Entered, Screen};

/// The most keys that are taken before the screen is drawn.
const MAX_UNDRAWN: usize = 256;

/// In the terminal, until its person leaves.
///
/// # Errors
/// The terminal cannot be used, keys cannot be kept, or the node has ended.
pub(crate) async fn with_terminal(
    chat: &Chat,
    mut events: mpsc::Receiver<Event>,
    mut signals: Signals,
) -> Result<(), Failure> {
    let mut state = State::new(chat.myself());
    let mut screen = Screen::open()?;
    let mut jobs = Jobs::new()?;
    let mut undrawn = 0;
    loop {
        // What is pasted key by key is drawn together.
        undrawn = if screen.is_behind() && undrawn < MAX_UNDRAWN {
            undrawn + 1
        } else {
            screen.draw(&state)?;
            0
        };
        tokio::select! {
            result = signals.come() => return Ok(result?),
            result = chat.ended() => return result,
            Some(event) = events.recv() => {
                keep(chat, &event)?;
                state.apply(event);
            }
            job = jobs.next() => match job {
                Job::Stop if !jobs::may_stop() => {}
                job => {
                    screen.leave();
                    if job == Job::Stop {
                        tokio::select! {
                            result = signals.come() => return Ok(result?),
                            () = jobs.stop() => {}
                        }
                    }
                    screen.resume()?;
                }
            },
            key = screen.next() => match key.map(|key| terminal::take(&mut state, key)) {
                None | Some(Some(Entered::End)) => return Ok(()),
                Some(Some(Entered::Stop)) => jobs::stop_all(),
                Some(Some(Entered::Line(line))) => match enter(chat, &mut state, &line) {
                    After::Leave => return Ok(()),
                    After::Nothing => {}
                    After::Tell(event) => state.apply(event),
                }
                Some(None) => {}
            },
        }
    }
}

/// With lines from standard input, until they end and what was sent is answered.
///
/// # Errors
/// Standard output is gone, keys cannot be kept, or the node has ended.
pub(crate) async fn with_lines(
    chat: &Chat,
    mut events: mpsc::Receiver<Event>,
    mut signals: Signals,
) -> Result<(), Failure> {
    let mut state = State::new(chat.myself());
    let mut lines = plain::lines()?;
    let mut has_ended = false;
    let me = &state.myself;
    plain::print(format_args!(
        "* {} at {}, key {}",
        me.name, me.place, me.fingerprint
    ))?;
    loop {
        if has_ended && state.waiting() == 0 {
            return Ok(());
        }
        tokio::select! {
            result = signals.come() => return Ok(result?),
            result = chat.ended() => return result,
            Some(event) = events.recv() => {
                keep(chat, &event)?;
                plain::print(&event)?;
                state.apply(event);
            }
            line = lines.recv(), if !has_ended && !state.is_busy() => match line {
                None => has_ended = true,
                Some(line) => match enter(chat, &mut state, &line) {
                    After::Leave => has_ended = true,
                    After::Nothing => {}
                    After::Tell(event) => plain::print(event)?,
                }
            },
        }
    }
}

/// What is to be done after a line.
enum After {
    Nothing,
    Leave,
    Tell(Event),
}

fn enter(chat: &Chat, state: &mut State, line: &str) -> After {
    let notice = |text: &str| After::Tell(Event::Notice(text.into()));
    match Command::parse(line) {
        Command::Nothing => After::Nothing,
        Command::Leave => After::Leave,
        Command::Help => notice(HELP),
        Command::Unknown(word) => notice(&format!(
            "there is no command {word}; /help has those that there are"
        )),
        Command::Short("/forget") => notice("/forget NAME: whose key is to be forgotten?"),
        Command::Short(to) => notice(&format!("{to} TEXT: there is no text to send")),
        Command::Forget(name) => match chat.forget(name) {
            true => notice("the key is forgotten; the next one that is used will be trusted"),
            false => notice("there is no key of that name"),
        },
        Command::Say { text, .. } if text.len() > MAX_TEXT => notice(&format!(
            "the message is longer than {MAX_TEXT} bytes: nothing is sent"
        )),
        Command::Say { to: None, text } => {
            let receivers = state.receivers();
            if receivers.is_empty() {
                return notice("nobody is here: nothing is sent");
            }
            let message = state.say(text, true, &receivers);
            chat.say(message, receivers, true, text);
            After::Nothing
        }
        Command::Say {
            to: Some(name),
            text,
        } => {
            let Some(person) = state.find(name) else {
                return notice("nobody of that name is here: nothing is sent");
            };
            let receivers = vec![person.name.clone()];
            let message = state.say(text, false, &receivers);
            chat.say(message, receivers, false, text);
            After::Nothing
        }
    }
}

/// Keeps keys that may have been trusted with this event.
fn keep(chat: &Chat, event: &Event) -> Result<(), Failure> {
    if let Event::Said { .. } | Event::Delivered { .. } = event {
        block_in_place(|| chat.keys().save())?;
    }
    Ok(())
}
