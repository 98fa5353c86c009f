//! The guide's chapter about errors has every message of the library and of the command, and no
//! other: the sources are read for them.
//!
//! A message is the text of `#[error("..")]`, or of what makes an error of a text: `Err("..")`,
//! `Err(format!(".."))`, `ok_or("..")`, `Error::new(kind, "..")`, `Error::other("..")`,
//! `Reply::error("..")`. What stands for a value in it, `{max}` for one, is written `…` in the chapter.
#![allow(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use netaio_tests::tables::{code, rows};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The crates whose errors somebody may see.
const CRATES: &[&str] = &[
    "packify",
    "core",
    "driver",
    "driver-tokio",
    "driver-smol",
    "driver-async-std",
    "gateway",
    "cli",
];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() && name != "tests" {
            sources(&path, found);
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// The text of a string literal.
fn literal(token: Option<&TokenTree>) -> Option<String> {
    let Some(TokenTree::Literal(literal)) = token else {
        return None;
    };
    let text = literal.to_string();
    let text = text.strip_prefix('"')?.strip_suffix('"')?;
    let (mut out, mut chars) = (String::new(), text.chars().peekable());
    while let Some(char) = chars.next() {
        match (char, chars.peek()) {
            // The line goes on.
            ('\\', Some('\n')) => while chars.next_if(|it| it.is_whitespace()).is_some() {},
            ('\\', Some(_)) => out.extend(chars.next()),
            _ => out.push(char),
        }
    }
    Some(out)
}

/// A message with `…` for what is put into it; `None` where nothing else is left.
fn message(text: &str) -> Option<String> {
    let (mut out, mut chars) = (String::new(), text.chars().peekable());
    while let Some(char) = chars.next() {
        match char {
            '{' | '}' if chars.next_if_eq(&char).is_some() => out.push(char),
            '{' => {
                while chars.next().is_some_and(|it| it != '}') {}
                out.push('…');
            }
            char => out.push(char),
        }
    }
    // One word alone is no message, but a part of one.
    let has_words = out.chars().any(char::is_alphabetic) && out.trim().contains(' ');
    has_words.then_some(out)
}

fn group(token: Option<&TokenTree>, delimiter: Delimiter) -> Option<&Group> {
    match token {
        Some(TokenTree::Group(group)) if group.delimiter() == delimiter => Some(group),
        _ => None,
    }
}

fn is_ident(token: Option<&TokenTree>, names: &[&str]) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if names.iter().any(|name| ident == name))
}

/// The text among arguments: a literal, or that of `format!`.
fn argument(arguments: &Group) -> Option<String> {
    let tokens: Vec<_> = arguments.stream().into_iter().collect();
    (0..tokens.len()).find_map(|at| {
        // Of each argument the beginning.
        let begins =
            at == 0 || matches!(&tokens[at - 1], TokenTree::Punct(it) if it.as_char() == ',');
        let rest = begins.then(|| &tokens[at..])?;
        let formatted = is_ident(rest.first(), &["format"])
            .then(|| group(rest.get(2), Delimiter::Parenthesis))
            .flatten();
        match formatted {
            Some(formatted) => literal(formatted.stream().into_iter().next().as_ref()),
            None => literal(rest.first()),
        }
    })
}

/// Whether an attribute is that of tests.
fn is_of_tests(attribute: &Group) -> bool {
    let text = attribute.stream().to_string();
    let is_cfg = text.starts_with("cfg") && text.contains("test") && !text.contains("not");
    text == "test" || is_cfg
}

fn collect(stream: TokenStream, found: &mut BTreeSet<String>) {
    let tokens: Vec<_> = stream.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        let next = |step: usize| tokens.get(at + step);
        if matches!(next(0), Some(TokenTree::Punct(it)) if it.as_char() == '#')
            && let Some(attribute) = group(next(1), Delimiter::Bracket)
        {
            if is_of_tests(attribute) {
                // Whatever it is, it ends with its body, or has none.
                let ends = |token| {
                    group(Some(token), Delimiter::Brace).is_some()
                        || matches!(token, TokenTree::Punct(it) if it.as_char() == ';')
                };
                at += 2;
                while tokens.get(at).is_some_and(|token| !ends(token)) {
                    at += 1;
                }
                at += 1;
                continue;
            } else {
                let inner: Vec<_> = attribute.stream().into_iter().collect();
                let text = is_ident(inner.first(), &["error"])
                    .then(|| group(inner.get(1), Delimiter::Parenthesis))
                    .flatten();
                found.extend(text.and_then(argument).as_deref().and_then(message));
                at += 1;
            }
        } else if is_ident(next(0), &["Err", "ok_or", "other"])
            && let Some(arguments) = group(next(1), Delimiter::Parenthesis)
        {
            found.extend(argument(arguments).as_deref().and_then(message));
            at += 1;
        } else if (is_ident(next(0), &["Error"]) && is_ident(next(3), &["new"])
            || is_ident(next(0), &["Reply"])
                // And no type alone, behind which anything may follow.
                && matches!(next(1), Some(TokenTree::Punct(it)) if it.as_char() == ':'))
            && let Some(arguments) = group(next(4), Delimiter::Parenthesis)
        {
            found.extend(argument(arguments).as_deref().and_then(message));
            at += 4;
        }
        if let Some(TokenTree::Group(inner)) = tokens.get(at) {
            collect(inner.stream(), found);
        }
        at += 1;
    }
}

/// All messages, each with a file that has it.
fn messages() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for name in CRATES {
        let mut paths = Vec::new();
        sources(&root().join(name).join("src"), &mut paths);
        for path in paths {
            let mut found = BTreeSet::new();
            let source: TokenStream = fs::read_to_string(&path).unwrap().parse().unwrap();
            collect(source, &mut found);
            let path = path.strip_prefix(root()).unwrap().display().to_string();
            all.extend(found.into_iter().map(|message| (message, path.clone())));
        }
    }
    all
}

#[test]
fn every_error_is_in_the_chapter() {
    let messages = messages();
    assert!(messages.len() > 150, "{} were found", messages.len());
    let chapter = root().join("driver-tokio/guide/troubleshooting.md");
    let chapter = fs::read_to_string(chapter).unwrap();
    let rows = rows(&chapter);
    // Messages have backticks of their own: in the chapter they have none.
    let plain = |text: &str| text.replace('`', "");
    let chapter: BTreeMap<_, _> = rows
        .iter()
        // What stands before the first heading is of no message.
        .filter(|row| !row.heading.is_empty())
        .filter_map(|row| Some((*code(row.cells[0]).first()?, row)))
        .collect();
    let missing: Vec<_> = messages
        .iter()
        .filter(|(message, _)| !chapter.contains_key(plain(message).as_str()))
        .map(|(message, path)| format!("| `{}` | | | ({path})", plain(message)))
        .collect();
    assert!(missing.is_empty(), "missing:\n{}", missing.join("\n"));
    let known: BTreeSet<_> = messages.keys().map(|message| plain(message)).collect();
    for (message, row) in chapter {
        let line = row.line;
        assert!(
            known.contains(message),
            "line {line}: nothing says {message:?}"
        );
        assert_eq!(
            row.cells.len(),
            3,
            "line {line} has another number of cells"
        );
        let is_whole = row.cells.iter().all(|cell| !cell.is_empty());
        assert!(is_whole, "line {line} has no cause, or no cure");
    }
}

#[test]
fn messages_are_found_in_sources() {
    let source = r#"
        #[derive(thiserror::Error)]
        enum E {
            #[error("too long: {{{len}}} of {max}")]
            A,
            #[error(transparent)]
            B,
        }
        fn f() -> Result<(), String> {
            x.ok_or("there is none")?;
            io::Error::new(kind, format!("cannot {do} it"));
            return Err(format!("a {} b", 1));
        }
        fn g() -> Result<(), Reply> {
            Err(Reply::error("not that one"))
        }
        pub(super) fn h() {}
        #[cfg(test)]
        mod tests { fn g() { Err("not this one") } }
    "#;
    let mut found = BTreeSet::new();
    collect(source.parse().unwrap(), &mut found);
    let wanted = [
        "a … b",
        "cannot … it",
        "not that one",
        "there is none",
        "too long: {…} of …",
    ];
    assert_eq!(found, wanted.map(str::to_owned).into());
}
