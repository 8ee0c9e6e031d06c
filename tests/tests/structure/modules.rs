//! The modules of a crate, and what each imports from which other.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::tokens::{Token, tokens};

/// The names below `crate`; none for the crate's root.
pub type ModulePath = Vec<String>;

/// That a module names something of another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    pub from: ModulePath,
    pub to: ModulePath,
    /// File, from the folder that the crate was read from, and line.
    pub place: String,
}

#[derive(Debug, Default)]
struct Module {
    children: Vec<String>,
    named: Vec<Named>,
}

/// A path as it stands in the source.
#[derive(Debug)]
struct Named {
    segments: Vec<String>,
    /// Under which name a `use` makes it known in the module.
    known_as: Option<String>,
    /// A `pub use` hands on what is another's: it is no import of the module's own.
    is_handed_on: bool,
    place: String,
}

/// All modules of one crate.
#[derive(Debug, Default)]
pub struct Modules(BTreeMap<ModulePath, Module>);

impl Modules {
    /// Reads the modules that `root`, such as `worker/src/lib.rs`, declares. Places are named from `base`.
    ///
    /// # Panics
    ///
    /// Panics if a file that is declared is not there: then the check would be of less than the crate.
    pub fn read(base: &Path, root: &Path) -> Self {
        let mut modules = Self::default();
        let folder = root.parent().expect("a file is in a folder");
        modules.read_file(base, root, folder, &[]);
        modules
    }

    fn read_file(&mut self, base: &Path, file: &Path, folder: &Path, path: &[String]) {
        let source = fs::read_to_string(file);
        let source = source.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let name = file.strip_prefix(base).unwrap_or(file);
        let mut reader = Reader {
            name: name.display().to_string(),
            modules: self,
            in_files: Vec::new(),
        };
        reader.read(&tokens(&source), path);
        for child in reader.in_files {
            let name = child.last().expect("a module has a name").clone();
            // An inline module's children are in a folder of its name.
            let below: PathBuf = child[path.len()..].iter().collect();
            let beside = folder.join(&below).with_extension("rs");
            let inside = folder.join(&below).join("mod.rs");
            let found = [beside, inside].into_iter().find(|file| file.is_file());
            let found = found.unwrap_or_else(|| panic!("no file of module {name}"));
            self.read_file(base, &found, &folder.join(&below), &child);
        }
    }

    /// Imports: each place where a module names another one or an item of it.
    pub fn imports(&self) -> Vec<Import> {
        let mut imports = Vec::new();
        for (from, module) in &self.0 {
            for named in module.named.iter().filter(|named| !named.is_handed_on) {
                if let Some(to) = self.resolve(from, &named.segments, 0)
                    && to != *from
                {
                    imports.push(Import {
                        from: from.clone(),
                        to,
                        place: named.place.clone(),
                    });
                }
            }
        }
        imports.sort();
        imports.dedup();
        imports
    }

    /// The module of this crate that has what a path names, by way of `use` lines that hand it on.
    fn resolve(&self, from: &ModulePath, segments: &[String], depth: usize) -> Option<ModulePath> {
        let mut rest = segments;
        let mut at = match rest.first()?.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => from.clone(),
            child if self.0[from].children.iter().any(|it| it == child) => from.clone(),
            _ => return None,
        };
        while let Some(first @ ("crate" | "self" | "super")) = rest.first().map(String::as_str) {
            if first == "super" {
                at.pop()?;
            }
            rest = &rest[1..];
        }
        while let Some((first, more)) = rest.split_first()
            && self.0[&at].children.contains(first)
        {
            at.push(first.clone());
            rest = more;
        }
        let Some(item) = rest.first() else {
            return Some(at);
        };
        let module = &self.0[&at];
        let handed_on = module
            .named
            .iter()
            .find(|named| named.known_as.as_ref() == Some(item));
        // Two modules may hand each other's names on, at least in a wrong program.
        let owner = handed_on
            .filter(|_| depth < 8)
            .and_then(|named| self.resolve(&at, &named.segments, depth + 1));
        Some(owner.unwrap_or(at))
    }
}

/// Reads one file into the modules.
struct Reader<'m> {
    name: String,
    modules: &'m mut Modules,
    /// Modules that it declares, each in a file of its own.
    in_files: Vec<ModulePath>,
}

impl Reader<'_> {
    fn read(&mut self, tokens: &[Token], path: &[String]) {
        let mut module = Module {
            children: children(tokens),
            ..Module::default()
        };
        let mut at = 0;
        while at < tokens.len() {
            let previous = at.checked_sub(1).map(|before| &tokens[before]);
            if let Some(child) = declared(&tokens[at..]) {
                let child = [path, &[child.to_owned()]].concat();
                if tokens[at + 2].is(";") {
                    self.in_files.push(child);
                    at += 3;
                } else {
                    let end = at + 2 + body(&tokens[at + 2..]);
                    self.read(&tokens[at + 3..end - 1], &child);
                    at = end;
                }
            } else if tokens[at].is("use") && !previous.is_some_and(|token| token.is("<")) {
                let is_handed_on = previous.is_some_and(|it| it.is("pub") || it.is(")"));
                at += 1 + self.read_use(&tokens[at + 1..], is_handed_on, &mut module);
            } else {
                let starts = !previous.is_some_and(|it| it.is("::") || it.is("$") || it.is("."));
                at += self.read_path(&tokens[at..], starts, &mut module);
            }
        }
        self.modules.0.insert(path.to_vec(), module);
    }

    /// `crate::x::y` and the like, in code. Gives how many tokens it took.
    fn read_path(&self, tokens: &[Token], starts: bool, module: &mut Module) -> usize {
        let begins = ["crate", "self", "super"].contains(&&*tokens[0].text)
            || module.children.contains(&tokens[0].text);
        if !starts || !begins || !tokens.get(1).is_some_and(|next| next.is("::")) {
            return 1;
        }
        let mut segments = vec![tokens[0].text.clone()];
        let mut taken = 1;
        while let [separator, name, ..] = &tokens[taken..]
            && separator.is("::")
            && name.is_word()
        {
            segments.push(name.text.clone());
            taken += 2;
        }
        module.named.push(Named {
            segments,
            known_as: None,
            is_handed_on: false,
            place: format!("{}:{}", self.name, tokens[0].line),
        });
        taken
    }

    /// The tree of a `use`, to its `;`. Gives how many tokens it took.
    fn read_use(&self, tokens: &[Token], is_handed_on: bool, module: &mut Module) -> usize {
        let end = tokens.iter().position(|token| token.is(";"));
        let end = end.unwrap_or(tokens.len());
        let mut leaves = Vec::new();
        leaves_of(&tokens[..end], &[], &mut leaves);
        for Leaf {
            segments,
            known_as,
            line,
        } in leaves
        {
            module.named.push(Named {
                segments,
                known_as,
                is_handed_on,
                place: format!("{}:{line}", self.name),
            });
        }
        end + 1
    }
}

struct Leaf {
    segments: Vec<String>,
    known_as: Option<String>,
    line: usize,
}

/// The paths of a tree such as `a::{b, c::{self, D as E}, f::*}` below `stem`.
fn leaves_of(tokens: &[Token], stem: &[String], leaves: &mut Vec<Leaf>) {
    for branch in split(tokens) {
        let mut segments = stem.to_vec();
        let (mut renamed, mut is_stem) = (None, false);
        for (at, token) in branch.iter().enumerate() {
            match &*token.text {
                "::" | "*" => {}
                "{" => {
                    let end = at + body(&branch[at..]);
                    leaves_of(&branch[at + 1..end - 1], &segments, leaves);
                    is_stem = true;
                    break;
                }
                "as" => {
                    renamed = branch.get(at + 1).map(|token| token.text.clone());
                    break;
                }
                "self" if !segments.is_empty() => {}
                word => segments.push(word.to_owned()),
            }
        }
        if let (Some(first), false) = (branch.first(), is_stem) {
            let is_glob = branch.last().is_some_and(|token| token.is("*"));
            let own = segments.last().filter(|_| !is_glob).cloned();
            leaves.push(Leaf {
                known_as: renamed.or(own),
                line: first.line,
                segments,
            });
        }
    }
}

/// The parts between commas that no brace encloses.
fn split(tokens: &[Token]) -> Vec<&[Token]> {
    let (mut parts, mut depth, mut begin) = (Vec::new(), 0_usize, 0);
    for (at, token) in tokens.iter().enumerate() {
        match &*token.text {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            "," if depth == 0 => {
                parts.push(&tokens[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tokens[begin..]);
    parts
}

/// The length of a body from its opening brace to its closing one.
fn body(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    let closing = tokens.iter().position(|token| {
        match &*token.text {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    });
    closing.map_or(tokens.len(), |at| at + 1)
}

/// The name that `mod name;` or `mod name {` declares.
fn declared(tokens: &[Token]) -> Option<&str> {
    let [keyword, name, next, ..] = tokens else {
        return None;
    };
    let is_declaration = keyword.is("mod") && name.is_word() && (next.is(";") || next.is("{"));
    is_declaration.then_some(&*name.text)
}

/// The modules that a file, or the body of an inline module, declares itself.
fn children(tokens: &[Token]) -> Vec<String> {
    let mut children = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let child = declared(&tokens[at..]);
        children.extend(child.map(str::to_owned));
        at += match (child, &*tokens[at].text) {
            (Some(_), _) if tokens[at + 2].is("{") => 2 + body(&tokens[at + 2..]),
            (None, "{") => body(&tokens[at..]),
            _ => 1,
        };
    }
    children
}
