//! `netaio decode`, as a command.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::collections::BTreeMap;
use std::io::{Read, Write};

use common::{ECHO, bytes, json_lines, layer_args, run, start, vectors};
use serde_json::json;

#[test]
fn the_example_in_both_forms() {
    let readable = run(&["decode"], ECHO).text();
    assert_eq!(readable, "REQUEST_URI echo 2 bytes \"hi\"\n");
    let json = run(&["decode", "--json"], ECHO).text();
    let wanted = concat!(
        r#"{"type":0,"name":"REQUEST_URI","auth":{},"uri":"echo","#,
        r#""uri_hex":"6563686f","content_hex":"6869","checksum":865403820}"#,
        "\n"
    );
    assert_eq!(json, wanted);
}

#[test]
fn a_file_a_dash_and_hex_read_the_same() {
    let place = std::env::temp_dir().join(format!("netaio-decode-{}", std::process::id()));
    std::fs::write(&place, ECHO).unwrap();
    let wanted = run(&["decode", "-"], ECHO).text();
    let file = run(&["decode", place.to_str().unwrap()], b"").text();
    std::fs::remove_file(&place).unwrap();
    assert_eq!(file, wanted);
    let hex = b" 00 0003 0008 339503AC\n4d4000 0004\t6563686f 6869\r\n";
    assert_eq!(run(&["decode", "--hex"], hex).text(), wanted);
}

#[test]
fn empty_input_is_fine() {
    for args in [&["decode"][..], &["decode", "--json"], &["decode", "--hex"]] {
        assert_eq!(run(args, b"").text(), "");
    }
    assert_eq!(run(&["decode", "--hex"], b" \n").text(), "");
}

#[test]
fn what_is_wrong_has_an_offset_and_comes_after_the_frames_before_it() {
    let broken = |change: fn(&mut Vec<u8>)| {
        let mut frame = ECHO.to_vec();
        change(&mut frame);
        [ECHO, &frame].concat()
    };
    for (input, problem) in [
        (
            broken(|f| f.truncate(5)),
            "truncated: 4 more bytes expected",
        ),
        (
            broken(|f| f.truncate(19)),
            "truncated: 1 more bytes expected",
        ),
        (broken(|f| f[0] = 14), "unknown message type 14"),
        (broken(|f| f[8] ^= 1), "checksum 339503ad does not match"),
        (broken(|f| f[9] = 0x4a), "auth section is not a dict"),
        (broken(|f| f[13] = 9), "uri of 9 bytes"),
        (broken(|f| f[1] = 0xff), "auth section of 65283 bytes"),
    ] {
        for (args, lines) in [
            (&["decode"][..], "REQUEST_URI"),
            (&["decode", "--json"], "{"),
        ] {
            let ran = run(args, &input);
            let wanted = format!("frame at byte 20: {problem}");
            assert!(ran.error().starts_with(&wanted), "{}", ran.error());
            let stdout = String::from_utf8_lossy(&ran.stdout);
            assert_eq!(stdout.lines().count(), 1);
            assert!(stdout.starts_with(lines));
        }
    }
}

#[test]
fn hex_text_without_its_option_is_seen() {
    let advice = "        it looks like hex text, which --hex reads\n";
    for (text, is_hex) in [
        ("00000300 08339503 ac4d4000 00046563686f6869\n", true),
        ("0000", true),
        ("hello, 0000", false),
    ] {
        let ran = run(&["decode"], text.as_bytes());
        assert!(ran.error().starts_with("frame at byte 0: "), "{ran:?}");
        assert_eq!(ran.stderr.ends_with(advice), is_hex, "{ran:?}");
    }
}

#[test]
fn every_truncation_of_a_frame_is_an_error() {
    for len in 1..ECHO.len() {
        let ran = run(&["decode"], &ECHO[..len]);
        let wanted = "frame at byte 0: truncated";
        assert!(ran.error().starts_with(wanted) && ran.stdout.is_empty());
    }
}

#[test]
fn bad_hex_has_an_offset_in_the_text() {
    let text = "0000030008339503ac4d400000046563686f6869\n00 x";
    let ran = run(&["decode", "--hex"], text.as_bytes());
    assert_eq!(
        ran.error(),
        "hex text at byte 44: 'x' is not a hexadecimal digit"
    );
    assert_eq!(ran.stdout, b"REQUEST_URI echo 2 bytes \"hi\"\n");
    let ran = run(&["decode", "--hex"], b"000");
    assert_eq!(
        ran.error(),
        "hex text at byte 3: the text ends with half a byte"
    );
}

#[test]
fn a_missing_file_is_named() {
    let ran = run(&["decode", "/no/such/file"], b"");
    assert!(ran.error().starts_with("cannot read /no/such/file: "));
}

#[test]
fn whoever_gives_hex_text_for_the_name_of_a_file_is_told_where_it_goes() {
    let advice = "        this is taken for the name of a file; hex text is given on standard input: `echo 0000.. | netaio decode --hex`\n";
    let hex = "0000030008339503ac4d4000 00046563686f6869";
    // The last one is too long for the name of a file.
    for text in [hex, "zz", &hex.repeat(8)] {
        for args in [&["decode", text][..], &["decode", "--hex", text]] {
            let ran = run(args, b"");
            assert_eq!(ran.status, 1);
            let error = format!("cannot read {text}: ");
            assert!(ran.error().starts_with(&error), "{ran:?}");
            assert!(ran.stderr.ends_with(advice), "{ran:?}");
        }
    }
    // What it advises.
    let piped = run(&["decode", "--hex"], hex.as_bytes()).text();
    assert_eq!(piped, "REQUEST_URI echo 2 bytes \"hi\"\n");
    // One that is there, and cannot be read, is named by no mistake.
    let folder = std::env::temp_dir();
    let ran = run(&["decode", folder.to_str().unwrap()], b"");
    assert!(!ran.stderr.contains("standard input"), "{ran:?}");
}

#[test]
fn wrong_usage_is_status_2() {
    for args in [
        &[][..],
        &["decode", "--no-such"],
        &["no-such"],
        &["decode", "a", "b"],
    ] {
        assert_eq!(run(args, b"").status, 2, "{args:?}");
    }
}

/// Frames of one layer are one stream.
#[test]
fn the_vectors_are_read() {
    let mut streams = BTreeMap::<_, Vec<_>>::new();
    for vector in vectors() {
        if let Some(args) = layer_args(&vector) {
            streams.entry(args).or_default().push(vector);
        }
    }
    assert!(streams.len() >= 5);
    for (args, vectors) in streams {
        let mut line = vec!["decode", "--json"];
        line.extend(args.iter().map(String::as_str));
        let stream: Vec<u8> = vectors.iter().flat_map(|v| bytes(v, "frame")).collect();
        let frames = json_lines(&run(&line, &stream).output());
        assert_eq!(frames.len(), vectors.len());
        for (frame, vector) in frames.iter().zip(&vectors) {
            let name = &vector["name"];
            assert_eq!(frame["type"], vector["type"], "{name}");
            assert_eq!(frame["uri_hex"], vector["uri"], "{name}");
            assert_eq!(frame["content_hex"], vector["content"], "{name}");
            assert_eq!(frame["checksum"], vector["checksum"], "{name}");
            let text = String::from_utf8(bytes(vector, "uri")).ok();
            assert_eq!(frame["uri"], json!(text), "{name}");
            let fields = vector["auth"].as_array().unwrap();
            assert_eq!(frame["auth"].as_object().unwrap().len(), fields.len());
            for field in fields {
                check_field(&frame["auth"], field);
            }
        }
    }
}

/// Looks a vector's `[packed key, packed value]` up.
fn check_field(auth: &serde_json::Value, field: &serde_json::Value) {
    let key = field[0].as_str().unwrap();
    let value = field[1].as_str().unwrap();
    let name = match key.split_at(2) {
        ("43", text) => text_of(&text[2..]),
        ("83", text) => text_of(&text[4..]),
        _ => format!("packify:{key}"),
    };
    let wanted = match value.split_at(2) {
        ("41", bytes) => json!(bytes[2..]),
        ("81", bytes) => json!(bytes[4..]),
        _ => json!({ "packify": value }),
    };
    assert_eq!(auth[&name], wanted, "{name}");
}

fn text_of(hex: &str) -> String {
    String::from_utf8(bytes(&json!({ "hex": hex }), "hex")).unwrap()
}

#[test]
fn a_wrong_secret_and_a_missing_one_are_said() {
    let vector = vectors()
        .into_iter()
        .find(|v| layer_args(v).is_some_and(|args| args == ["--secret=shared secret"]))
        .unwrap();
    let frame = bytes(&vector, "frame");
    assert_eq!(run(&["decode", "--secret=shared secret"], &frame).status, 0);
    let ran = run(&["decode", "--secret", "another"], &frame);
    assert_eq!(
        ran.error(),
        "frame at byte 0: auth check failed: the MAC does not match"
    );
    let ran = run(&["decode", "--secret", "another"], ECHO);
    assert!(ran.error().contains("field timestamp is missing"));
    let ran = run(&["decode", "--key", "k"], ECHO);
    assert!(ran.error().contains("initialization vector is missing"));
}

#[test]
fn custom_types_have_no_name() {
    let mut frame = ECHO.to_vec();
    frame[0] = 255;
    let object = &json_lines(&run(&["decode", "--json"], &frame).output())[0];
    assert_eq!(
        (&object["type"], &object["name"]),
        (&json!(255), &json!(null))
    );
    assert!(
        run(&["decode"], &frame)
            .text()
            .starts_with("type 255 echo ")
    );
}

#[test]
fn a_large_stream_passes_through() {
    let count = 150_000;
    let lines = run(&["decode"], &ECHO.repeat(count)).text();
    assert_eq!(lines.lines().count(), count);
    let mut stream = ECHO.repeat(count);
    stream.pop();
    let ran = run(&["decode", "--json"], &stream);
    let wanted = format!("frame at byte {}: truncated: 1 ", (count - 1) * ECHO.len());
    assert!(ran.error().starts_with(&wanted), "{}", ran.error());
    assert_eq!(
        ran.stdout.iter().filter(|byte| **byte == b'\n').count(),
        count - 1
    );
}

#[test]
fn a_frame_is_printed_as_soon_as_it_is_there() {
    let mut child = start(&["decode"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let wanted = b"REQUEST_URI echo 2 bytes \"hi\"\n";
    for _ in 0..3 {
        stdin.write_all(ECHO).unwrap();
        let mut line = vec![0; wanted.len()];
        stdout.read_exact(&mut line).unwrap();
        assert_eq!(line, wanted);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let mut child = start(&["decode"]);
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    // It may be gone before everything is written.
    let _ = stdin.write_all(&ECHO.repeat(10_000));
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), vec![]));
}
