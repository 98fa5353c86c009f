//! Examples of each subcommand, in its help and on its page of the manual.

use clap::{Command, CommandFactory};

use crate::args::Args;
use crate::exit;

/// What a command is for, and the command.
pub(crate) struct Example {
    pub(crate) what: &'static str,
    pub(crate) line: &'static str,
}

const fn example(what: &'static str, line: &'static str) -> Example {
    Example { what, line }
}

/// Those of each subcommand. The first ones are run by a test, in this order, in a directory
/// of their own and with a server where they look for it.
pub(crate) const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "serve",
        &[
            example("Serve on 127.0.0.1:8888, until Ctrl-C", "netaio serve"),
            example(
                "Serve the network over TCP and UDP, to those who know the secret in a file",
                "netaio serve --tcp 0.0.0.0:8888 --udp 0.0.0.0:8888 --secret-file secret.txt",
            ),
            example(
                "Serve those whose public keys are in a file, with a key pair of its own",
                "netaio serve --tcp 0.0.0.0:8888 --identity-file server.id --known-clients clients.txt",
            ),
        ],
    ),
    (
        "create",
        &[
            example(
                "Create a resource",
                "netaio create greeting --content hello",
            ),
            example(
                "Create one from what another command prints",
                "date | netaio create now --file -",
            ),
        ],
    ),
    (
        "request",
        &[
            example("Read a resource", "netaio request greeting"),
            example(
                "Ask over UDP, for at most two seconds, and print the answer as JSON",
                "netaio request greeting --udp --timeout 2 --json",
            ),
            example(
                "Ask a server that knows this client by its key, and is known by its own from then on",
                "netaio request greeting --identity-file me.id",
            ),
            example(
                "The same over UDP",
                "netaio request greeting --udp --identity-file me.id",
            ),
        ],
    ),
    (
        "update",
        &[
            example(
                "Replace the content of a resource",
                "netaio update greeting --content \"good morning\"",
            ),
            example(
                "Replace it by a file",
                "netaio update greeting --file letter.txt --server example.org:8888",
            ),
        ],
    ),
    (
        "watch",
        &[
            example(
                "Print a resource as it is now, and end",
                "netaio watch greeting --count 1",
            ),
            example(
                "Print it at each change, whatever becomes of the server",
                "netaio watch greeting",
            ),
        ],
    ),
    (
        "publish",
        &[example(
            "Tell the subscribers of a uri; the answer is how many there are",
            "netaio publish news --content \"all is well\"",
        )],
    ),
    (
        "subscribe",
        &[
            example(
                "Print the next thing that is published to a uri, or happens to it",
                "netaio subscribe news --count 1",
            ),
            example(
                "Follow the uris that match patterns, as JSON",
                "netaio subscribe 'sensors/*/readings' 'alarms/**' --json",
            ),
            example(
                "Listen at one of two servers, and at the other when that is gone",
                "netaio subscribe news --server 10.0.0.1:8888,10.0.0.2:8888",
            ),
        ],
    ),
    (
        "delete",
        &[example("Delete a resource", "netaio delete greeting")],
    ),
    (
        "ping",
        &[
            example("Ask three times", "netaio ping --count 3"),
            example(
                "Ask over UDP ten times a second",
                "netaio ping --udp --interval 0.1",
            ),
        ],
    ),
    #[cfg(feature = "top")]
    (
        "top",
        &[
            example(
                "Show what a server does that was started with `netaio serve --metrics 127.0.0.1:9100`",
                "netaio top --metrics 127.0.0.1:9100",
            ),
            example(
                "Print the same once, as JSON",
                "netaio top --metrics 127.0.0.1:9100 --once --json",
            ),
        ],
    ),
    (
        "bench",
        &[
            example(
                "Measure a server in this process for a second",
                "netaio bench --self --secs 1",
            ),
            example(
                "Measure one elsewhere at a fixed rate",
                "netaio bench --server example.org:8888 --connections 10 --rate 20000",
            ),
            example(
                "Measure what X25519 costs",
                "netaio bench --self --identity-file me.id",
            ),
        ],
    ),
    (
        "encode",
        &[example(
            "Make a frame, and keep it in a file",
            "echo '{\"type\": \"REQUEST_URI\", \"uri\": \"echo\", \"content\": \"hi\"}' | netaio encode > frames.bin",
        )],
    ),
    (
        "decode",
        &[
            example("Print the frames in a file", "netaio decode frames.bin"),
            example(
                "Print those on the network as they are captured",
                "tcpdump -i any -U -w - port 8888 | netaio decode",
            ),
            example(
                "Print one that is at hand as hex text, as JSON",
                "echo 0000030008339503ac4d4000 00046563686f6869 | netaio decode --hex --json",
            ),
        ],
    ),
    (
        "node",
        &[
            example(
                "Find peers on this machine, and be found",
                "netaio node --interface 127.0.0.1 --group 239.255.0.1 --listen 127.0.0.1:9000",
            ),
            example(
                "Tell them a name, and print what they tell as JSON",
                "netaio node --data '{\"name\":\"Alice\"}' --json",
            ),
            example(
                "Have them prove their keys, and know them from then on",
                "netaio node --identity-file me.id",
            ),
        ],
    ),
    (
        "store",
        &[
            example(
                "Put a resource into a store, which `netaio serve --store resources.db` serves",
                "echo '{\"uri\": \"greeting\", \"content\": \"hello\"}' | netaio store load resources.db",
            ),
            example("Print what is in it", "netaio store dump resources.db"),
        ],
    ),
    (
        "context",
        &[
            example(
                "Keep where a server is, and how it is asked",
                "netaio context save lab --server lab.example:8888 --aead-file lab.key --ca lab-ca.crt",
            ),
            example(
                "Have it wherever no other one is named",
                "netaio context select lab",
            ),
        ],
    ),
    (
        "keygen",
        &[
            example(
                "Make a secret, which both ends are to have",
                "netaio keygen secret secret.key",
            ),
            example(
                "Make a key of the AEAD layer",
                "netaio keygen aead aead.key",
            ),
            example(
                "Make a key pair of one's own, and print the public key",
                "netaio keygen x25519 me.id",
            ),
            example(
                "Have a server know whose key pair that is, with --known-clients clients",
                "netaio keygen public me.id >> clients",
            ),
        ],
    ),
    (
        "completions",
        &[
            example(
                "Complete commands in this bash, from now on",
                "source <(netaio completions bash)",
            ),
            example(
                "In every zsh, where that directory is in its fpath",
                "netaio completions zsh > ~/.zfunc/_netaio",
            ),
        ],
    ),
    (
        "man",
        &[
            example("Write the manual to a directory", "netaio man man1"),
            example(
                "Install it, and read it",
                "netaio man ~/.local/share/man/man1 && man netaio-serve",
            ),
        ],
    ),
];

/// The examples of a subcommand.
pub(crate) fn of(name: &str) -> &'static [Example] {
    let found = EXAMPLES.iter().find(|(command, _)| *command == name);
    found.map_or(&[], |(_, examples)| examples)
}

/// The command line, whose help has examples and the statuses.
pub(crate) fn command() -> Command {
    let mut command = Args::command().after_long_help(exit::table());
    let names: Vec<_> = command
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    for name in names {
        let examples = text(of(&name));
        if !examples.is_empty() {
            command = command.mut_subcommand(name, |command| command.after_help(examples));
        }
    }
    command
}

fn text(examples: &[Example]) -> String {
    let lines = examples
        .iter()
        .map(|Example { what, line }| format!("  {what}:\n    {line}\n"));
    match examples.len() {
        0 => String::new(),
        1 => format!("Example:\n{}", lines.collect::<String>()),
        _ => format!("Examples:\n{}", lines.collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of a line of a shell as they are, from `netaio` to what ends that command.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut quote, mut open) = (vec![String::new()], None, false);
        let start = line.find("netaio").unwrap();
        for c in line[start..].chars() {
            match (quote, c) {
                (None, '\'' | '"') => (quote, open) = (Some(c), true),
                (Some(end), c) if c == end => quote = None,
                (None, ' ') => {
                    if open || words.last().is_some_and(|word| !word.is_empty()) {
                        words.push(String::new());
                    }
                    open = false;
                }
                (None, '|' | '>' | '&' | ')') => break,
                (_, c) => words.last_mut().unwrap().push(c),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    #[test]
    fn every_subcommand_has_examples_and_the_command_line_takes_all() {
        for subcommand in Args::command().get_subcommands() {
            let name = subcommand.get_name();
            assert!(!of(name).is_empty(), "{name} has no example");
        }
        for (name, examples) in EXAMPLES {
            for Example { line, .. } in *examples {
                let words = words(line);
                assert_eq!(words[1], *name, "{line}");
                let parsed = command().try_get_matches_from(&words);
                assert!(parsed.is_ok(), "{line}: {words:?}: {parsed:?}");
            }
        }
    }

    #[test]
    fn help_has_them() {
        let help = command()
            .find_subcommand_mut("ping")
            .unwrap()
            .render_help()
            .to_string();
        assert!(
            help.contains("Ask three times:\n    netaio ping --count 3\n"),
            "{help}"
        );
        let help = command().render_long_help().to_string();
        assert!(help.contains("\n  4      No connection, "), "{help}");
    }
}
