//! `ingest setup`: prints what has to be created outside of this product, filled with the operator's address.
//!
//! Secrets are named and never printed. What is printed are the files in `templates/`, in which `@NAME@` stands for a
//! value: `$` and braces mean something to shells, to Terraform and to Genesys' templates.

use std::io::{self, Write};

use clap::{Args, Subcommand, ValueEnum};
use shared::config::Ingest;

use crate::webhook::WEBHOOK_PATH;

mod address;
mod text;
mod trigger;

use text::{fill, indented, quoted, topics};
use trigger::{DataFormat, TriggerPart};

pub use address::Address;

/// Name of everything that is created in AWS and Genesys Cloud.
const NAME: &str = "genesys-pipedrive-bridge";
/// The way for which the setup is printed.
#[derive(Debug, Subcommand)]
pub enum Setup {
    /// The guide's webhook subscription, what it means here, and the request a sender of your own has to make.
    Guide(GuideArguments),
    /// Amazon EventBridge: the rule, and the API destination it delivers to. The way that loses nothing.
    Eventbridge(EventbridgeArguments),
    /// Genesys Cloud alone: triggers, their workflows, and the data action that posts.
    Trigger(TriggerArguments),
}

/// Arguments of every way.
#[derive(Debug, Args)]
pub struct Common {
    /// Where ingest is reached from outside, such as `https://calls.example.com`. The path of the webhook is added.
    #[arg(long, value_name = "URL")]
    url: Address,
}

/// Arguments of `ingest setup guide`.
#[derive(Debug, Args)]
pub struct GuideArguments {
    #[command(flatten)]
    common: Common,
    /// Print this part only, to be piped.
    #[arg(long, value_enum)]
    only: Option<GuidePart>,
}

/// A part of what is printed for the guide.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum GuidePart {
    /// JSON that replaces the subscription of the guide.
    Subscription,
    /// A body as it is to be posted.
    Event,
}

/// Arguments of `ingest setup eventbridge`.
#[derive(Debug, Args)]
pub struct EventbridgeArguments {
    #[command(flatten)]
    common: Common,
    /// As commands for a shell, or as Terraform's configuration.
    #[arg(long, value_enum, default_value_t = Format::AwsCli)]
    format: Format,
    /// AWS region of the event source.
    #[arg(long, default_value = "us-east-1", value_parser = address::plain_name)]
    region: String,
    /// Id of your organization, as Genesys Cloud shows it in Admin > Account Settings > Organization Settings.
    #[arg(long, value_name = "ID", value_parser = address::plain_name)]
    organization: Option<String>,
    /// Event source suffix, as entered in Genesys Cloud.
    #[arg(long, default_value = "pipedrive-bridge", value_parser = address::plain_name)]
    suffix: String,
}

/// The language of what is printed for EventBridge.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// Commands of the AWS CLI.
    AwsCli,
    /// Resources in Terraform's language.
    Terraform,
}

/// Arguments of `ingest setup trigger`.
#[derive(Debug, Args)]
pub struct TriggerArguments {
    #[command(flatten)]
    common: Common,
    /// How the trigger hands the event to the workflow.
    #[arg(long, value_enum, default_value_t = DataFormat::Primitives)]
    data_format: DataFormat,
    /// Print this part only, to be piped.
    #[arg(long, value_enum)]
    only: Option<TriggerPart>,
}

/// Prints the setup for one way. Channels and statuses are those of the settings.
///
/// # Errors
///
/// When the text cannot be written.
pub fn run(setup: &Setup, settings: &Ingest, out: &mut impl Write) -> io::Result<()> {
    let text = match setup {
        Setup::Guide(arguments) => guide(arguments, settings),
        Setup::Eventbridge(arguments) => eventbridge(arguments, settings),
        Setup::Trigger(arguments) => {
            let media = media(settings);
            trigger::print(
                &arguments.common.url,
                arguments.data_format,
                arguments.only,
                &media,
            )
        }
    };
    writeln!(out, "{}", text.trim_end())
}

fn guide(arguments: &GuideArguments, settings: &Ingest) -> String {
    let url = arguments.common.url.as_str();
    let subscription = fill(
        include_str!("templates/guide-subscription.json"),
        &[
            ("URL", url),
            ("CHANNELS", &quoted(&settings.channels, ",\n        ")),
            ("STATUSES", &quoted(&settings.statuses, ",\n        ")),
        ],
    );
    let event = include_str!("templates/guide-event.json");
    match arguments.only {
        Some(GuidePart::Subscription) => subscription,
        Some(GuidePart::Event) => event.to_owned(),
        None => fill(
            include_str!("templates/guide.txt"),
            &[
                ("URL", url),
                ("SUBSCRIPTION", &indented(&subscription, "  ")),
                ("EVENT", &indented(event, "  ")),
                ("CHANNEL_LIST", &settings.channels.join(",")),
                ("STATUS_LIST", &settings.statuses.join(",")),
                ("NAMES", include_str!("templates/names.txt")),
            ],
        ),
    }
}

fn eventbridge(arguments: &EventbridgeArguments, settings: &Ingest) -> String {
    let template = match arguments.format {
        Format::AwsCli => include_str!("templates/eventbridge.sh"),
        Format::Terraform => include_str!("templates/eventbridge.tf"),
    };
    let topics = topics();
    let listed = indented(&topics.join("\n"), "#   ");
    let organization = arguments
        .organization
        .as_deref()
        .unwrap_or("<id of your organization>");
    fill(
        template,
        &[
            ("URL", arguments.common.url.as_str()),
            ("REGION", &arguments.region),
            ("ORGANIZATION", organization),
            ("SUFFIX", &arguments.suffix),
            ("NAME", NAME),
            ("TOPIC_LINES", &listed),
            ("TOPICS", &quoted(&topics, ", ")),
            ("MEDIA", &quoted(&media(settings), ", ")),
        ],
    )
}

/// Genesys' names for the media of the configured channels; without channels, those of every medium that customers use.
fn media(settings: &Ingest) -> Vec<String> {
    let every = ["voice", "chat", "email", "callback"].map(str::to_owned);
    let channels = match settings.channels.as_slice() {
        [] => every.as_slice(),
        some => some,
    };
    let mut media = Vec::new();
    for channel in channels {
        let names: &[&str] = match channel.as_str() {
            "chat" => &["CHAT", "MESSAGE"],
            other => &[other],
        };
        for name in names.iter().map(|name| name.to_uppercase()) {
            if !media.contains(&name) {
                media.push(name);
            }
        }
    }
    media
}

#[cfg(test)]
mod tests;
