//! Circles among the modules of one crate.
//!
//! Modules are compared where they lie side by side: at the root of the crate, and inside of each room that has modules.
//! What a module deeper inside imports counts for the module at that level that it is in. The code of a room's own file
//! is a node beside the room's modules: a child that imports from its parent, which imports from it, is a circle too.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use crate::modules::{Import, ModulePath};

/// The code of a room's own file, `mod.rs` or `lib.rs`, among its modules.
const OWN_CODE: &str = "(itself)";

/// That one module of a room imports from another one beside it, as part of a circle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The crate, and the room in it: `worker`, or `worker::alarm`.
    room: String,
    from: String,
    to: String,
}

impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} -> {}", self.room, self.from, self.to)
    }
}

/// The links that are part of a circle, each with the shortest circle through it, and the places of its imports.
pub fn circles(crate_name: &str, imports: &[Import]) -> BTreeMap<Link, String> {
    let mut rooms: BTreeMap<ModulePath, Room> = BTreeMap::new();
    for import in imports {
        let shared = import.from.iter().zip(&import.to);
        let depth = shared.take_while(|(from, to)| from == to).count();
        let node = |path: &ModulePath| path.get(depth).map_or(OWN_CODE, |name| name).to_owned();
        let room = rooms.entry(import.from[..depth].to_vec()).or_default();
        let link = (node(&import.from), node(&import.to));
        room.links.entry(link).or_default().insert(&import.place);
    }
    let mut found = BTreeMap::new();
    for (path, room) in rooms {
        let name = [vec![crate_name.to_owned()], path].concat().join("::");
        for (from, to) in room.links.keys() {
            if let Some(back) = room.way(to, from) {
                let link = Link {
                    room: name.clone(),
                    from: from.clone(),
                    to: to.clone(),
                };
                found.insert(link, room.describe(from, &back));
            }
        }
    }
    found
}

#[derive(Default)]
struct Room<'i> {
    /// Which module imports from which, and where.
    links: BTreeMap<(String, String), BTreeSet<&'i str>>,
}

impl Room<'_> {
    /// The shortest way along imports, both ends included.
    fn way(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let mut ways = VecDeque::from([vec![from.to_owned()]]);
        let mut seen = BTreeSet::from([from.to_owned()]);
        while let Some(way) = ways.pop_front() {
            let last = way.last()?;
            if last == to {
                return Some(way);
            }
            let next = self.links.keys().filter(|(importer, _)| importer == last);
            for (_, imported) in next {
                if seen.insert(imported.clone()) {
                    ways.push_back([way.clone(), vec![imported.clone()]].concat());
                }
            }
        }
        None
    }

    /// `a -> b -> a`, and the places of each import below it.
    fn describe(&self, from: &str, back: &[String]) -> String {
        let circle = [vec![from.to_owned()], back.to_vec()].concat();
        let mut lines = vec![circle.join(" -> ")];
        for pair in circle.windows(2) {
            let link = (pair[0].clone(), pair[1].clone());
            let places = self.links.get(&link).into_iter().flatten();
            let places: Vec<&str> = places.copied().collect();
            let [from, to] = [&pair[0], &pair[1]];
            lines.push(format!("    {from} -> {to}: {}", places.join(", ")));
        }
        lines.join("\n")
    }
}
