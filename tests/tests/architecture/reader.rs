//! Reads what one Rust file declares and names: child modules, imports, paths, items.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Spacing, Span, TokenStream, TokenTree};

/// A word, `::` or another character, at its line from 1.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// One name that a `use` brings in; a tree of them is several.
#[derive(Debug)]
pub(crate) struct Use {
    pub(crate) path: Vec<String>,
    /// What it is called here; `*` for all of a module.
    pub(crate) name: String,
    pub(crate) public: bool,
    pub(crate) line: usize,
}

/// A module: a file, or a part of one between braces.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) uses: Vec<Use>,
    /// Paths outside of `use`, each with its line.
    pub(crate) paths: Vec<(Vec<String>, usize)>,
    pub(crate) items: BTreeSet<String>,
    /// Every word outside of `use`.
    pub(crate) words: BTreeSet<String>,
    /// The child modules in files of their own.
    pub(crate) files: Vec<String>,
    pub(crate) inline: Vec<(String, Module)>,
}

/// A file's module, without comments, strings, and what only tests have.
pub(crate) fn read(source: &str) -> Module {
    let mut tokens = Vec::new();
    flatten(source.parse().unwrap(), &mut tokens);
    module(&without_tests(&tokens))
}

/// The tokens as the compiler has them, which knows comments, strings and lifetimes, in one row.
fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    fn push(text: impl Into<String>, span: Span, tokens: &mut Vec<Token>) {
        let (text, line) = (text.into(), span.start().line);
        tokens.push(Token { text, line });
    }
    let mut trees = stream.into_iter();
    while let Some(tree) = trees.next() {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace | Delimiter::None => ("{", "}"),
                };
                push(open, group.span_open(), tokens);
                flatten(group.stream(), tokens);
                push(close, group.span_close(), tokens);
            }
            TokenTree::Ident(word) => push(word.to_string(), word.span(), tokens),
            TokenTree::Literal(_) => {}
            TokenTree::Punct(punct) => match (punct.as_char(), punct.spacing()) {
                (':', Spacing::Joint) => {
                    // In a path or a bound, `::` is all that begins so.
                    trees.next();
                    push("::", punct.span(), tokens);
                }
                // A lifetime's word names no module.
                ('\'', _) => drop(trees.next()),
                (other, _) => push(other, punct.span(), tokens),
            },
        }
    }
}

/// How many tokens there are to the end of the bracket that the first one opens.
fn bracket(tokens: &[Token]) -> usize {
    let mut depth = 0;
    let end = tokens.iter().position(|token| {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    end.map_or(tokens.len(), |at| at + 1)
}

fn text(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| &token.text)
}

/// Leaves out each item below `#[cfg(test)]` or `#[cfg(all(.., test, ..))]`.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let attribute = |at| text(tokens, at) == "#" && text(tokens, at + 1) == "[";
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_test = attribute(at) && text(tokens, at + 2) == "cfg" && {
            let condition = &tokens[at + 3..at + 1 + bracket(&tokens[at + 1..])];
            let has = |word| condition.iter().any(|token| token.text == word);
            has("test") && !has("any") && !has("not")
        };
        if !is_test {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        while attribute(at) {
            at += 1 + bracket(&tokens[at + 1..]);
        }
        // A field ends with a comma, an item with a semicolon or a block.
        let is_field = text(tokens, at + 1) == ":";
        while at < tokens.len() && text(tokens, at) != "}" {
            let token = text(tokens, at);
            at += bracket_or_one(&tokens[at..]);
            if token == ";" || is_field && token == "," {
                break;
            }
            if token == "{" {
                at += usize::from(text(tokens, at) == ";");
                break;
            }
        }
    }
    kept
}

fn bracket_or_one(tokens: &[Token]) -> usize {
    match text(tokens, 0) {
        "(" | "[" | "{" => bracket(tokens),
        _ => 1,
    }
}

fn module(tokens: &[Token]) -> Module {
    let is_word = |word: &str| word.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let mut module = Module::default();
    let mut at = 0;
    while at < tokens.len() {
        let Token { text: word, line } = &tokens[at];
        let next = text(tokens, at + 1);
        let before = if at > 0 { text(tokens, at - 1) } else { "" };
        match (word.as_str(), next, text(tokens, at + 2)) {
            ("mod", name, ";") => {
                module.files.push(name.to_owned());
                at += 3;
                continue;
            }
            ("mod", name, "{") => {
                let length = bracket(&tokens[at + 2..]);
                let body = &tokens[at + 3..at + 1 + length];
                module.inline.push((name.to_owned(), self::module(body)));
                at += 1 + length;
            }
            // `use<'a>` in a type is no import.
            ("use", first, _) if first != "<" => {
                // `pub` or `pub(..)`.
                let public = before == "pub" || before == ")";
                let first = module.uses.len();
                at = use_tree(tokens, at + 1, &[], &mut module.uses);
                for found in &mut module.uses[first..] {
                    found.public = public;
                }
                continue;
            }
            ("macro_rules", "!", name) => {
                module.items.insert(name.to_owned());
            }
            (
                "const" | "enum" | "fn" | "static" | "struct" | "trait" | "type" | "union",
                name,
                _,
            ) => {
                module.items.insert(name.to_owned());
            }
            (_, "::", _) if before != "::" && is_word(word) => {
                let mut path = vec![word.clone()];
                let mut end = at;
                while text(tokens, end + 1) == "::" && is_word(text(tokens, end + 2)) {
                    path.push(text(tokens, end + 2).to_owned());
                    end += 2;
                }
                module.paths.push((path, *line));
            }
            _ => {}
        }
        if is_word(word) && before != "::" {
            module.words.insert(word.clone());
        }
        at += 1;
    }
    module
}

/// Reads one branch of a tree of imports; returns where the next begins.
fn use_tree(tokens: &[Token], mut at: usize, stem: &[String], uses: &mut Vec<Use>) -> usize {
    let mut path = stem.to_vec();
    let line = tokens.get(at).map_or(0, |token| token.line);
    let mut name = None;
    loop {
        match text(tokens, at) {
            "{" => {
                let end = at + bracket(&tokens[at..]);
                at += 1;
                while at + 1 < end {
                    at = use_tree(tokens, at, &path, uses);
                }
                // What follows the brace: a comma, a semicolon, or the end of another branch.
                return end + usize::from(matches!(text(tokens, end), "," | ";"));
            }
            "as" => {
                name = Some(text(tokens, at + 1).to_owned());
                at += 1;
            }
            "" | "," | ";" | "}" => break,
            "::" => {}
            // `a::{self}` is `a`.
            "self" if !path.is_empty() => {}
            "*" => name = Some("*".to_owned()),
            word => path.push(word.to_owned()),
        }
        at += 1;
    }
    if let Some(name) = name.or_else(|| path.last().cloned()) {
        let public = false;
        uses.push(Use {
            path,
            name,
            public,
            line,
        });
    }
    at + usize::from(matches!(text(tokens, at), "," | ";"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(source: &str) -> Vec<(String, String, bool, usize)> {
        let uses = read(source).uses.into_iter();
        uses.map(|found| (found.path.join("::"), found.name, found.public, found.line))
            .collect()
    }

    fn found(path: &str, name: &str, public: bool, line: usize) -> (String, String, bool, usize) {
        (path.to_owned(), name.to_owned(), public, line)
    }

    #[test]
    fn trees_of_imports_are_read_to_their_leaves() {
        let source = "use crate::{a, b::{self, c as d, e::*},\n f};\npub(crate) use g::{h};";
        assert_eq!(
            uses(source),
            [
                found("crate::a", "a", false, 1),
                found("crate::b", "b", false, 1),
                found("crate::b::c", "d", false, 1),
                found("crate::b::e", "*", false, 1),
                found("crate::f", "f", false, 2),
                found("g::h", "h", true, 3),
            ]
        );
    }

    #[test]
    fn comments_and_strings_name_nothing() {
        let source = r####"
            // use crate::a;
            /* use /* crate::b; */ crate::c; */
            const A: &str = "use crate::d; \" crate::e";
            const B: &[u8] = br#"crate::f "quoted" "#;
            const C: (char, char) = ('"', '\'');
            fn g<'a>(x: &'a str) -> impl Sized + use<'a> { crate::h::i(x) }
        "####;
        let module = read(source);
        assert!(module.uses.is_empty(), "{module:?}");
        let path = ["crate", "h", "i"].map(str::to_owned).to_vec();
        assert_eq!(module.paths, [(path, 7)]);
    }

    #[test]
    fn what_tests_have_is_left_out() {
        let source = "
            #[cfg(test)] mod tests;
            #[cfg(test)] #[path = \"x\"] mod more { use crate::a; }
            #[cfg(all(test, feature = \"std\"))] use crate::{b, c};
            #[cfg(any(test, feature = \"std\"))] use crate::d;
            struct S { #[cfg(test)] e: crate::e::E, f: crate::f::F }
            mod g;
        ";
        let module = read(source);
        assert_eq!(module.files, ["g"]);
        let paths: Vec<_> = module
            .uses
            .iter()
            .map(|found| found.path.join("::"))
            .collect();
        assert_eq!(paths, ["crate::d"]);
        assert_eq!(module.paths.len(), 1, "{module:?}");
    }

    #[test]
    fn a_module_between_braces_is_one_of_its_own() {
        let module = read("mod a { use super::b; mod c; } fn d() { self::a::f() }");
        let [(name, inner)] = &module.inline[..] else {
            panic!("{module:?}");
        };
        assert_eq!(
            (name.as_str(), &inner.files[..]),
            ("a", &["c".to_owned()][..])
        );
        assert_eq!(module.paths.len(), 1);
        assert!(module.items.contains("d") && module.uses.is_empty());
    }
}
