//! The sandbox's tables against Pipedrive's own `OpenAPI` documents.
//!
//! The documents are not part of this repository. They are looked for where `PIPEDRIVE_CONTRACTS` names a folder, or in
//! `../shared/contracts` beside it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bridge_tests::sandbox::pipedrive::contract::{
    Body, Field, Kind, Operation, Version, operations,
};
use bridge_tests::sandbox::pipedrive::{Sandbox, SandboxConfig};
use bridge_tests::servers::skipped;
use serde_json::{Map, Value, json};

use crate::api::Api;

/// Fields of the documents that the live API is known to refuse.
const KNOWN_ERRORS: [(&str, &str); 2] = [
    ("POST /activities", "person_id: integer"),
    ("PATCH /activities/{id}", "person_id: integer"),
];

/// Fields of documented examples that a company without contact sync, channels and products does not have.
const NOT_ANSWERED: [&str; 12] = [
    "notes",
    "im",
    "birthday",
    "job_title",
    "postal_address",
    "local_won_date",
    "local_lost_date",
    "local_close_date",
    "source_lead_id",
    "acv",
    "arr",
    "mrr",
];

#[test]
fn every_operation_takes_and_costs_what_the_documents_say() {
    let Some((v1, v2)) = documents() else { return };

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

#[tokio::test]
async fn every_answer_has_the_fields_of_its_documented_example() {
    let Some((v1, v2)) = documents() else { return };
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let person = sandbox.add_person("Example Customer", &["+12025550123"]);
    let deal = sandbox.add_deal("Deal", person);
    let organization = sandbox.add_organization("Example Works");
    let call_log = json!({
        "to_phone_number": "+12025550123",
        "outcome": "connected",
        "start_time": "2026-01-14 18:16:56",
        "end_time": "2026-01-14 18:22:01",
    });
    let log = api.post("/v1/callLogs", call_log).await.body["data"]["id"].clone();
    api.post("/v1/notes", json!({"content": "x", "person_id": person}))
        .await;

    let log = log.as_str().unwrap_or_default();
    for (document, base, template, id, query) in [
        (&v2, "/api/v2", "/persons/{id}", person.to_string(), ""),
        (
            &v2,
            "/api/v2",
            "/activities/{id}",
            "1".to_owned(),
            "?include_fields=attendees",
        ),
        (&v2, "/api/v2", "/deals/{id}", deal.to_string(), ""),
        (
            &v2,
            "/api/v2",
            "/organizations/{id}",
            organization.to_string(),
            "",
        ),
        (
            &v2,
            "/api/v2",
            "/persons/search",
            String::new(),
            "?term=5550123",
        ),
        (&v2, "/api/v2", "/deals/search", String::new(), "?term=deal"),
        (&v1, "/v1", "/notes/{id}", "1".to_owned(), ""),
        (&v1, "/v1", "/callLogs/{id}", log.to_owned(), ""),
        (&v1, "/v1", "/users/me", String::new(), ""),
        (&v1, "/v1", "/activityTypes", String::new(), ""),
    ] {
        let answer = api
            .get(&format!("{base}{}{query}", template.replace("{id}", &id)))
            .await;
        let example = &document.0["paths"][template]["get"]["responses"]["200"]["content"]["application/json"]
            ["example"];
        let (ours, theirs) = (answered_fields(&answer.body), answered_fields(example));
        let mut missing = theirs.difference(&ours).map(String::as_str);
        assert!(theirs.len() > 5, "{template} has an example");
        assert_eq!(
            missing.find(|field| !NOT_ANSWERED.contains(field)),
            None,
            "{template}"
        );
    }
}

/// The names of the fields of an answer's one item.
fn answered_fields(answer: &Value) -> BTreeSet<String> {
    let data = &answer["data"];
    let item = if data["items"].is_array() {
        &data["items"][0]["item"]
    } else {
        data
    };
    let item = if item.is_array() { &item[0] } else { item };
    item.as_object()
        .into_iter()
        .flat_map(|object| object.keys().cloned())
        .collect()
}

/// The documents of v1 and v2, where they are at hand. Says so if they are not.
#[expect(
    clippy::disallowed_methods,
    reason = "where the documents lie is no setting of a service"
)]
fn documents() -> Option<(Document, Document)> {
    let named = std::env::var("PIPEDRIVE_CONTRACTS").ok().map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/contracts");
    let folder = named.unwrap_or(beside);
    if !folder.join("pipedrive-v2.yaml").exists() {
        let reason = format!("there are none in {}", folder.display());
        skipped("a check against Pipedrive's documents", &reason);
        return None;
    }
    Some((Document::read(&folder, "v1"), Document::read(&folder, "v2")))
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
        let query = signatures(operation.query);
        differences.extend(difference(
            &name,
            "parameter",
            &query,
            &self.parameters(documented),
        ));
        let fields = match operation.body {
            Body::Json(fields) => signatures(fields),
            Body::Upload(part) => BTreeSet::from([format!("{part}: string")]),
            Body::Empty => BTreeSet::new(),
        };
        let mut theirs = self.body_fields(documented);
        theirs.retain(|field| !KNOWN_ERRORS.contains(&(name.as_str(), field)));
        differences.extend(difference(&name, "field", &fields, &theirs));
        differences
    }

    fn parameters(&self, documented: &Value) -> BTreeSet<String> {
        let parameters = documented["parameters"].as_array().into_iter().flatten();
        let resolved = parameters.map(|parameter| self.resolve(parameter));
        let of_query = resolved.filter(|parameter| parameter["in"] == "query");
        let signature = |parameter: &Value| {
            let name = parameter["name"].as_str().unwrap_or_default();
            self.signature(name, &parameter["schema"])
        };
        of_query.map(signature).collect()
    }

    fn body_fields(&self, documented: &Value) -> BTreeSet<String> {
        let mut fields = BTreeSet::new();
        let content = self.resolve(&documented["requestBody"])["content"].as_object();
        for media in content.into_iter().flat_map(Map::values) {
            self.collect_properties(&media["schema"], &mut fields);
        }
        fields
    }

    fn collect_properties(&self, schema: &Value, fields: &mut BTreeSet<String>) {
        let schema = self.resolve(schema);
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            fields.insert(self.signature(name, property));
        }
        for composition in ["allOf", "anyOf", "oneOf"] {
            for part in schema[composition].as_array().into_iter().flatten() {
                self.collect_properties(part, fields);
            }
        }
    }

    /// A name with its type. The flags of v1 are compositions without a type of their own, of numbers.
    fn signature(&self, name: &str, schema: &Value) -> String {
        let kind = self.resolve(schema)["type"].as_str().unwrap_or("number");
        format!("{name}: {kind}")
    }

    /// The schema that a `$ref` leads to, or the value itself.
    fn resolve<'d>(&'d self, value: &'d Value) -> &'d Value {
        let target = value["$ref"]
            .as_str()
            .and_then(|path| self.0.pointer(path.trim_start_matches('#')));
        target.map_or(value, |target| self.resolve(target))
    }
}

/// The names of fields with their types, as the documents would write them.
fn signatures(fields: &[Field]) -> BTreeSet<String> {
    let signature = |field: &Field| {
        let kind = match field.kind {
            Kind::Integer | Kind::Limit(_) => "integer",
            Kind::Number | Kind::Flag => "number",
            Kind::Boolean => "boolean",
            Kind::Integers | Kind::Objects(_) => "array",
            Kind::Object(_) | Kind::CustomFields => "object",
            Kind::Text
            | Kind::TextUpTo(_)
            | Kind::OneOf(_)
            | Kind::ListOf(_)
            | Kind::Ids
            | Kind::Date
            | Kind::TimeOfDay
            | Kind::Length
            | Kind::Instant
            | Kind::UtcDateTime => "string",
        };
        format!("{}: {kind}", field.name)
    };
    fields.iter().map(signature).collect()
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
