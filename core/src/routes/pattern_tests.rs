use alloc::borrow::ToOwned;
use alloc::string::String;
use core::net::SocketAddr;

use super::*;
use crate::message::types::{CREATE_URI, REQUEST_URI};

fn admitted<H: Clone>(routes: &mut Routes<H>, key: impl Into<Key>, handler: H) -> Option<H> {
    let key = key.into();
    assert_eq!(routes.admit(&key), Ok(()));
    routes.set(key, handler, Layer::new())
}

fn find(routes: &Routes<u8>, uri: &[u8], remote: Option<SocketAddr>) -> Option<u8> {
    let route = routes.find(CREATE_URI, uri, remote);
    route.map(|route| route.handler)
}

#[test]
fn what_says_more_goes_before() {
    let address: SocketAddr = ([127, 0, 0, 1], 1).into();
    let mut routes = Routes::new();
    admitted(&mut routes, CREATE_URI, 0);
    for (uri, handler) in [
        ("a/{id}/b", 1),
        ("b/{*rest}", 2),
        ("a/x/{id}", 3),
        ("a/x/y", 4),
        ("{{a}}", 5),
        ("c/{id}", 6),
        ("{*rest}", 9),
    ] {
        assert_eq!(admitted(&mut routes, (CREATE_URI, uri), handler), None);
    }
    admitted(&mut routes, (CREATE_URI, "a/{id}/b", address), 7);
    admitted(&mut routes, Key::exact(CREATE_URI, "a/{id}/c"), 8);
    for (uri, of_all, of_one) in [
        ("a/7/b", 1, 7),
        ("a/7/c", 9, 9),
        ("b/7/c", 2, 2),
        ("b/", 9, 9),
        ("a/{id}/c", 8, 8),
        ("a/x/b", 3, 7),
        ("a/x/y", 4, 4),
        ("a/", 9, 9),
        ("a//b", 9, 9),
        ("{a}", 5, 5),
        ("{{a}}", 9, 9),
        ("c/3", 6, 6),
        ("c/3/", 9, 9),
        ("", 0, 0),
    ] {
        assert_eq!(find(&routes, uri.as_bytes(), None), Some(of_all), "{uri}");
        let found = find(&routes, uri.as_bytes(), Some(address));
        assert_eq!(found, Some(of_one), "{uri}");
    }
    assert_eq!(find(&routes, b"a/\xff/b", None), Some(0));
    assert!(routes.find(REQUEST_URI, b"a/7/b", None).is_none());
    // The same for the keys that an extractor makes, whichever way it writes them.
    let get = |key: Key| routes.get(&key).map(|route| route.handler);
    assert_eq!(get(Key::exact(CREATE_URI, "a/7/b")), Some(1));
    assert_eq!(get((CREATE_URI, "a/{id}/c").into()), Some(8));
    assert_eq!(get((CREATE_URI, "a/{id}/b").into()), Some(1));
    assert_eq!(get((CREATE_URI, "a/7/b", address).into()), Some(7));
}

#[test]
fn conflicts_and_what_is_no_pattern_are_refused() {
    let mut routes = Routes::new();
    let mut admit = |pattern: &'static [u8]| {
        let key = Key::Pattern(CREATE_URI, pattern.into(), None);
        let admitted = routes.admit(&key);
        if admitted.is_ok() {
            routes.set(key, 1, Layer::new());
        }
        admitted
    };
    let invalid = |error| matches!(error, Err(PatternError::Invalid { .. }));
    for pattern in [
        &b"a/{"[..],
        b"a/}",
        b"a/{}",
        b"a/{*}",
        b"{*rest}/a",
        b"{a}{b}",
        b"a-{b}",
        b"{a}-b",
        b"a/{{{b}",
        b"a/{\xff}",
    ] {
        assert!(invalid(admit(pattern)), "{pattern:?}");
    }
    for pattern in [
        &br#"{"json":1}"#[..],
        b"{id:u32}",
        b"a/{2d}",
        b"a/{a-b}",
        b"a/{a b}",
        b"a/{*}",
        b"a/{**rest}",
        "a/{\u{e9}}".as_bytes(),
    ] {
        let text = admit(pattern).unwrap_err();
        let text = alloc::format!("{text}");
        assert!(text.contains("a name is ASCII letters"), "{text}");
        assert!(text.contains("`Key::exact`"), "{text}");
    }
    for pattern in [&b"d/{id}/{id}"[..], b"{id}/d/{*id}"] {
        let text = alloc::format!("{}", admit(pattern).unwrap_err());
        assert!(text.contains("a name stands in it twice"), "{text}");
        assert!(Pattern::new(pattern).is_err());
    }
    for pattern in ["n/{_}/{a_1}/{*Rest2}", "n/{A}", "{{json}}"] {
        assert_eq!(Pattern::new(pattern).map(drop), Ok(()));
    }
    assert_eq!(admit(b"a/{id}"), Ok(()));
    let conflict = PatternError::Conflict {
        pattern: "a/{name}".into(),
        with: "a/{id}".into(),
    };
    assert_eq!(admit(b"a/{name}"), Err(conflict));
    let conflict = admit(b"a/{*rest}");
    assert!(matches!(conflict, Err(PatternError::Conflict { .. })));
    // The very same is replaced.
    assert_eq!(admit(b"a/{id}"), Ok(()));
    assert_eq!(routes.len(), 1);
}

#[test]
fn a_pattern_goes_with_its_last_handler() {
    let mut routes = Routes::new();
    let key = || Key::from((CREATE_URI, "a/{id}"));
    admitted(&mut routes, key(), 1);
    routes.set_once(key(), 2, Layer::new());
    let id = routes.find(CREATE_URI, b"a/7", None).unwrap().one_time;
    assert!(routes.take(id.unwrap()));
    assert_eq!(find(&routes, b"a/7", None), Some(1));
    assert_eq!(routes.remove(&key()), Some(1));
    assert_eq!(find(&routes, b"a/7", None), None);
    assert!(routes.len() == 0 && routes.patterns.is_none());
    // Its place is free for another name.
    admitted(&mut routes, (CREATE_URI, "a/{name}"), 3);
    assert_eq!(find(&routes, b"a/7", None), Some(3));
    let failing = Key::from((CREATE_URI, "{"));
    routes.remove(&(CREATE_URI, "a/{name}").into());
    assert!(routes.admit(&failing).is_err() && routes.patterns.is_none());
}

/// Segment by segment, as the documentation says it, beside the tree.
#[test]
fn the_tree_finds_what_each_pattern_alone_would() {
    let segments = ["a", "ab", "{x}"];
    let mut patterns = alloc::vec::Vec::<String>::new();
    for first in segments {
        for second in segments {
            patterns.push([first, second].join("/"));
            for third in segments {
                patterns.push([first, second, third].join("/"));
            }
        }
        patterns.push(first.into());
        patterns.push([first, "{*rest}"].join("/"));
    }
    let uris = [
        "a/b", "aa/bb", "c/ab", "c", "b/b/b", "ab/ab", "c/c", "cb/aa/a", "/a", "a/",
    ];
    // Every third, from each start: many sets that leave gaps.
    for (start, step) in (0..9).flat_map(|start| [1, 2, 3, 4, 5, 7, 11].map(|step| (start, step))) {
        let mut routes = Routes::new();
        let mut taken = alloc::vec::Vec::new();
        for pattern in patterns.iter().skip(start).step_by(step) {
            let key = Key::Pattern(CREATE_URI, pattern.clone().into(), None);
            if routes.admit(&key).is_ok() {
                routes.set(key, taken.len(), Layer::new());
                taken.push(Pattern::new(pattern).unwrap());
            }
        }
        while let Some(last) = taken.last() {
            for uri in uris.map(str::as_bytes) {
                let matches = |pattern: &Pattern| pattern.captures(uri).is_some();
                match routes.find(CREATE_URI, uri, None) {
                    Some(route) => assert!(matches(&taken[route.handler])),
                    None => assert!(!taken.iter().any(matches), "{uri:?} {taken:?}"),
                }
            }
            let key = Key::Pattern(CREATE_URI, last.as_str().to_owned().into(), None);
            assert!(routes.remove(&key).is_some());
            taken.pop();
        }
        assert!(routes.patterns.is_none());
    }
}
