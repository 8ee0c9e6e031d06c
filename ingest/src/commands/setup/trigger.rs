//! Triggers, and the data action with which their workflows post.

use clap::ValueEnum;
use serde_json::Value;

use super::address::Address;
use super::text::{LEAVES, TOPIC_PREFIX, fill, indented, quoted, topics};

/// Input of the data action beside the members of an event.
const TOPIC: &str = "topicName";
/// The event as JSON text.
const EVENT: &str = "event";

/// A trigger's data format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DataFormat {
    /// Each text and number by itself. Needs no conversion in the workflow.
    Primitives,
    /// The whole event as one JSON value, lists included.
    Json,
}

/// A part of what is printed for triggers.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TriggerPart {
    /// The data action, to be imported.
    DataAction,
    /// The triggers, a JSON list of request bodies.
    Triggers,
}

/// The text for triggers.
pub fn print(
    url: &Address,
    data_format: DataFormat,
    only: Option<TriggerPart>,
    media: &[String],
) -> String {
    let data_action = data_action(url, data_format);
    let triggers = triggers(data_format, media);
    match only {
        Some(TriggerPart::DataAction) => data_action,
        Some(TriggerPart::Triggers) => triggers,
        None => fill(
            include_str!("templates/trigger.txt"),
            &[
                ("URL", url.as_str()),
                ("DATA_ACTION", &indented(&data_action, "   ")),
                ("INPUTS", inputs(data_format)),
                ("TOPIC_LINES", &indented(&topics().join("\n"), "     ")),
                ("TRIGGERS", &indented(&triggers, "   ")),
                ("NAMES", include_str!("templates/names.txt")),
            ],
        ),
    }
}

fn data_action(url: &Address, data_format: DataFormat) -> String {
    let request = match data_format {
        DataFormat::Primitives => include_str!("templates/request-primitives.vtl"),
        DataFormat::Json => include_str!("templates/request-json.vtl"),
    };
    let members = members(request);
    let properties: Vec<String> = members
        .iter()
        .map(|(name, kind)| format!(r#""{name}": {{ "type": "{kind}" }}"#))
        .collect();
    let required = match data_format {
        DataFormat::Primitives => [TOPIC, "conversationId", "mediaType"].as_slice(),
        DataFormat::Json => &[TOPIC, EVENT],
    };
    // As the inside of a JSON text.
    let request = Value::from(request.trim_end()).to_string();
    fill(
        include_str!("templates/data-action.json"),
        &[
            ("URL", url.as_str()),
            ("REQUEST_TEMPLATE", &request[1..request.len() - 1]),
            ("PROPERTIES", &properties.join(",\n          ")),
            ("REQUIRED", &quoted(required, ", ")),
        ],
    )
}

/// The inputs of a request template with their types: texts are escaped in it, numbers are not.
fn members(request: &str) -> Vec<(&str, &'static str)> {
    let name_of = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric());
        end.unwrap_or(text.len())
    };
    request
        .lines()
        .filter_map(|line| {
            let (before, after) = line.split_once("input.")?;
            let is_number = before.ends_with("$!{");
            let kind = if is_number { "integer" } else { "string" };
            Some((&after[..name_of(after)], kind))
        })
        .collect()
}

fn inputs(data_format: DataFormat) -> &'static str {
    match data_format {
        DataFormat::Primitives => {
            "Declare the data action's inputs but topicName as inputs of the workflow,\n   under the same names: the \
             trigger fills those that the event has."
        }
        DataFormat::Json => {
            "The workflow has one input, jsonData of type JSON, the event. Hand it to\n   the data action's input event as \
             text: JsonStringify(Flow.jsonData). A text of a flow holds 32,000 characters."
        }
    }
}

fn triggers(data_format: DataFormat, media: &[String]) -> String {
    let format_name = match data_format {
        DataFormat::Primitives => "TopLevelPrimitives",
        DataFormat::Json => "Json",
    };
    let triggers = LEAVES.map(|leaf| {
        let topic = format!("{TOPIC_PREFIX}{leaf}");
        let trigger = fill(
            include_str!("templates/trigger.json"),
            &[
                ("TOPIC", &topic),
                ("LEAF", leaf),
                ("DATA_FORMAT", format_name),
                ("MEDIA", &quoted(media, ", ")),
            ],
        );
        indented(&trigger, "  ")
    });
    format!("[\n{}\n]", triggers.join(",\n"))
}
