//! The links of all documents lead somewhere: to a file, and to a heading in it. Of links to other
//! sites the form is looked at, and nothing is asked.
#![allow(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The documents under a folder, without what is built and what is hidden.
fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        let is_hidden = name.starts_with('.') || name == "target" || name == "artifacts";
        // What packages consist of is linked into their folders.
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() && !is_hidden {
            documents(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

/// The lines that are text, with their numbers from 1: none of blocks of code.
fn text(document: &str) -> Vec<(usize, &str)> {
    let mut fence = None;
    let mut lines = Vec::new();
    for (index, line) in document.lines().enumerate() {
        let marker = line
            .trim_start()
            .chars()
            .take_while(|it| *it == '`')
            .count();
        match fence {
            None if marker >= 3 => fence = Some(marker),
            None => lines.push((index + 1, line)),
            Some(opening) if marker >= opening => fence = None,
            Some(_) => {}
        }
    }
    lines
}

/// A line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(document: &str) -> BTreeSet<String> {
    let mut seen = BTreeMap::<String, usize>::new();
    let headings = text(document).into_iter().filter_map(|(_, line)| {
        let level = line.chars().take_while(|it| *it == '#').count();
        (1..=6).contains(&level).then(|| line[level..].trim())
    });
    headings
        .map(|heading| {
            let kept = heading.to_lowercase();
            let kept = kept
                .chars()
                .filter(|it| it.is_alphanumeric() || " -_".contains(*it));
            let slug: String = kept.map(|it| if it == ' ' { '-' } else { it }).collect();
            let count = seen.entry(slug.clone()).or_default();
            *count += 1;
            match *count {
                1 => slug,
                more => format!("{slug}-{}", more - 1),
            }
        })
        .collect()
}

/// What a document links to, by line: targets, and labels that have to be defined.
#[derive(Default)]
struct Links {
    targets: Vec<(usize, String)>,
    labels: Vec<(usize, String)>,
    defined: BTreeSet<String>,
}

fn links(document: &str) -> Links {
    let mut links = Links::default();
    let lines = text(document);
    for (number, line) in &lines {
        if let Some((label, target)) = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "))
        {
            links.defined.insert(label.to_owned());
            links.targets.push((*number, target.trim().to_owned()));
        }
    }
    // A link may go on in the next line.
    let all: Vec<_> = lines.iter().map(|(_, line)| without_code(line)).collect();
    let all = all.join("\n");
    let number = |at: usize| lines[all[..at].matches('\n').count()].0;
    for (at, _) in all.match_indices("](") {
        let target = all[at + 2..].split(')').next().unwrap_or_default();
        let target = target.split_whitespace().next().unwrap_or_default();
        links.targets.push((number(at), target.to_owned()));
    }
    for (at, _) in all.match_indices("][") {
        let label = all[at + 2..].split(']').next().unwrap_or_default();
        links.labels.push((number(at), label.to_owned()));
    }
    links
}

/// What is wrong with a link in a document at `path`.
fn problem(path: &Path, target: &str) -> Option<String> {
    if let Some((scheme, rest)) = target.split_once("://") {
        let host = rest.split('/').next().unwrap_or_default();
        let is_fine = matches!(scheme, "http" | "https") && host.contains('.');
        return (!is_fine).then(|| format!("{target} is no address of a page"));
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = match file {
        "" => path.to_owned(),
        file => path.parent().unwrap().join(file),
    };
    if !file.exists() {
        return Some(format!("{target}: there is no such file"));
    }
    if anchor.is_empty() {
        return None;
    }
    let is_found = anchors(&fs::read_to_string(&file).unwrap()).contains(anchor);
    (!is_found).then(|| format!("{target}: there is no such heading"))
}

#[test]
fn links_lead_somewhere() {
    let mut paths = Vec::new();
    documents(root(), &mut paths);
    assert!(paths.len() > 20, "{} documents were found", paths.len());
    let (mut wrong, mut count) = (Vec::new(), 0);
    for path in paths {
        let document = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let Links {
            targets,
            labels,
            defined,
        } = links(&document);
        count += targets.len() + labels.len();
        for (line, target) in targets {
            wrong.extend(problem(&path, &target).map(|it| format!("{name}:{line}: {it}")));
        }
        for (line, label) in labels {
            let is_missing = !defined.contains(&label);
            wrong.extend(is_missing.then(|| format!("{name}:{line}: [{label}] is not defined")));
        }
    }
    assert!(count > 150, "{count} links were found");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn headings_have_the_anchors_of_github() {
    let found = anchors("# One\n## `two`: a, b\n```\n# no\n```\n## One\n");
    let wanted = ["one", "two-a-b", "one-1"].map(str::to_owned);
    assert_eq!(found, BTreeSet::from(wanted));
}
