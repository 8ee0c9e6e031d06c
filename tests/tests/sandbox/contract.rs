//! The sandbox's tables against Pipedrive's own `OpenAPI` documents.
//!
//! The documents are not part of this repository. They are looked for where `PIPEDRIVE_CONTRACTS` names a folder, or in
//! `../shared/contracts` beside it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bridge_tests::pipedrive::contract::{Body, Operation, Version, operations};
use serde_json::Value;

/// Fields of the documents that the live API is known to refuse.
const KNOWN_ERRORS: [(&str, &str); 2] = [
    ("POST /activities", "person_id"),
    ("PATCH /activities/{id}", "person_id"),
];

#[test]
fn every_operation_takes_and_costs_what_the_documents_say() {
    let Some(folder) = documents() else {
        eprintln!(
            "SKIPPED the check against Pipedrive's documents: no folder ../shared/contracts beside \
             the repository, and PIPEDRIVE_CONTRACTS names none"
        );
        return;
    };
    let (v1, v2) = (Document::read(&folder, "v1"), Document::read(&folder, "v2"));

    let mut differences = Vec::new();
    for operation in operations() {
        let document = if operation.version == Version::V1 {
            &v1
        } else {
            &v2
        };
        differences.extend(document.compare(operation));
    }

    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the documents lie is no setting of a service"
)]
fn documents() -> Option<PathBuf> {
    let named = std::env::var("PIPEDRIVE_CONTRACTS").ok().map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/contracts");
    named
        .or(Some(beside))
        .filter(|folder| folder.join("pipedrive-v2.yaml").exists())
}

struct Document(Value);

impl Document {
    fn read(folder: &Path, version: &str) -> Self {
        let path = folder.join(format!("pipedrive-{version}.yaml"));
        let text = std::fs::read_to_string(&path).expect("the document can be read");
        // The default budget is meant for strangers' files; a megabyte of documentation is beyond it.
        let options = serde_saphyr::options! { budget: None };
        Self(serde_saphyr::from_str_with_options(&text, options).expect("the document is YAML"))
    }

    /// What an operation has that its document has not, and the reverse.
    fn compare(&self, operation: &Operation) -> Vec<String> {
        let name = format!("{} {}", operation.verb, operation.path);
        let method = operation.verb.to_string().to_lowercase();
        let documented = &self.0["paths"][operation.path][&method];
        if documented.is_null() {
            return vec![format!("{name} is not documented")];
        }
        let mut differences = Vec::new();
        if documented["x-token-cost"] != operation.token_cost {
            differences.push(format!("{name} costs {}", documented["x-token-cost"]));
        }
        let query = operation
            .query
            .iter()
            .map(|field| field.name.to_owned())
            .collect();
        differences.extend(difference(
            &name,
            "parameter",
            &query,
            &self.parameters(documented),
        ));
        let mut fields = self.body_fields(documented);
        fields.retain(|field| !KNOWN_ERRORS.contains(&(name.as_str(), field)));
        differences.extend(difference(&name, "field", &own_fields(operation), &fields));
        differences
    }

    fn parameters(&self, documented: &Value) -> BTreeSet<String> {
        let parameters = documented["parameters"].as_array().into_iter().flatten();
        let resolved = parameters.map(|parameter| self.resolve(parameter));
        let of_query = resolved.filter(|parameter| parameter["in"] == "query");
        of_query
            .filter_map(|parameter| parameter["name"].as_str().map(str::to_owned))
            .collect()
    }

    fn body_fields(&self, documented: &Value) -> BTreeSet<String> {
        let mut fields = BTreeSet::new();
        let content = self.resolve(&documented["requestBody"])["content"].as_object();
        for media in content.into_iter().flat_map(serde_json::Map::values) {
            self.collect_properties(&media["schema"], &mut fields);
        }
        fields
    }

    fn collect_properties(&self, schema: &Value, fields: &mut BTreeSet<String>) {
        let schema = self.resolve(schema);
        fields.extend(
            schema["properties"]
                .as_object()
                .into_iter()
                .flat_map(|map| map.keys().cloned()),
        );
        for composition in ["allOf", "anyOf", "oneOf"] {
            for part in schema[composition].as_array().into_iter().flatten() {
                self.collect_properties(part, fields);
            }
        }
    }

    /// Follows `$ref`.
    fn resolve<'d>(&'d self, value: &'d Value) -> &'d Value {
        let target = value["$ref"]
            .as_str()
            .and_then(|path| self.0.pointer(path.trim_start_matches('#')));
        target.map_or(value, |target| self.resolve(target))
    }
}

fn own_fields(operation: &Operation) -> BTreeSet<String> {
    match operation.body {
        Body::Empty => BTreeSet::new(),
        Body::Upload(part) => BTreeSet::from([part.to_owned()]),
        Body::Json(fields) => fields.iter().map(|field| field.name.to_owned()).collect(),
    }
}

fn difference(
    operation: &str,
    what: &str,
    ours: &BTreeSet<String>,
    theirs: &BTreeSet<String>,
) -> Vec<String> {
    let unknown = ours
        .difference(theirs)
        .map(|name| format!("{operation}: {what} {name} is ours alone"));
    let missing = theirs
        .difference(ours)
        .map(|name| format!("{operation}: {what} {name} is missing"));
    unknown.chain(missing).collect()
}
