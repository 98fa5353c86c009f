//! `netaio serve --store` and `netaio store`.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use common::folder::Folder;
use common::server::Server;
use common::subscriber::Subscriber;
use common::{RUNTIMES, Ran, run};

fn ask(server: &Server, args: &[&str]) -> Ran {
    let addr = server.addr.to_string();
    run(&[args, &["--server", &addr]].concat(), b"")
}

fn create(server: &Server, uri: &str, content: &str) {
    let ran = ask(server, &["create", uri, "--content", content]);
    assert_eq!(ran.status, 0, "{ran:?}");
}

/// The error of a run that failed, and the advice.
fn refused(args: &[&str]) -> (String, String) {
    let ran = run(args, b"");
    let error = ran.error().to_owned();
    let advice = ran.stderr.lines().nth(1).unwrap_or_default().trim_start();
    (error, advice.to_owned())
}

#[test]
fn resources_are_there_again_and_their_subscribers_were_told() {
    let folder = Folder::new("again");
    for runtime in RUNTIMES {
        let store = folder.path(runtime);
        let options = ["--store", &store, "--runtime", runtime];
        let server = Server::start_on(&["tcp", "udp"], &options);
        let addr = server.addr.to_string();
        let mut subscriber = Subscriber::start(&["a", "--changes", "--server", &addr]);
        create(&server, "a", "1");
        assert_eq!(subscriber.line(), "created 1\n");
        assert_eq!(ask(&server, &["update", "a", "--content", "2"]).status, 0);
        assert_eq!(subscriber.line(), "updated 2\n");
        create(&server, "b", "3");
        assert_eq!(ask(&server, &["delete", "b"]).status, 0);
        assert_eq!(server.stop("-TERM"), Some(0));
        let server = Server::start(&options);
        assert_eq!(ask(&server, &["request", "a"]).stdout, b"2");
        assert_eq!(ask(&server, &["request", "b"]).status, 1);
        assert_eq!(server.stop("-TERM"), Some(0));
        assert_eq!(mode(&store), 0o600);
    }
}

#[cfg(unix)]
fn mode(path: &str) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[cfg(not(unix))]
fn mode(_: &str) -> u32 {
    0o600
}

#[test]
fn what_is_no_store_is_refused_with_what_to_do() {
    let folder = Folder::new("refused");
    let path = folder.path("file");
    let commands = [
        &["serve", "--tcp", "127.0.0.1:0", "--store", &*path][..],
        &["store", "check", &path],
        &["store", "dump", &path],
        &["store", "load", &path],
    ];
    let all_say = |error: &str, advice: &str| {
        for command in commands {
            let (said, advised) = refused(command);
            assert_eq!(said, format!("the store {path}: {error}"), "{command:?}");
            assert!(advised.contains(advice), "{command:?}: {advised}");
        }
    };
    // What another program has left.
    let cut = "a".repeat(1023) + "\u{e9}";
    for (foreign, what) in [
        (&b"hello\n"[..], "a file of text"),
        (cut.as_bytes(), "a file of text"),
        (&[0; 8192], "a file of another program"),
        (b"", "an empty file"),
    ] {
        fs::write(&path, foreign).unwrap();
        let error = format!("it is no store of netaio, but {what}");
        all_say(&error, "take another path: `netaio serve --store` and");
        assert_eq!(fs::read(&path).unwrap(), foreign);
    }
    let lines = "it is no store of netaio, but lines such as `netaio store dump` prints";
    fs::write(&path, "{\"uri\":\"a\"}\n").unwrap();
    all_say(lines, "`netaio store load STORE FILE`");
    fs::remove_file(&path).unwrap();
    let other = redb::Database::create(&path).unwrap();
    drop(other);
    let database = "it is no store of netaio, but the database of another program";
    all_say(database, "take another path");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    all_say(
        "it is no store of netaio, but a folder",
        "take another path",
    );
    let below = format!("{path}/no/where");
    let (said, advised) = refused(&["serve", "--tcp", "127.0.0.1:0", "--store", &below]);
    assert!(said.contains("No such file"), "{said}");
    assert!(advised.contains("the folder above it"), "{advised}");
    fs::remove_dir(&path).unwrap();
    // A later format.
    let server = Server::start(&["--store", &path]);
    create(&server, "a", "1");
    all_say("another process has it open", "stop that process first");
    assert_eq!(server.stop("-TERM"), Some(0));
    set_format(&path, 2);
    let newer = "its format is 2, and this version of netaio knows 1 at most";
    all_say(newer, "netaio store load");
    set_format(&path, 1);
    assert_eq!(run(&["store", "check", &path], b"").status, 0);
    // The database's own later format: the number stands in both of its slots.
    let whole = fs::read(&path).unwrap();
    let mut newer = whole.clone();
    (newer[64], newer[192]) = (9, 9);
    fs::write(&path, newer).unwrap();
    let (said, advised) = refused(&["store", "check", &path]);
    assert!(said.contains("its database is of a newer format"), "{said}");
    assert!(advised.contains("netaio store dump"), "{advised}");
    // Half of it.
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let damaged = "it is damaged: the database can make no sense of it";
    all_say(damaged, "put a copy of it from before in its place");
}

fn set_format(path: &str, format: u64) {
    let database = redb::Database::open(path).unwrap();
    let changes = database.begin_write().unwrap();
    let numbers = redb::TableDefinition::<&str, u64>::new("netaio");
    changes
        .open_table(numbers)
        .unwrap()
        .insert("format", format)
        .unwrap();
    changes.commit().unwrap();
}

#[test]
fn damage_is_found() {
    let folder = Folder::new("damage");
    let path = folder.path("store");
    let lines: String = (0..2000)
        .map(|number| {
            format!(
                "{{\"uri\":\"{number}\",\"content\":\"{}\"}}\n",
                "x".repeat(500)
            )
        })
        .collect();
    assert_eq!(run(&["store", "load", &path], lines.as_bytes()).status, 0);
    let said = run(&["store", "check", &path], b"");
    assert!(
        said.stderr.contains(": 2000 resources that count "),
        "{said:?}"
    );
    // A bit of each page that has contents.
    let mut file = fs::read(&path).unwrap();
    for page in file.chunks_mut(4096) {
        if let Some(at) = page.windows(9).position(|window| window == b"xxxxxxxxx") {
            page[at + 4] ^= 1;
        }
    }
    fs::write(&path, file).unwrap();
    // Nor is it served or dumped: whoever changed it would make it look whole.
    for command in [
        &["store", "check", &path][..],
        &["store", "dump", &path],
        &["serve", "--store", &path],
    ] {
        let (said, advised) = refused(command);
        assert!(said.contains("it is damaged: "), "{said}");
        assert!(advised.contains("put a copy of it"), "{advised}");
    }
}

#[test]
fn what_is_dumped_is_loaded_again_byte_for_byte() {
    let folder = Folder::new("dump");
    let (path, copy) = (folder.path("store"), folder.path("copy"));
    let bytes: String = (0..=255).map(|byte| format!("{byte:02x}")).collect();
    let lines = [
        r#"{"uri":"","content":""}"#.to_owned(),
        r#"{"uri":"a\n\u202e\"","content":"é\u0000"}"#.to_owned(),
        format!(r#"{{"uri_hex":"{bytes}","content_hex":"{bytes}"}}"#),
        r#"{"uri":"both","uri_hex":"626f7468"}"#.to_owned(),
    ];
    let loaded = run(&["store", "load", &path], lines.join("\n").as_bytes());
    assert_eq!(loaded.status, 0, "{loaded:?}");
    let dumped = run(&["store", "dump", &path], b"").output();
    assert_eq!(run(&["store", "load", &copy], &dumped).status, 0);
    assert_eq!(run(&["store", "dump", &copy], b"").output(), dumped);
    let dumped: BTreeSet<_> = std::str::from_utf8(&dumped).unwrap().lines().collect();
    let expected: BTreeSet<_> = [
        &*lines[0],
        &lines[1],
        &lines[2],
        r#"{"uri":"both","content":""}"#,
    ]
    .into();
    assert_eq!(dumped, expected);
    // A server has them.
    let server = Server::start(&["--store", &copy]);
    assert_eq!(ask(&server, &["request", "both"]).stdout, b"");
    create(&server, "c", "new");
    assert_eq!(server.stop("-TERM"), Some(0));
    assert_eq!(run(&["store", "check", &copy], b"").status, 0);
}

#[test]
fn a_line_that_is_wrong_loads_nothing() {
    let folder = Folder::new("load");
    let path = folder.path("store");
    let one = br#"{"uri":"a","content":"1"}"#;
    let loaded = run(&["store", "load", &path], one);
    let said = ": 1 resource loaded; it has 1 that counts 258 bytes\n";
    assert!(loaded.stderr.ends_with(said), "{loaded:?}");
    let checked = run(&["store", "check", &path], b"");
    let said = ": 1 resource that counts 258 bytes\n";
    assert!(checked.stderr.ends_with(said), "{checked:?}");
    let before = run(&["store", "dump", &path], b"").output();
    let long = format!(r#"{{"uri":"c","content":"{}"}}"#, "x".repeat(65_422));
    for (line, error) in [
        (
            &long[..],
            "line 2: uri and content have 65423 bytes, and a message carries 65422 at most",
        ),
        ("{", "line 2: column 1: EOF while parsing an object"),
        (
            "[]",
            "line 2: each line is a JSON object, such as `netaio store dump` prints, and this one begins with []",
        ),
        (
            r#" ["c",null,"1",null]"#,
            "line 2: each line is a JSON object, such as `netaio store dump` prints, and this one begins with [",
        ),
        ("null", "line 2: each line is a JSON object"),
        (
            r#"{"content":"1"}"#,
            "line 2: there is neither uri nor uri_hex",
        ),
        (
            r#"{"uri_hex":"1"}"#,
            "line 2: uri_hex is not an even number of hexadecimal digits",
        ),
        (
            r#"{"uri":"1","uri_hex":"32"}"#,
            "line 2: uri and uri_hex differ; give one of them",
        ),
        (
            r#"{"uri":"a"}"#,
            "line 2: the store has a already, from before or from a line above; --replace takes this one instead",
        ),
        (
            r#"{"uri":"c","etag":1}"#,
            "line 2: column 17: unknown field `etag`",
        ),
    ] {
        let lines = format!("{{\"uri\":\"b\"}}\n{line}\n");
        let ran = run(&["store", "load", &path], lines.as_bytes());
        assert!(ran.error().starts_with(error), "{}", ran.stderr);
        assert_eq!(run(&["store", "dump", &path], b"").output(), before);
    }
    let more = b"{\"uri\":\"a\",\"content\":\"2\"}\n\n{\"uri\":\"b\"}";
    assert_eq!(run(&["store", "load", &path, "--replace"], more).status, 0);
    let after = run(&["store", "dump", &path], b"").text();
    assert_eq!(
        after,
        "{\"uri\":\"a\",\"content\":\"2\"}\n{\"uri\":\"b\",\"content\":\"\"}\n"
    );
}

/// Whoever has the two files in the wrong order, or names one of them only.
#[test]
fn a_wrong_file_is_named_with_what_to_do() {
    let folder = Folder::new("swapped");
    let (store, lines) = (folder.path("store"), folder.path("lines"));
    fs::write(&lines, "\n{\"uri\":\"a\",\"content\":\"1\"}\n").unwrap();
    for is_there in [false, true] {
        for command in [
            &["store", "load", &lines, &store][..],
            &["store", "load", &lines],
        ] {
            let (said, advised) = refused(command);
            let error = "it is no store of netaio, but lines such as `netaio store dump` prints";
            assert_eq!(said, format!("the store {lines}: {error}"), "{is_there}");
            assert!(
                advised.contains("netaio store load STORE FILE"),
                "{advised}"
            );
            assert_eq!(Path::new(&store).exists(), is_there);
        }
        assert_eq!(
            run(&["store", "load", "--replace", &store, &lines], b"").status,
            0
        );
    }
    // A line of another file.
    fs::write(&lines, "{\"uri\":\"b\"}\nhello\n").unwrap();
    let (said, _) = refused(&["store", "load", &store, &lines]);
    let error =
        "each line is a JSON object, such as `netaio store dump` prints, and this one begins with";
    assert_eq!(said, format!("{lines}: line 2: {error} hello"));
    let (said, _) = refused(&["encode", &lines]);
    assert!(said.starts_with(&format!("{lines}: line 1: ")), "{said}");
}

/// Nor is there a store where there was none.
#[test]
fn what_is_not_loaded_makes_no_store() {
    let folder = Folder::new("unmade");
    let path = folder.path("store");
    let twice = b"{\"uri\":\"a\"}\n{\"uri\":\"a\"}\n";
    let ran = run(&["store", "load", &path], twice);
    assert!(
        ran.error().starts_with("line 2: the store has a already"),
        "{}",
        ran.stderr
    );
    assert!(!Path::new(&path).exists());
    assert_eq!(run(&["store", "load", &path, "--replace"], twice).status, 0);
    assert!(Path::new(&path).exists());
}

#[test]
fn a_store_that_is_missing_is_not_made_by_those_who_look() {
    let folder = Folder::new("missing");
    let path = folder.path("store");
    for command in ["check", "dump"] {
        let (said, advised) = refused(&["store", command, &path]);
        assert_eq!(said, format!("the store {path}: there is no such file"));
        assert!(advised.contains("netaio serve --store"), "{advised}");
    }
    let (said, _) = refused(&[
        "serve",
        "--tcp",
        "127.0.0.1:0",
        "--store",
        &folder.path("no/store"),
    ]);
    assert!(said.contains("No such file or directory"), "{said}");
    assert!(fs::read_dir(folder.path("")).unwrap().next().is_none());
}

/// A file system of its own that is removed at the end.
#[cfg(target_os = "linux")]
struct SmallDisk(String);

#[cfg(target_os = "linux")]
impl SmallDisk {
    /// `None` where this process may not have one.
    fn mount(folder: String) -> Option<Self> {
        fs::create_dir(&folder).unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=4m", "tmpfs", &folder];
        let mounted = std::process::Command::new("mount").args(mount).output();
        let mounted = mounted.is_ok_and(|output| output.status.success());
        mounted.then_some(Self(folder))
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_the_server_lives() {
    let folder = Folder::new("full");
    let Some(disk) = SmallDisk::mount(folder.path("disk")) else {
        println!("SKIPPED: only root can mount a disk that is soon full");
        return;
    };
    let store = format!("{}/store", disk.0);
    let server = Server::start(&["--store", &store]);
    let content = "x".repeat(60_000);
    let mut created = 0;
    let refused = loop {
        let uri = created.to_string();
        let ran = ask(&server, &["create", &uri, "--content", &content]);
        if ran.status != 0 {
            break ran;
        }
        created += 1;
    };
    // What failed may be what came after all that counts was written: then nobody knows.
    let is_unknown = refused.stderr.contains("netaio: ERROR: unavailable");
    let error = "netaio: ERROR: the store is full: its disk has no room left";
    assert!(is_unknown || refused.stderr.contains(error), "{refused:?}");
    created += usize::from(is_unknown);
    let next = ask(&server, &["create", "next", "--content", &content]);
    assert_eq!(next.status, 1, "{next:?}");
    assert!(created > 10);
    for uri in 0..created {
        let read = ask(&server, &["request", &uri.to_string()]);
        assert_eq!(read.stdout, content.as_bytes());
    }
    assert_eq!(server.stop("-TERM"), Some(0));
    // Where there is room it goes on.
    let roomy = folder.path("store");
    fs::copy(&store, &roomy).unwrap();
    let checked = run(&["store", "check", &roomy], b"");
    let holds = format!(": {created} resources that count ");
    assert!(checked.stderr.contains(&holds), "{checked:?}");
    let server = Server::start(&["--store", &roomy]);
    create(&server, "more", &content);
    assert_eq!(server.stop("-TERM"), Some(0));
}
