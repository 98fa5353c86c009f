//! The order of crates and of the modules in them: imports go down, and nowhere in a circle.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests fail as tests do"
)]

mod graph;
mod reader;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use graph::{Crate, Graph, circles, way};

/// The crates, from the bottom to the top: a crate depends on those of lower floors only. Their
/// dev-dependencies are free.
const CRATES: &[&[&str]] = &[
    &["packify", "sha-lanes"],
    &["core"],
    &["driver"],
    &["driver-tokio", "driver-smol", "driver-async-std", "gateway"],
    &[
        "cli",
        "fuzz",
        "tests",
        "examples/chat",
        "examples/telemetry",
    ],
];

/// The crates whose modules are looked at.
const CHECKED: &[&str] = &[
    "packify",
    "core",
    "driver",
    "driver-tokio",
    "driver-smol",
    "driver-async-std",
    "gateway",
    "cli",
];

/// A crate's modules from the bottom to the top. A module imports from lower floors, and from its
/// own where that makes no circle. A crate that is not here has to be without circles only.
const FLOORS: &[(&str, &[&[&str]])] = &[
    (
        "packify",
        &[
            &["code", "error", "natural"],
            &["decimal", "int"],
            // Readers of packed bytes.
            &["int_ref", "short", "head", "slices", "decode"],
            &["view", "items"],
            // Values, and what writes them.
            &["encode", "single", "value", "lengths", "order", "equality"],
            &["collections", "pack"],
            &["debug", "unpack"],
            &["convert"],
        ],
    ),
    (
        "core",
        &[
            &[
                "error",
                "hashes",
                "limits",
                "lines",
                "network",
                "now",
                "place",
                "printable",
                "small_bytes",
                "sync",
            ],
            &["message"],
            &["plugin", "wire", "frame"],
            &["backoff", "happy_eyeballs", "membership", "options", "seal"],
            // Vocabulary.
            &[
                "requests",
                "correlation",
                "cookies",
                "delivery",
                "events",
                "config",
            ],
            // What links share.
            &[
                "budget",
                "crowds",
                "flow_control",
                "lossy_queue",
                "rate_limit",
                "routes",
            ],
            &["parts", "peers", "subscriptions"],
            &["shared", "shared_frame"],
            // Links.
            &["calls"],
            &["exchange"],
            &["datagram", "link"],
            &["node"],
            &["hub"],
        ],
    ),
    (
        "driver",
        &[
            // The runtime, and what async code needs everywhere.
            &[
                "address",
                "binding",
                "bounded_queue",
                "connection_id",
                "count",
                "futures",
                "heap",
                "histogram",
                "key_files",
                "panics",
                "runtime",
                "sync",
            ],
            &["traffic"],
            &["async_io", "sockets"],
            // Vocabulary.
            &["clock", "options", "random", "states", "events"],
            &["error", "logging", "peer_events", "sources"],
            &["caught", "context"],
            // What handles and tasks are made of.
            &[
                "background",
                "callers",
                "fanout",
                "mailbox",
                "shared_request",
            ],
            &["timeouts", "timer"],
            // Handles, and what is asked of them.
            &["connection", "methods", "udp_handle"],
            &["remote"],
            &["identity"],
            &["request", "asking"],
            &["long_answer"],
            &["long_request"],
            &["subscriptions"],
            // Handlers, and the node that finds them.
            &["handler"],
            &["middleware", "registrations"],
            &["router"],
            &["service", "observed"],
            &["metrics", "parts"],
            &["lookup"],
            &["address_book", "peers", "receivers", "task"],
            &["byte_stream", "roster"],
            &["publisher"],
            &["resources"],
            // Servers, clients and nodes.
            &["setup"],
            &["client", "server", "udp"],
            &["futures_io", "testing"],
            &["unix"],
        ],
    ),
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Fails with every problem, a line each.
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// The crates of ours that a manifest depends on, without those for tests.
fn dependencies(manifest: &str) -> Vec<(usize, &str)> {
    let mut section = "";
    let mut found = Vec::new();
    for (line, text) in manifest.lines().enumerate() {
        if let Some(heading) = text.strip_prefix('[') {
            section = heading.trim_end_matches(']');
        } else if section == "dependencies" || section.ends_with(".dependencies") {
            let name = text.split(['.', '=', ' ']).next().unwrap_or_default();
            if name.starts_with("netaio-") {
                found.push((line + 1, name));
            }
        }
    }
    found
}

#[test]
fn crates_depend_on_those_of_lower_floors() {
    let read = |folder: &str| fs::read_to_string(workspace().join(folder).join("Cargo.toml"));
    let mut floors = BTreeMap::new();
    for (floor, folders) in CRATES.iter().enumerate() {
        for folder in *folders {
            // The folder `driver-tokio` has the crate `netaio-tokio`.
            let name = folder.strip_prefix("driver-").unwrap_or(folder);
            floors.insert(format!("netaio-{name}"), (floor, folder));
        }
    }
    let manifest = read(".").unwrap();
    let (_, members) = manifest.split_once("members = [").unwrap();
    let (members, _) = members.split_once(']').unwrap();
    let mut problems = Vec::new();
    for member in members.split('"').skip(1).step_by(2) {
        let Some((floor, folder)) = floors.values().find(|(_, folder)| **folder == member) else {
            problems.push(format!("the crate {member} has no floor in CRATES"));
            continue;
        };
        for (line, name) in dependencies(&read(folder).unwrap()) {
            if floors.get(name).is_none_or(|(below, _)| below >= floor) {
                problems.push(format!(
                    "{folder}/Cargo.toml:{line}: {name} is on no lower floor"
                ));
            }
        }
    }
    assert_none(&problems);
}

/// What breaks the order of a crate's modules.
fn out_of_order(modules: &Crate, imports: &Graph, floors: &[&[&str]]) -> Vec<String> {
    let floor = |module: &str| floors.iter().position(|floor| floor.contains(&module));
    let named = floors.concat();
    let unnamed = modules
        .tops()
        .into_iter()
        .filter(|top| !named.contains(top));
    let gone = named.iter().filter(|name| !modules.tops().contains(**name));
    let mut problems: Vec<String> = unnamed
        .map(|top| format!("the module {top} has no floor in FLOORS"))
        .chain(gone.map(|name| format!("FLOORS names {name}, which is no module")))
        .collect();
    // Imports between modules of one floor.
    let mut level = Graph::new();
    for (file, targets) in imports {
        let from = modules.top(file);
        for (other, import) in targets {
            match (from, modules.top(other)) {
                (from, to) if from == to => {}
                // The root may name everything.
                (None, _) => {}
                // These have a complaint of their own.
                (Some(module), _) | (_, Some(module)) if floor(module).is_none() => {}
                (Some(from), Some(to)) if floor(from) == floor(to) => {
                    let targets = level.entry(from.to_owned()).or_default();
                    targets.entry(to.to_owned()).or_insert(import.clone());
                }
                (Some(from), Some(to)) if floor(from) > floor(to) => {}
                (Some(from), to) => problems.push(format!(
                    "{import}: {from} is below {}, where {other} defines it",
                    to.unwrap_or("the root")
                )),
            }
        }
    }
    for (from, targets) in &level {
        for (to, import) in targets {
            if way(&level, to, from).is_some() {
                problems.push(format!(
                    "{import}: {from} and {to} are on one floor, in a circle"
                ));
            }
        }
    }
    problems
}

#[test]
fn modules_import_from_lower_floors_and_in_no_circle() {
    let mut problems = Vec::new();
    for folder in CHECKED {
        let source = workspace().join(folder).join("src");
        let roots = ["lib.rs", "main.rs"].map(|root| source.join(root));
        let root = roots.iter().find(|root| root.exists());
        let modules = Crate::load(root.unwrap());
        let imports = modules.imports();
        let floors = FLOORS.iter().find(|(name, _)| name == folder);
        let order = floors.map(|(_, floors)| out_of_order(&modules, &imports, floors));
        let found = order.into_iter().flatten().chain(circles(&imports));
        problems.extend(found.map(|problem| format!("{folder}/src/{problem}")));
    }
    assert_none(&problems);
}

/// A crate of these modules, each in the file that its path names.
fn modules(sources: &[(&str, &str)]) -> Crate {
    let mut modules = Crate::default();
    for (path, source) in sources {
        let parts = path.split("::").filter(|part| !part.is_empty());
        let file = format!("{path}.rs");
        modules.insert(
            parts.map(str::to_owned).collect(),
            &file,
            reader::read(source),
        );
    }
    modules
}

#[test]
fn an_import_through_a_re_export_is_one_of_the_file_that_defines_it() {
    let modules = modules(&[
        ("", "pub use a::*; pub use other_crate as other;"),
        (
            "a",
            "pub use self::b::{B as Renamed, c}; pub struct A(c::C);",
        ),
        ("a::b", "use super::A; pub struct B; pub use super::c;"),
        ("a::c", "pub struct C;"),
        (
            "d",
            "use crate::{Renamed, other::X}; use crate::a; fn f() { a::b::c::C; super::A }",
        ),
    ]);
    let imports = modules.imports();
    let of = |file: &str| imports[file].iter().collect::<Vec<_>>();
    let pair = |file: &str, import: &str| (file.to_owned(), import.to_owned());
    let [b, c] = [
        pair("a::b.rs", "d.rs:1: crate::Renamed"),
        pair("a::c.rs", "d.rs:1: a::b::c::C"),
    ];
    let a = pair("a.rs", "d.rs:1: super::A");
    assert_eq!(
        of("d.rs"),
        [&a, &b, &c].map(|(file, import)| (file, import))
    );
    assert_eq!(of("a::b.rs").len(), 1);
    // Its own re-exports are a module's own.
    assert!(!imports.contains_key("a.rs") && circles(&imports).is_empty());
}

#[test]
fn an_import_that_breaks_the_order_is_named() {
    let modules = modules(&[
        ("", "mod a; mod b; mod c; pub fn f() {}"),
        (
            "a",
            "\nuse crate::b::B; pub struct A; fn g() { crate::f() }",
        ),
        ("b", "use crate::c::C; pub struct B;"),
        ("c", "use crate::{a::A, b::B}; pub struct C;"),
    ]);
    let imports = modules.imports();
    let problems = out_of_order(&modules, &imports, &[&["a"], &["b", "c"], &["gone"]]);
    assert_eq!(
        problems,
        [
            "FLOORS names gone, which is no module",
            "a.rs:2: crate::f: a is below the root, where .rs defines it",
            "a.rs:2: crate::b::B: a is below b, where b.rs defines it",
            "b.rs:1: crate::c::C: b and c are on one floor, in a circle",
            "c.rs:1: crate::b::B: c and b are on one floor, in a circle",
        ]
    );
    assert_eq!(
        circles(&imports),
        [r#"a circle of ["a.rs", "b.rs", "c.rs"], for one by
    a.rs:2: crate::b::B
    b.rs:1: crate::c::C
    c.rs:1: crate::a::A"#]
    );
}
