//! Words on the command line that belong behind an option.

use clap::Command;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::examples;

/// Says in an error which option a word belongs behind for which its subcommand has no place, if
/// that can be told.
pub(crate) fn with_tip(
    mut error: clap::Error,
    line: impl IntoIterator<Item = String>,
) -> clap::Error {
    if let Some(tip) = tip(&error, line) {
        let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
        error.insert(ContextKind::Suggested, tips);
    }
    error
}

fn tip(error: &clap::Error, line: impl IntoIterator<Item = String>) -> Option<String> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    if error.kind() != ErrorKind::UnknownArgument || word.starts_with('-') {
        return None;
    }
    let command = examples::command();
    let mut words = line.into_iter();
    let subcommand = words.find_map(|word| command.find_subcommand(word))?;
    let (what, options): (_, &[&str]) = match is_address(word) {
        true => ("an address", &["tcp", "server"]),
        false => ("the content", &["content"]),
    };
    let option = options.iter().find(|option| has(subcommand, option))?;
    Some(format!("{what} goes behind '--{option}'"))
}

/// Whether it ends with the number of a port.
fn is_address(word: &str) -> bool {
    let port = word.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    port.is_some_and(|port| port.is_ok())
}

fn has(command: &Command, option: &str) -> bool {
    let mut arguments = command.get_arguments();
    arguments.any(|argument| argument.get_long() == Some(option))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_belongs_behind_an_option_is_told_which() {
        for (line, tip) in [
            ("netaio serve 127.0.0.1:8888", Some("--tcp")),
            ("netaio serve [::1]:8888", Some("--tcp")),
            ("netaio request greeting localhost:8888", Some("--server")),
            ("netaio -v ping 127.0.0.1:8888", Some("--server")),
            ("netaio create greeting hello", Some("--content")),
            ("netaio serve hello", None),
            ("netaio create greeting --contents hello", None),
        ] {
            let words = line.split(' ').map(str::to_owned);
            let error = examples::command().try_get_matches_from(words.clone());
            let text = with_tip(error.unwrap_err(), words).render().to_string();
            let tipped = text.contains("goes behind");
            assert_eq!(tipped, tip.is_some(), "{line}: {text}");
            assert!(
                tip.is_none_or(|tip| text.contains(&format!("'{tip}'"))),
                "{text}"
            );
        }
    }
}
