//! `netaio encode`, as a command, and both commands behind one another.

mod common;

use std::collections::BTreeMap;

use common::{ECHO, bytes, json_lines, layer_args, run, vectors};
use serde_json::json;

#[test]
fn a_line_becomes_a_frame() {
    for line in [
        r#"{"type":0,"uri":"echo","content":"hi"}"#,
        r#"{"type":"REQUEST_URI","uri_hex":"6563686f","content_hex":"6869"}"#,
        r#"{"type":0,"name":"whatever","auth":{},"uri":"echo","uri_hex":"6563686F","content":"hi","checksum":1}"#,
        "\n \n{\"type\":0,\"uri\":\"echo\",\"content\":\"hi\"}\r\n\n",
    ] {
        assert_eq!(run(&["encode"], line.as_bytes()).output(), ECHO, "{line}");
    }
    assert!(run(&["encode"], b"").output().is_empty());
}

#[test]
fn lines_are_read_from_a_file() {
    let place = std::env::temp_dir().join(format!("netaio-encode-{}", std::process::id()));
    std::fs::write(&place, r#"{"type":0,"uri":"echo","content":"hi"}"#).unwrap();
    let ran = run(&["encode", place.to_str().unwrap()], b"");
    std::fs::remove_file(&place).unwrap();
    assert_eq!(ran.output(), ECHO);
}

#[test]
fn whoever_gives_a_line_for_the_name_of_a_file_is_told_where_it_goes() {
    let line = r#"{"type":0,"uri":"echo","content":"hi"}"#;
    let advice = "this is taken for the name of a file; lines are given on standard input: `echo '{\"type\":0,..}' | netaio encode`\n";
    for text in [line, &line.repeat(8)] {
        let ran = run(&["encode", text], b"");
        assert_eq!(ran.status, 1);
        assert!(ran.error().starts_with("cannot read {"), "{ran:?}");
        assert!(ran.stderr.ends_with(advice), "{ran:?}");
    }
}

#[test]
fn a_bad_line_is_named_and_what_came_before_it_is_written() {
    let good = r#"{"type":0,"uri":"echo","content":"hi"}"#;
    for (bad, problem) in [
        ("{", "line 3: column 1: EOF while parsing an object"),
        (
            "no",
            "line 3: each line is a JSON object, such as `netaio decode --json` prints, and this one begins with no",
        ),
        ("[0]", "line 3: each line is a JSON object"),
        (
            "{\"uri\":\"echo\"}",
            "line 3: column 14: missing field `type`",
        ),
        (
            "{\"type\":14}",
            "line 3: column 10: invalid value: integer `14`, expected a base type",
        ),
        (
            "{\"type\":\"PING\"}",
            "line 3: column 14: invalid value: string \"PING\"",
        ),
        (
            "{\"type\":0,\"content_hex\":\"0\"}",
            "line 3: column 27: invalid value: string \"0\"",
        ),
        (
            "{\"type\":0,\"content\":\"a\",\"content_hex\":\"00\"}",
            "line 3: content and content_hex differ",
        ),
        (
            "{\"type\":0,\"auth\":{\"ts\":5}}",
            "line 3: column 24: invalid type: integer `5`",
        ),
        ("\u{fffd}", "line 3: each line is a JSON object"),
    ] {
        let input = format!("{good}\n\n{bad}\n{good}\n");
        let ran = run(&["encode"], input.as_bytes());
        assert!(ran.error().starts_with(problem), "{}", ran.error());
        assert_eq!(ran.stdout, ECHO);
    }
    let ran = run(&["encode"], b"{\"type\":0,\"uri\":\"\xff\"}");
    assert!(
        ran.error().starts_with("line 1: column 1"),
        "{}",
        ran.error()
    );
}

#[test]
fn what_no_frame_can_carry_is_refused() {
    let line = |content: usize| json!({"type": 1, "content": "x".repeat(content)}).to_string();
    assert_eq!(
        run(&["encode"], line(65_422).as_bytes()).output().len(),
        9 + 3 + 2 + 65_422
    );
    let ran = run(&["encode"], line(65_423).as_bytes());
    assert!(
        ran.error()
            .starts_with("line 1: body of 65423 bytes; at most 65422")
    );
    let auth = json!({"type": 1, "auth": {"f": "00".repeat(65_535)}}).to_string();
    let ran = run(&["encode"], auth.as_bytes());
    assert!(
        ran.error().starts_with("line 1: auth section of "),
        "{}",
        ran.error()
    );
    // A line that never ends does not fill the memory.
    let ran = run(&["encode"], &b" ".repeat(5 << 20));
    assert_eq!(ran.error(), "line 1: longer than 4194304 bytes");
}

#[test]
fn decoded_frames_encode_to_the_same_bytes() {
    // The package reads more than anybody sends.
    let sendable = |v: &&serde_json::Value| v["name"] != "decoder-body-65535";
    let vectors = vectors();
    let canonical: Vec<u8> = vectors
        .iter()
        .filter(sendable)
        .filter(|v| v["canonical"] == true)
        .flat_map(|v| bytes(v, "frame"))
        .collect();
    let lines = run(&["decode", "--json"], &canonical).output();
    assert!(json_lines(&lines).len() > 500);
    assert!(run(&["encode"], &lines).output() == canonical);
}

#[test]
fn a_given_nonce_and_ts_make_the_same_frame() {
    let sealed: Vec<u8> = vectors()
        .iter()
        .filter(|v| layer_args(v).is_some_and(|args| args == ["--secret=shared secret"]))
        // A ts that is an int becomes four bytes: those frames have no such thing.
        .filter(|v| v["sealed"].is_object())
        .flat_map(|v| bytes(v, "frame"))
        .collect();
    let secret = "--secret=shared secret";
    let lines = run(&["decode", "--json", secret], &sealed).output();
    let again = run(&["encode", secret], &lines).output();
    assert!(sealed.len() > 5000 && again == sealed);
    // Whatever MAC is given is made anew, and so it is where none is given.
    let line = |auth| json!({"type": "OK", "auth": auth}).to_string();
    let nonce = "00".repeat(16);
    let frames = [
        line(json!({"nonce": nonce, "ts": "61626364"})),
        line(json!({"nonce": nonce, "ts": "61626364", "hmac": "00"})),
        line(json!({"nonce": nonce, "ts": {"packify": "c461626364"}})),
    ]
    .map(|line| run(&["encode", "--secret", "s"], line.as_bytes()).output());
    assert!(frames.iter().all(|frame| *frame == frames[0]));
    let again = || run(&["encode", "--secret", "s"], line(json!({})).as_bytes()).output();
    assert_ne!(again(), again());
}

#[test]
fn what_is_sealed_opens_again() {
    let lines = concat!(
        r#"{"type":40,"uri":"a","content":"b","auth":{"x":"00","packify:00":{"packify":"4405"}}}"#,
        "\n",
        r#"{"type":"NOTIFY_URI","uri_hex":"ff","content":""}"#,
        "\n",
    );
    for layer in [
        &["--secret", "s"][..],
        &["--key", "k"],
        &["--key", "k", "--plain-uri"],
        &["--secret", "s", "--key", "k"],
        &["--secret", "s", "--key", "k", "--plain-uri"],
    ] {
        let with = |first: &[&'static str]| [first, layer].concat();
        let frames = run(&with(&["encode"]), lines.as_bytes()).output();
        let opened = json_lines(&run(&with(&["decode", "--json"]), &frames).output());
        assert_eq!(opened.len(), 2);
        assert_eq!(
            (&opened[0]["uri"], &opened[0]["content_hex"]),
            (&json!("a"), &json!("62"))
        );
        assert_eq!(opened[0]["auth"]["x"], "00");
        assert_eq!(opened[0]["auth"]["packify:00"], json!({"packify": "4405"}));
        assert_eq!(
            (&opened[1]["uri"], &opened[1]["uri_hex"]),
            (&json!(null), &json!("ff"))
        );
        // What the plugins wrote is shown too.
        let fields = opened[1]["auth"].as_object().unwrap();
        let mut names = BTreeMap::from([("--secret", 3), ("--key", 1)]);
        names.retain(|name, _| layer.contains(name));
        assert_eq!(fields.len(), names.values().sum::<usize>());
        // The iv is drawn anew for every frame.
        assert_eq!(
            layer.contains(&"--key"),
            frames
                != run(
                    &with(&["encode"]),
                    &run(&with(&["decode", "--json"]), &frames).output()
                )
                .output()
        );
    }
}

#[test]
fn many_lines_pass_through() {
    let count = 200_000;
    let line = "{\"type\":0,\"uri\":\"echo\",\"content\":\"hi\"}\n";
    let frames = run(&["encode"], line.repeat(count).as_bytes()).output();
    assert!(frames == ECHO.repeat(count));
}
