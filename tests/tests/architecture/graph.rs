//! Which file of a crate imports which, and why.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use super::reader::{self, Module, Use};

/// Each node, what it reaches in one step, and the import that says so (`file:line: path`).
pub(crate) type Graph = BTreeMap<String, BTreeMap<String, String>>;

/// How many re-exports are followed, for those that lead in a circle.
const STEPS: usize = 8;

/// A crate's modules by their paths from its root, which is the empty one.
#[derive(Default)]
pub(crate) struct Crate {
    modules: BTreeMap<Vec<String>, Module>,
    /// The file that each is in.
    files: BTreeMap<Vec<String>, String>,
}

impl Crate {
    /// Reads the root file and every module below it.
    pub(crate) fn load(root: &Path) -> Self {
        let mut found = Self::default();
        let source = root.parent().unwrap();
        found.load_file(source, root, Vec::new());
        found
    }

    fn load_file(&mut self, source: &Path, file: &Path, path: Vec<String>) {
        let text = fs::read_to_string(file).unwrap();
        let name = file.strip_prefix(source).unwrap().display().to_string();
        let folder = path
            .iter()
            .fold(source.to_owned(), |folder, part| folder.join(part));
        self.add(source, &folder, &name, path, reader::read(&text));
    }

    fn add(
        &mut self,
        source: &Path,
        folder: &Path,
        file: &str,
        path: Vec<String>,
        mut module: Module,
    ) {
        let below = |name: &String| [&path[..], std::slice::from_ref(name)].concat();
        for (name, inner) in std::mem::take(&mut module.inline) {
            self.add(source, &folder.join(&name), file, below(&name), inner);
        }
        for name in &module.files {
            let places = [
                folder.join(format!("{name}.rs")),
                folder.join(name).join("mod.rs"),
            ];
            let existing: Option<&PathBuf> = places.iter().find(|place| place.exists());
            let Some(place) = existing else {
                panic!(
                    "{file} declares {name}, which has no file in {}",
                    folder.display()
                );
            };
            self.load_file(source, place, below(name));
        }
        self.insert(path, file, module);
    }

    /// Adds one module without those below it.
    pub(crate) fn insert(&mut self, path: Vec<String>, file: &str, module: Module) {
        self.files.insert(path.clone(), file.to_owned());
        self.modules.insert(path, module);
    }

    /// The modules right below the root, but those in the root's own file.
    pub(crate) fn tops(&self) -> BTreeSet<&str> {
        let root = self.files.get(&[][..]);
        let files = self.files.iter().filter(|(_, file)| Some(*file) != root);
        files
            .filter_map(|(path, _)| path.first())
            .map(String::as_str)
            .collect()
    }

    /// The module right below the root that a file belongs to; none for the root itself.
    pub(crate) fn top(&self, file: &str) -> Option<&str> {
        let (path, _) = self.files.iter().find(|(_, name)| *name == file)?;
        path.first().map(String::as_str)
    }

    /// A path as it is written in a module, from the crate's root; none if it leads elsewhere.
    fn absolute(&self, here: &[String], path: &[String], steps: usize) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let mut base = match first.as_str() {
            _ if steps == 0 => return None,
            "crate" => Vec::new(),
            "self" => here.to_vec(),
            "super" => here.split_last()?.1.to_vec(),
            _ => {
                let child = [here, std::slice::from_ref(first)].concat();
                if self.modules.contains_key(&child) {
                    child
                } else {
                    let mut uses = self.modules.get(here)?.uses.iter();
                    let import =
                        uses.find(|import| import.name == *first && import.path != path)?;
                    self.absolute(here, &import.path, steps - 1)?
                }
            }
        };
        for part in rest {
            if part == "super" {
                base.pop();
            } else {
                base.push(part.clone());
            }
        }
        Some(base)
    }

    /// The module that defines what an absolute path names, through re-exports; none if that is a
    /// module itself, or of another crate.
    fn definition(&self, path: &[String], steps: usize) -> Option<Vec<String>> {
        if steps == 0 || self.modules.contains_key(path) {
            return None;
        }
        let deepest = (0..path.len())
            .rev()
            .find(|&end| self.modules.contains_key(&path[..end]))?;
        let (here, rest) = path.split_at(deepest);
        let module = &self.modules[here];
        let name = &rest[0];
        if let Some(import) = module.uses.iter().find(|import| import.name == *name) {
            let target = self.absolute(here, &import.path, steps)?;
            return self.definition(&[&target[..], &rest[1..]].concat(), steps - 1);
        }
        if !module.items.contains(name) {
            for target in self.globs(here, steps) {
                if self.names(&target, steps).contains(name) {
                    return self.definition(&[&target[..], rest].concat(), steps - 1);
                }
            }
        }
        Some(here.to_vec())
    }

    /// The modules of which all is imported into one.
    fn globs(&self, here: &[String], steps: usize) -> Vec<Vec<String>> {
        let uses = self
            .modules
            .get(here)
            .into_iter()
            .flat_map(|module| &module.uses);
        let globs = uses.filter(|import| import.name == "*");
        globs
            .filter_map(|import| self.absolute(here, &import.path, steps))
            .collect()
    }

    /// What a module has by name.
    fn names(&self, path: &[String], steps: usize) -> BTreeSet<String> {
        let Some(module) = self.modules.get(path).filter(|_| steps > 0) else {
            return BTreeSet::new();
        };
        let children = self
            .modules
            .keys()
            .filter(|other| other.len() == path.len() + 1);
        let children = children.filter_map(|other| other.strip_prefix(path)?.first());
        let uses = module.uses.iter().map(|import| &import.name);
        let own = module.items.iter().chain(children).chain(uses).cloned();
        let globs = self.globs(path, steps);
        own.chain(globs.iter().flat_map(|other| self.names(other, steps - 1)))
            .collect()
    }

    /// Which file uses what another defines.
    ///
    /// A module's name alone is no import, what is named through it is. What a module re-exports
    /// from below is its own: it may use that, and those below may import from it.
    pub(crate) fn imports(&self) -> Graph {
        let mut graph = Graph::new();
        for (here, module) in &self.modules {
            let file = &self.files[here];
            let mut add = |target: &[String], line: usize, written: &[String]| {
                let Some(definition) = self.definition(target, STEPS) else {
                    return;
                };
                let other = &self.files[&definition];
                if other != file {
                    let import = format!("{file}:{line}: {}", written.join("::"));
                    let targets = graph.entry(file.clone()).or_default();
                    targets.entry(other.clone()).or_insert(import);
                }
            };
            let is_own = |import: &&Use| {
                let target = self.absolute(here, &import.path, STEPS);
                import.public && target.is_some_and(|target| target.starts_with(here))
            };
            let own = module.uses.iter().filter(is_own).map(|import| &import.name);
            let own: BTreeSet<&String> = own.collect();
            for import in module.uses.iter().filter(|import| !is_own(import)) {
                let Some(target) = self.absolute(here, &import.path, STEPS) else {
                    continue;
                };
                if import.name != "*" {
                    add(&target, import.line, &import.path);
                    continue;
                }
                for name in self.names(&target, STEPS).intersection(&module.words) {
                    let name = std::slice::from_ref(name);
                    let written = [&import.path, name].concat();
                    add(&[&target, name].concat(), import.line, &written);
                }
            }
            for (path, line) in &module.paths {
                if let Some(target) = self.absolute(here, path, STEPS)
                    && !own.contains(&path[0])
                {
                    add(&target, *line, path);
                }
            }
        }
        graph
    }
}

/// The shortest way from one node to another, both named; none if there is none.
pub(crate) fn way(graph: &Graph, from: &str, to: &str) -> Option<Vec<String>> {
    let mut queue = VecDeque::from([vec![from.to_owned()]]);
    let mut seen = BTreeSet::from([from.to_owned()]);
    while let Some(way) = queue.pop_front() {
        let last = way.last()?;
        if last == to {
            return Some(way);
        }
        for next in graph.get(last).into_iter().flat_map(BTreeMap::keys) {
            if seen.insert(next.clone()) {
                queue.push_back([&way[..], std::slice::from_ref(next)].concat());
            }
        }
    }
    None
}

/// One complaint for each set of nodes that all reach each other: the nodes, and the imports of a
/// shortest circle among them.
pub(crate) fn circles(graph: &Graph) -> Vec<String> {
    let mut reported = BTreeSet::new();
    let mut circles = Vec::new();
    for (from, targets) in graph {
        let back = targets.keys().filter_map(|to| way(graph, to, from));
        let Some(shortest) = back.min_by_key(Vec::len) else {
            continue;
        };
        if reported.contains(from) {
            continue;
        }
        let mutual = |node: &&String| way(graph, from, node).and(way(graph, node, from)).is_some();
        let circle: Vec<&String> = graph.keys().filter(mutual).collect();
        let mut closed = vec![from.clone()];
        closed.extend(shortest);
        let imports = closed
            .windows(2)
            .map(|pair| graph[&pair[0]][&pair[1]].as_str());
        let imports: Vec<&str> = imports.collect();
        circles.push(format!(
            "a circle of {circle:?}, for one by\n    {}",
            imports.join("\n    ")
        ));
        reported.extend(circle.into_iter().cloned());
    }
    circles
}
