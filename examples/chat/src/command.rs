//! What a person enters.

/// A line that was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    Nothing,
    Leave,
    Help,
    /// Forgets the key of somebody.
    Forget(&'a str),
    /// Sends a text, to one or to all.
    Say {
        to: Option<&'a str>,
        text: &'a str,
    },
    /// No such command: what it was taken for, without its text.
    Unknown(&'a str),
    /// A command or a receiver, and nothing behind it.
    Short(&'a str),
}

/// The help for those who are in the chat.
pub(crate) const HELP: &str = "a line goes to all who are here, `@NAME text` to one; /forget NAME takes the \
                               next key of somebody; /quit or Ctrl-C leaves; PageUp and PageDown scroll";

impl<'a> Command<'a> {
    pub(crate) fn parse(line: &'a str) -> Self {
        let line = line.trim();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim_start();
        match word {
            "" => Self::Nothing,
            "/quit" => Self::Leave,
            "/help" => Self::Help,
            "/forget" if !rest.is_empty() => Self::Forget(rest),
            // A line that begins so is text with two of them.
            "/forget" => Self::Short(word),
            word if word.starts_with('/') && !word.starts_with("//") => Self::Unknown(word),
            word if word.starts_with("//") => Self::Say {
                to: None,
                text: line.get(1..).unwrap_or_default(),
            },
            word => match word.strip_prefix('@') {
                None => Self::Say {
                    to: None,
                    text: line,
                },
                Some(_) if rest.is_empty() => Self::Short(word),
                Some(name) => Self::Say {
                    to: Some(name),
                    text: rest,
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Command::{self, *};

    #[test]
    fn lines_are_commands_or_text() {
        let all = |text| Say { to: None, text };
        for (line, command) in [
            ("", Nothing),
            ("  ", Nothing),
            ("hello  all ", all("hello  all")),
            ("/quit", Leave),
            ("/help", Help),
            ("/forget bob", Forget("bob")),
            ("/forget", Short("/forget")),
            ("/nothing at all", Unknown("/nothing")),
            ("//etc", all("/etc")),
            (
                "@bob  hello you",
                Say {
                    to: Some("bob"),
                    text: "hello you",
                },
            ),
            ("@bob", Short("@bob")),
        ] {
            assert_eq!(Command::parse(line), command, "{line:?}");
        }
    }
}
