//! What is printed is read back by what it is meant for: our own recogniser, JSON, and the eye of an operator.

use clap::Parser;
use serde_json::{Value, json};
use shared::config;
use shared::domain::event::{Filter, Recognised, recognise};

use super::text::LEAVES;
use super::*;

const ADDRESS: &str = "https://calls.example.com";
const WEBHOOK: &str = "https://calls.example.com/api/v1/genesys/webhook";
const SECRET: &str = "one-of-the-secret-tokens";

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    setup: Setup,
}

fn try_printed(arguments: &str) -> Result<String, clap::Error> {
    let line = Line::try_parse_from(["setup"].into_iter().chain(arguments.split_whitespace()))?;
    let variables = [("BRIDGE__INGEST__AUTH__TOKENS".to_owned(), SECRET.to_owned())];
    let settings = config::load_from(None, variables).unwrap();
    let mut out = Vec::new();
    run(&line.setup, &settings.ingest, &mut out).unwrap();
    Ok(String::from_utf8(out).unwrap())
}

fn printed(arguments: &str) -> String {
    try_printed(&format!("{arguments} --url {ADDRESS}")).unwrap()
}

fn json_of(arguments: &str) -> Value {
    serde_json::from_str(&printed(arguments)).unwrap()
}

/// Fills a data action's request template as Genesys does: an input that is absent leaves nothing.
fn posted(data_action: &Value, inputs: &Value) -> String {
    let template = data_action["config"]["request"]["requestTemplate"]
        .as_str()
        .unwrap();
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let properties = &data_action["contract"]["input"]["inputSchema"]["properties"];
    let names = properties.as_object().unwrap().keys();
    let body = names.fold(template.to_owned(), |body, name| {
        let plain = text(&inputs[name]);
        let escaped = Value::from(plain.as_str()).to_string();
        let escaped = &escaped[1..escaped.len() - 1];
        body.replace(&format!("$!esc.jsonString($input.{name})"), escaped)
            .replace(&format!("$!{{input.{name}}}"), &plain)
            .replace(&format!("$input.{name}\n"), &format!("{plain}\n"))
    });
    assert!(!body.contains('$'), "{body}");
    body
}

fn sample(name: &str) -> Value {
    let path = format!(
        "{}/../shared/fixtures/events/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn event_key(body: &str) -> String {
    match recognise(body.as_bytes(), None, &Filter::everything()) {
        Ok(Recognised::Event(event)) => event.key.to_string(),
        other => panic!("{other:?}: {body}"),
    }
}

#[test]
fn the_subscription_is_the_guides_with_the_operators_address() {
    let subscription = json_of("guide --only subscription");

    let expected = json!({
        "name": "Pipedrive_Call_Log_Trigger",
        "type": "webhook",
        "eventTypes": ["interaction.completed"],
        "filters": [
            {"filterType": "channelType", "filterValues": ["voice", "chat"]},
            {"filterType": "status", "filterValues": ["completed"]},
        ],
        "endpointUrl": WEBHOOK,
        "description": "Triggers Pipedrive contact logging on call completion",
    });
    assert_eq!(subscription, expected);
}

#[test]
fn each_way_of_genesys_says_that_the_customers_end_is_needed() {
    for way in ["eventbridge", "eventbridge --format terraform", "trigger"] {
        assert!(printed(way).contains("customer.end is needed"), "{way}");
    }
}

#[test]
fn the_guides_event_is_one_that_we_record() {
    let key = event_key(&printed("guide --only event"));

    let (natural, _content) = key.rsplit_once('|').unwrap();
    assert_eq!(
        natural,
        "interaction.completed|e2b1a3c4-5d6f-4e7a-8b9c-0d1e2f3a4b5c"
    );
}

#[test]
fn what_a_data_action_of_primitives_posts_is_the_event_itself() {
    let action = json_of("trigger --only data-action");
    assert_eq!(action["config"]["request"]["requestUrlTemplate"], WEBHOOK);
    assert_eq!(
        action["config"]["request"]["headers"]["X-Webhook-Token"],
        "${credentials.webhookToken}"
    );

    let call = sample("trigger-data-action-post-primitives");
    assert_eq!(
        event_key(&posted(&action, &call)),
        event_key(&call.to_string())
    );

    let mut wrapup = sample("trigger-data-action-post-json")["eventBody"].clone();
    wrapup["topicName"] = "v2.detail.events.conversation.{id}.acw".into();
    wrapup["wrapupNotes"] = "Says \"twenty\"\nseats, C:\\quotes".into();
    let body: Value = serde_json::from_str(&posted(&action, &wrapup)).unwrap();
    assert_eq!(body["wrapupNotes"], wrapup["wrapupNotes"]);
    assert_eq!(event_key(&body.to_string()), event_key(&wrapup.to_string()));
}

#[test]
fn what_a_data_action_of_json_posts_has_the_shape_of_our_sample() {
    let action = json_of("trigger --data-format json --only data-action");
    let event = sample("trigger-data-action-post-json");
    let inputs = json!({
        "topicName": event["topicName"],
        "organizationId": event["organizationId"],
        "event": event["eventBody"].to_string(),
    });

    let body: Value = serde_json::from_str(&posted(&action, &inputs)).unwrap();

    assert_eq!(body, event);
}

#[test]
fn the_contract_of_a_data_action_asks_for_what_its_template_uses() {
    for arguments in ["trigger", "trigger --data-format json"] {
        let action = json_of(&format!("{arguments} --only data-action"));
        let schema = &action["contract"]["input"]["inputSchema"];
        let properties = schema["properties"].as_object().unwrap();
        let template = action["config"]["request"]["requestTemplate"]
            .as_str()
            .unwrap();

        assert_eq!(template.matches("input.").count(), properties.len());
        for name in schema["required"].as_array().unwrap() {
            assert!(properties.contains_key(name.as_str().unwrap()), "{name}");
        }
        let numbers = properties
            .values()
            .filter(|property| property["type"] == "integer");
        assert_eq!(numbers.count(), if arguments == "trigger" { 4 } else { 0 });
    }
}

#[test]
fn there_is_a_trigger_for_each_topic_with_genesys_members_only() {
    for (arguments, format) in [
        ("trigger", "TopLevelPrimitives"),
        ("trigger --data-format json", "Json"),
    ] {
        let triggers = json_of(&format!("{arguments} --only triggers"));
        let triggers = triggers.as_array().unwrap();
        assert_eq!(triggers.len(), 4);
        for (trigger, leaf) in triggers.iter().zip(LEAVES) {
            let expected = json!({
                "topicName": format!("v2.detail.events.conversation.{{id}}.{leaf}"),
                "name": format!("Call log: {leaf}"),
                "description": format!("Sends {leaf} to the Pipedrive bridge"),
                "target": {
                    "type": "Workflow",
                    "id": format!("<id of the workflow for {leaf}>"),
                    "workflowTargetSettings": {"dataFormat": format},
                },
                "matchCriteria": [
                    {"jsonPath": "mediaType", "operator": "In", "values": ["VOICE", "CHAT", "MESSAGE"]},
                ],
                "delayBySeconds": 60,
                "enabled": true,
            });
            assert_eq!(trigger, &expected);
        }
    }
}

#[test]
fn eventbridge_gets_the_address_the_topics_and_the_place_of_the_secret() {
    for (format, secret) in [
        ("aws-cli", "$WEBHOOK_TOKEN"),
        ("terraform", "var.webhook_token"),
    ] {
        let text = printed(&format!(
            "eventbridge --format {format} --organization 9b1f0c7e --suffix calls --region eu-central-1"
        ));

        for part in [
            WEBHOOK,
            secret,
            "X-Webhook-Token",
            "9b1f0c7e/calls",
            "BRIDGE__INGEST__EVENTBRIDGE__SOURCES=aws.partner/genesys.com/cloud/9b1f0c7e\n",
            "BRIDGE__INGEST__EVENTBRIDGE__ACCOUNTS",
            "eu-central-1",
            "86400",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        for topic in topics() {
            assert_eq!(
                text.matches(&topic).count(),
                2,
                "{topic}: in the comment and in the pattern"
            );
        }
        assert!(text.contains(r#"["VOICE", "CHAT", "MESSAGE"]"#));
    }
}

#[test]
fn the_event_pattern_of_the_commands_is_json_and_passes_our_samples() {
    let text = printed("eventbridge");
    let pattern = text
        .split("<<'JSON'\n")
        .nth(2)
        .unwrap()
        .split("\nJSON")
        .next()
        .unwrap();

    let pattern: Value = serde_json::from_str(pattern).unwrap();

    let event = sample("eventbridge-customer-end-voice-inbound");
    let prefix = pattern["source"][0]["prefix"].as_str().unwrap();
    assert!(event["source"].as_str().unwrap().starts_with(prefix));
    let has = |list: &Value, value: &Value| list.as_array().unwrap().contains(value);
    assert!(has(&pattern["detail-type"], &event["detail-type"]));
    assert!(has(
        &pattern["detail"]["eventBody"]["mediaType"],
        &event["detail"]["eventBody"]["mediaType"]
    ));
}

#[test]
fn terraform_text_is_balanced_and_refers_only_to_what_it_declares() {
    let text = printed("eventbridge --format terraform");
    let code: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();

    let mut open = Vec::new();
    for line in &code {
        assert_eq!(line.matches('"').count() % 2, 0, "{line}");
        // The braces in topics stand between quotes.
        for c in line.split('"').step_by(2).flat_map(str::chars) {
            match c {
                '{' | '[' | '(' => open.push(c),
                '}' => assert_eq!(open.pop(), Some('{'), "{line}"),
                ']' => assert_eq!(open.pop(), Some('['), "{line}"),
                ')' => assert_eq!(open.pop(), Some('('), "{line}"),
                _ => {}
            }
        }
    }
    assert!(open.is_empty());

    let code = code.join("\n");
    for reference in code.split(|c: char| !(c.is_ascii_alphanumeric() || "._".contains(c))) {
        let mut parts = reference.trim_start_matches("data.").split('.');
        if let (Some(kind), Some(name), Some(_)) = (parts.next(), parts.next(), parts.next())
            && kind.starts_with("aws_")
        {
            assert!(
                code.contains(&format!(r#""{kind}" "{name}" {{"#)),
                "{reference}"
            );
        }
    }
}

#[test]
fn every_way_names_what_does_not_exist_and_the_permissions_that_do() {
    for arguments in ["guide", "trigger"] {
        let text = printed(arguments);
        for part in [
            "interaction.completed",
            "webhooks:read",
            "api/v2/integrations/pipedrive",
            "/v1/contacts",
            "contacts:write",
            "processautomation:trigger:add",
            "integrations:integration",
        ] {
            assert!(text.contains(part), "{arguments}: {part}");
        }
    }
    assert!(printed("eventbridge").contains("integrations:integration:*"));
}

#[test]
fn nothing_that_is_printed_holds_a_secret_or_an_empty_place() {
    for arguments in [
        "guide",
        "eventbridge",
        "eventbridge --format terraform",
        "trigger",
        "trigger --data-format json",
    ] {
        let text = printed(arguments);
        assert!(!text.contains(SECRET), "{arguments}");
        assert!(!text.contains('@'), "{arguments}: {text}");
        assert!(text.contains(WEBHOOK), "{arguments}");
    }
}

#[test]
fn an_address_is_https_without_secrets_and_its_path_is_completed() {
    for (address, expected) in [
        ("https://calls.example.com/", WEBHOOK),
        (WEBHOOK, WEBHOOK),
        (
            "https://example.com:8443/bridge",
            "https://example.com:8443/bridge/api/v1/genesys/webhook",
        ),
    ] {
        let text = try_printed(&format!("guide --only subscription --url {address}")).unwrap();
        assert!(text.contains(&format!("\"{expected}\"")), "{text}");
    }
    for address in [
        "http://calls.example.com",
        "calls.example.com",
        "https://user:password@calls.example.com",
        "https://calls.example.com/?token=x",
        "https://calls.example.com/$(id)",
        "https://calls.example.com/'x'",
    ] {
        assert!(
            try_printed(&format!("guide --url {address}")).is_err(),
            "{address}"
        );
    }
    assert!(try_printed("guide").is_err(), "without an address");
    assert!(try_printed(&format!("eventbridge --url {ADDRESS} --suffix \"a\"")).is_err());
}
